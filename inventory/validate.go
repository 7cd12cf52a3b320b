package inventory

import (
	"fmt"

	"github.com/storagesnap/storagesnap/snapshot"
)

// Validate checks the rules of a change that need no look at the store; every store calls it first. The error is an
// ErrInvalid that says which part is wrong.
func (c Change) Validate() error {
	if c.ID.IsZero() {
		return invalid("change without an id")
	}
	if n := c.size(); n > MaxChange {
		return invalid("change touches %d rows; the most is %d: split it", n, MaxChange)
	}
	seen := make(map[snapshot.VolumeID]bool, len(c.Volumes))
	for _, v := range c.Volumes {
		if err := v.validate(); err != nil {
			return err
		}
		if seen[v.Volume.ID] {
			return invalid("volume %s stands twice in the change", v.Volume.ID)
		}
		seen[v.Volume.ID] = true
	}
	if err := validateSnapshots(c); err != nil {
		return err
	}
	if c.Operation != nil {
		if err := c.Operation.validate(); err != nil {
			return err
		}
	}
	for _, r := range c.Records {
		if r.Record.Kind == "" || r.Record.ID == "" {
			return invalid("record without a kind or an id")
		}
		if r.Delete && r.IfVersion == 0 {
			return invalid("record %s %s: a deletion needs the version", r.Record.Kind, r.Record.ID)
		}
	}
	return nil
}

func (c Change) size() int {
	n := len(c.Volumes) + len(c.Put) + len(c.Drop) + len(c.Reparent) + len(c.Records)
	if c.Operation != nil {
		n++
	}
	return n
}

func (v VolumeChange) validate() error {
	switch {
	case v.Volume.ID.IsZero():
		return invalid("volume without an id")
	case v.Delete && v.IfVersion == 0:
		return invalid("volume %s: a deletion needs the version", v.Volume.ID)
	case v.Delete:
		return nil
	case v.Volume.Backend == "":
		return invalid("volume %s: no backend", v.Volume.ID)
	case v.Volume.HeadUnknown && !v.Volume.Head.IsZero():
		return invalid("volume %s: the head cannot be known and unknown", v.Volume.ID)
	}
	return nil
}

func validateSnapshots(c Change) error {
	touched := make(map[snapshot.ID]bool, len(c.Put)+len(c.Drop))
	touch := func(id snapshot.ID) error {
		if id.IsZero() {
			return invalid("snapshot without an id")
		}
		if touched[id] {
			return invalid("snapshot %s stands twice in the change", id)
		}
		touched[id] = true
		return nil
	}
	for _, s := range c.Put {
		if err := touch(s.ID); err != nil {
			return err
		}
		switch {
		case s.Volume.IsZero():
			return invalid("snapshot %s: no volume", s.ID)
		case s.Parent == s.ID:
			return invalid("snapshot %s: is its own parent", s.ID)
		case !s.Lineage.Valid():
			return invalid("snapshot %s: unknown lineage %q", s.ID, s.Lineage)
		case !s.State.Valid():
			return invalid("snapshot %s: unknown state %q", s.ID, s.State)
		case s.Version < 0:
			return invalid("snapshot %s: version %d", s.ID, s.Version)
		}
	}
	for _, id := range c.Drop {
		if err := touch(id); err != nil {
			return err
		}
	}
	for _, r := range c.Reparent {
		if r.Volume.IsZero() || r.From.IsZero() || r.From == r.To {
			return invalid("reparenting from %q to %q in volume %q", r.From, r.To, r.Volume)
		}
	}
	return nil
}

func (o OperationChange) validate() error {
	op := o.Operation
	want := o.IfEpoch
	if o.TakeOver || o.Restart || o.IfEpoch == 0 {
		want++
	}
	switch {
	case op.ID.IsZero() || op.Kind == "":
		return invalid("operation without an id or a kind")
	case o.IfSeq < 0, o.IfSeq > 0 && !o.TakeOver:
		return invalid("operation %s: only a take-over can depend on a seq, and that is above zero", op.ID)
	case o.TakeOver && o.Restart, o.IfEpoch == 0 && (o.TakeOver || o.Restart):
		return invalid("operation %s: only one that exists can be taken over or restarted", op.ID)
	case op.Epoch != want:
		return invalid("operation %s: epoch %d, want %d", op.ID, op.Epoch, want)
	case o.LeaseTTL < 0, o.LeaseTTL > 0 && op.LeaseOwner == "":
		return invalid("operation %s: a lease needs an owner and a time", op.ID)
	}
	return nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("inventory: %s: %w", fmt.Sprintf(format, args...), ErrInvalid)
}

// Validate checks the rules of a page; every store calls it first. The error is an ErrInvalid.
func (p Page[K]) Validate() error {
	if p.Limit < 0 || p.Offset < 0 {
		return invalid("limit %d, offset %d: neither can be negative", p.Limit, p.Offset)
	}
	return nil
}
