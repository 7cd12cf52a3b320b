package drivertest

import (
	"fmt"
	"reflect"
	"strings"
	"text/tabwriter"

	"github.com/storagesnap/storagesnap/driver"
)

// table prints the results as a person reads them: one line a check, then the counts.
func table(results []result) string {
	lines := []string{"check\tresult\tseconds\tnote\n"}
	counts := map[status]int{}
	for _, r := range results {
		counts[r.status]++
		lines = append(lines, fmt.Sprintf("%s\t%s\t%.3f\t%s\n", r.name, r.status, r.took.Seconds(), r.note))
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	// A strings.Builder takes everything.
	_, _ = w.Write([]byte(strings.Join(lines, "")))
	_ = w.Flush()
	fmt.Fprintf(&b, "%d checks: %d %s, %d %s, %d %s, %d %s\n", len(results), counts[passed], passed,
		counts[failed], failed, counts[skipped], skipped, counts[deviates], deviates)
	return b.String()
}

func describeBackend(d driver.Description, a driver.Abilities) string {
	var b strings.Builder
	fmt.Fprintf(&b, "backend:   %s (%s %s)\n", d.Backend, d.Product, d.Version)
	fmt.Fprintf(&b, "facts:     %s\n", fieldsSet(d.Facts, true))
	fmt.Fprintf(&b, "limits:    %s\n", fieldsSet(d.Limits, true))
	fmt.Fprintf(&b, "abilities: %s\n", fieldsSet(a, false))
	return b.String()
}

func describeHost(d driver.HostDescription, a driver.HostAbilities) string {
	var b strings.Builder
	fmt.Fprintf(&b, "host:      %s (%s %s)\n", d.HostID, d.Product, d.Version)
	fmt.Fprintf(&b, "re-signs:  %t\n", d.Resign)
	fmt.Fprintf(&b, "abilities: %s\n", fieldsSet(a, false))
	return b.String()
}

// fieldsSet lists the fields of a struct that are not zero, with their values or only their names.
func fieldsSet(v any, values bool) string {
	var set []string
	for f, fv := range reflect.ValueOf(v).Fields() {
		if !f.IsExported() || fv.IsZero() {
			continue
		}
		text := f.Name
		if values && fv.Kind() != reflect.Bool {
			text += fmt.Sprintf("=%v", fv.Interface())
		}
		set = append(set, text)
	}
	if len(set) == 0 {
		return "none"
	}
	return strings.Join(set, ", ")
}
