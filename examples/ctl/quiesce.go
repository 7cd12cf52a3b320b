package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// quiesceFlags are the flags by which hosts are asked to hold writes.
type quiesceFlags struct {
	want, required bool
	most           time.Duration
}

func (q *quiesceFlags) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&q.want, "quiesce", false, "ask the hosts to hold writes meanwhile; if they cannot, it is as after a power cut")
	f.BoolVar(&q.required, "quiesce-required", false, "as --quiesce, but if they cannot, take no snapshot")
	f.DurationVar(&q.most, "quiesce-max", engine.QuiesceMax, "the longest time that writes may be held")
}

func (q *quiesceFlags) wanted() *engine.Quiesce {
	if !q.want && !q.required {
		return nil
	}
	return &engine.Quiesce{Max: q.most, Required: q.required}
}
