package drivertest

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/storagesnap/storagesnap/driver"
)

func TestZZ(t *testing.T) {
	failedBy := map[string]int{}
	for _, c := range checks() {
		failedBy[c.name] = 0
	}
	var all []mutation
	for _, of := range []func() []mutation{
		describeMutations, createMutations, lookupMutations, listMutations, foreignMutations, deleteMutations, revertMutations,
		revertFactMutations, cloneMutations, groupMutations, manageMutations, accessMutations, lostMutations, errorMutations,
	} {
		all = append(all, of()...)
	}
	fmt.Println(len(all), "mutations")
	for _, c := range all {
		if c.bug == "list does not stop with its reader" { continue }
		synctest.Test(t, func(t *testing.T) {
			r := newRig(c.opts)
			r.wrap = func(d driver.Driver) driver.Driver {
				m := &mutant{Driver: d}
				c.plant(m, d, r)
				return m
			}
			for _, res := range evaluate(t, r.harness()) {
				if res.status == failed {
					failedBy[res.name]++
				}
			}
		})
	}
	for _, c := range checks() {
		if failedBy[c.name] == 0 {
			fmt.Println("NEVER", c.name)
		}
	}
}
