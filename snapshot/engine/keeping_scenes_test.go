package engine_test

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// margin is the engine's default.
const margin = 24 * time.Hour

// day returns a time in the future, in the inventory's resolution.
func day(n int) time.Time {
	return time.Now().UTC().Truncate(time.Microsecond).Add(time.Duration(n) * 24 * time.Hour)
}

// atArray returns when the array deletes the snapshot by itself.
func (w *world) atArray(s snapshot.Snapshot) time.Time {
	w.t.Helper()
	for _, there := range w.array.AllSnapshots() {
		if there.Ref.ID == s.Native {
			return there.Expires
		}
	}
	require.Fail(w.t, "the array has no snapshot "+s.Native)
	return time.Time{}
}

func (w *world) hold(s snapshot.Snapshot, name string) {
	w.t.Helper()
	_, err := w.eng.Hold(ctx(w.t), engine.HoldRequest{Snapshot: s.ID, Name: name, By: "auditor", Reason: "case 7"})
	require.NoError(w.t, err)
}

func (w *world) setExpiry(s snapshot.Snapshot, at time.Time) {
	w.t.Helper()
	got, err := w.eng.SetExpiry(ctx(w.t), engine.SetExpiryRequest{Snapshot: s.ID, At: at})
	require.NoError(w.t, err)
	require.True(w.t, got.ExpiresAt.Equal(at))
}

// keepingState is how a snapshot is kept: by us and by the array.
type keepingState struct {
	holds   int
	expires time.Time
	array   time.Time
}

func (w *world) keeping(s snapshot.Snapshot) keepingState {
	row := w.row(s.ID)
	return keepingState{len(row.Holds), row.ExpiresAt, w.atArray(s).UTC()}
}

// keepingScenes change how long snapshots are kept, with an array that expires them by itself and without.
func keepingScenes(before func(*world, *stage)) []scene {
	hold := func(w *world, s *stage) error {
		_, err := w.eng.Hold(w.context(), engine.HoldRequest{Common: s.common(), Snapshot: s.one.ID, Name: "audit"})
		return err
	}
	release := func(w *world, s *stage) error {
		_, err := w.eng.Release(w.context(), engine.ReleaseRequest{Common: s.common(), Snapshot: s.one.ID, Name: "audit"})
		return err
	}
	expire := func(days int) func(w *world, s *stage) error {
		return func(w *world, s *stage) error {
			at := time.Time{}
			if days > 0 {
				at = s.at.Add(time.Duration(days) * 24 * time.Hour)
			}
			_, err := w.eng.SetExpiry(w.context(), engine.SetExpiryRequest{Common: s.common(), Snapshot: s.one.ID, At: at})
			return err
		}
	}
	// now is how it is before, then how it is afterwards, in days from the beginning; 0 is never.
	type now struct{ holds, expires, array int }
	var all []scene
	for _, v := range []struct {
		name      string
		plain     bool // the array cannot
		was, then now
		act       func(w *world, s *stage) error
	}{
		{"hold", true, now{}, now{holds: 1}, hold},
		{"hold, expiring", true, now{expires: 9}, now{holds: 1, expires: 9}, hold},
		{"hold, array", false, now{}, now{holds: 1}, hold},
		{"hold, array, expiring", false, now{expires: 9, array: 10}, now{holds: 1, expires: 9}, hold},
		{"release, expiring", true, now{holds: 1, expires: 9}, now{expires: 9}, release},
		{"release, array, expiring", false, now{holds: 1, expires: 9}, now{expires: 9, array: 10}, release},
		{"set expiry", true, now{}, now{expires: 5}, expire(5)},
		{"set expiry, array", false, now{}, now{expires: 5, array: 6}, expire(5)},
		{"set expiry, array, later", false, now{expires: 5, array: 6}, now{expires: 9, array: 10}, expire(9)},
		{"set expiry, array, never", false, now{expires: 5, array: 6}, now{}, expire(0)},
		{"set expiry, array, held", false, now{holds: 1}, now{holds: 1, expires: 5}, expire(5)},
	} {
		state := func(s *stage, n now) keepingState {
			at := func(days int) (t time.Time) {
				if days > 0 {
					t = s.at.Add(time.Duration(days) * 24 * time.Hour)
				}
				return t
			}
			return keepingState{n.holds, at(n.expires), at(n.array)}
		}
		sc := scene{
			name: v.name, act: v.act,
			before: func(w *world, s *stage) {
				before(w, s)
				s.at = day(0)
				if v.was.expires > 0 {
					w.setExpiry(s.one, s.at.Add(time.Duration(v.was.expires)*24*time.Hour))
				}
				if v.was.holds > 0 {
					w.hold(s.one, "audit")
				}
				require.Equal(w.t, state(s, v.was), w.keeping(s.one), "before")
			},
			after: func(w *world, s *stage, done bool) {
				want := v.was
				if done {
					want = v.then
				}
				require.Equal(w.t, state(s, want), w.keeping(s.one), "done %v", done)
			},
		}
		if v.plain {
			sc.without = []string{"Expiry"}
		}
		all = append(all, sc)
	}
	return append(all, createExpiringScene(before), editScene(before), editVolumeScene(before))
}

func createExpiringScene(before func(*world, *stage)) scene {
	return scene{
		name: "create, expiring", before: before,
		act: func(w *world, s *stage) error {
			s.at = day(3)
			_, err := w.eng.Create(w.context(), engine.CreateRequest{
				Common: s.common(), Volume: w.volume.ID, Name: "new", ExpiresAt: s.at,
			})
			return err
		},
		after: func(w *world, s *stage, done bool) {
			if !done {
				require.Equal(w.t, s.two.ID, w.now().Head)
				return
			}
			row := w.row(w.now().Head)
			require.True(w.t, s.at.Equal(row.ExpiresAt))
			require.True(w.t, s.at.Add(margin).Equal(w.atArray(row)), "the array would delete it later than we do")
		},
	}
}

func editScene(before func(*world, *stage)) scene {
	name, owner := "other", "bob"
	return scene{
		name: "edit", before: before,
		act: func(w *world, s *stage) error {
			_, err := w.eng.Edit(w.context(), engine.EditRequest{Common: s.common(), Snapshot: s.one.ID, Name: &name, Owner: &owner})
			return err
		},
		after: func(w *world, s *stage, done bool) {
			row := w.row(s.one.ID)
			require.Equal(w.t, map[bool]string{false: "one", true: name}[done], row.Name)
			require.Equal(w.t, map[bool]string{false: "tenant", true: owner}[done], row.Owner)
		},
	}
}

func editVolumeScene(before func(*world, *stage)) scene {
	name := "other"
	return scene{
		name: "edit volume", before: before, settings: settings{facts: driver.Facts{}},
		act: func(w *world, s *stage) error {
			_, err := w.eng.EditVolume(w.context(), engine.EditVolumeRequest{
				Common: s.common(), Volume: w.volume.ID, Name: &name, ExternalID: &name, Labels: map[string]string{"a": "b"},
			})
			return err
		},
		after: func(w *world, _ *stage, done bool) {
			var want inventory.Volume
			if done {
				want.Name, want.ExternalID, want.Labels = name, name, map[string]string{"a": "b"}
			} else {
				want.Name = "disk"
			}
			now := w.now()
			require.Equal(w.t, want, inventory.Volume{Name: now.Name, ExternalID: now.ExternalID, Labels: now.Labels})
		},
	}
}
