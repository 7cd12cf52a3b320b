package engine_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/driver/drivertest"
	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// groupScenes are the scenes of the crash matrix about several volumes, and about writes that are held.
func groupScenes() []scene {
	quiesced := &engine.Quiesce{Max: time.Minute}
	required := &engine.Quiesce{Max: time.Minute, Required: true}
	whole := driver.Facts{GroupMemberDelete: driver.MemberDeleteRefused}
	container := driver.Facts{SnapshotUnit: driver.UnitContainer, RevertUnit: driver.UnitContainer}
	return []scene{
		quiescedCreate("create, quiesced", quiesced), quiescedCreate("create, quiesced or not at all", required),
		createGroup("create group", settings{}, nil),
		createGroup("create group, quiesced", settings{host: true}, quiesced),
		createGroup("create group by single calls", settings{host: true, without: []string{"Groups"}}, quiesced),
		createGroup("create group in a container", settings{facts: container, container: "c"}, nil),
		revertGroup("revert group", settings{host: true}, false),
		revertGroup("revert group, keep current", settings{}, true),
		revertGroup("revert group, changed ids", settings{facts: driver.Facts{RevertChangesID: true}}, false),
		revertGroup("revert group, drops younger", settings{facts: driver.Facts{RevertDropsYounger: true}}, false),
		revertGroup("revert group of a container", settings{facts: container, container: "c"}, false),
		deleteGroup("delete group", settings{}), deleteGroup("delete group, only as a whole", settings{facts: whole}),
		deleteGroup("delete group by single calls", settings{host: true, without: []string{"Groups"}}),
		deleteGroup("delete group to the trash", settings{facts: driver.Facts{DeleteToTrash: true}}),
		deleteMember(settings{facts: driver.Facts{GroupMemberDelete: driver.MemberDeleteBreaksGroup}}),
	}
}

func quiescedCreate(name string, q *engine.Quiesce) scene {
	return scene{
		name: name, settings: settings{host: true}, fragile: q.Required,
		before: func(w *world, _ *stage) { w.fill(1) },
		act: func(w *world, s *stage) error {
			_, err := w.eng.Create(w.context(), engine.CreateRequest{
				Common: s.common(), Volume: w.volume.ID, Name: "new", Quiesce: q,
			})
			return err
		},
		after: func(w *world, _ *stage, done bool) {
			require.Empty(w.t, w.host.Frozen(), "whatever happened, the guest writes again")
			rows, err := w.eng.Snapshots(ctx(w.t), w.volume.ID)
			require.NoError(w.t, err)
			require.Len(w.t, rows, map[bool]int{false: 0, true: 1}[done])
			for _, row := range rows {
				if row.Quiesce == snapshot.QuiesceFrozen {
					require.Equal(w.t, snapshot.ApplicationConsistent, row.Consistency)
					continue
				}
				require.False(w.t, q.Required, "required, and not had")
				require.Equal(w.t, snapshot.QuiesceFellBack, row.Quiesce, "it was asked for")
				require.Equal(w.t, snapshot.CrashConsistent, row.Consistency)
			}
		},
	}
}

// twoVolumes makes a sibling with the content 2; the main volume's is 1.
func twoVolumes(w *world, s *stage) {
	s.sibling = w.addSibling(w.volume.Container)
	w.fill(1)
	w.fillNative(s.sibling, 2)
}

func (w *world) createGroup(s *stage, q *engine.Quiesce) (engine.Group, error) {
	return w.eng.CreateGroup(w.context(), engine.CreateGroupRequest{
		Common: s.common(), Volumes: []snapshot.VolumeID{s.sibling.ID, w.volume.ID}, Name: "both", Quiesce: q,
	})
}

func createGroup(name string, in settings, q *engine.Quiesce) scene {
	return scene{
		name: name, settings: in, before: twoVolumes, fragile: slices.Contains(in.without, "Groups"),
		act: func(w *world, s *stage) error { _, err := w.createGroup(s, q); return err },
		after: func(w *world, s *stage, done bool) {
			groups := w.groups()
			if w.host != nil {
				require.Empty(w.t, w.host.Frozen())
			}
			if !done {
				require.Empty(w.t, groups)
				require.Empty(w.t, w.array.AllSnapshots(), "no half group")
				return
			}
			require.Len(w.t, groups, 1)
			g := groups[0]
			require.False(w.t, g.Degraded)
			require.Equal(w.t, []snapshot.VolumeID{s.sibling.ID, w.volume.ID}, g.Volumes)
			if q == nil || slices.Contains(in.without, "Groups") {
				require.NotEqual(w.t, snapshot.CrashConsistent, g.Consistency)
			}
			for i, want := range []byte{2, 1} {
				content, err := w.array.SnapshotContent(driver.SnapshotRef{
					Volume: driver.VolumeID(g.Members[i].NativeVolume), ID: g.Members[i].Native, Token: driver.Token(g.Members[i].Token),
				})
				require.NoError(w.t, err)
				require.Equal(w.t, want, content[0])
				vol, err := w.inv.Volume(ctx(w.t), g.Volumes[i])
				require.NoError(w.t, err)
				require.Equal(w.t, g.Members[i].ID, vol.Head)
			}
		},
	}
}

func (w *world) groups() []engine.Group {
	w.t.Helper()
	var all []engine.Group
	for g, err := range w.eng.Groups(ctx(w.t), engine.GroupQuery{}) {
		require.NoError(w.t, err)
		all = append(all, g)
	}
	return all
}

// grouped is the stage with a group of both volumes, whose contents then go on to 3 and 4.
func grouped(w *world, s *stage) {
	twoVolumes(w, s)
	var q *engine.Quiesce
	if w.host != nil {
		q = &engine.Quiesce{}
	}
	op := s.op
	s.op = inventory.OperationID{}
	g, err := w.createGroup(s, q)
	require.NoError(w.t, err)
	s.op, s.group = op, g.ID
	w.fill(3)
	w.fillNative(s.sibling, 4)
}

func revertGroup(name string, in settings, keep bool) scene {
	return scene{
		name: name, settings: in,
		before: func(w *world, s *stage) {
			grouped(w, s)
			if in.facts.RevertDropsYounger {
				w.create("younger")
			}
		},
		act: func(w *world, s *stage) error {
			req := engine.RevertGroupRequest{
				Common: s.common(), Group: s.group, KeepCurrent: keep, DropYounger: in.facts.RevertDropsYounger,
			}
			if keep {
				req.KeepName = "kept"
			}
			_, err := w.eng.RevertGroup(w.context(), req)
			return err
		},
		after: func(w *world, s *stage, done bool) {
			g, err := w.eng.Group(ctx(w.t), s.group)
			require.NoError(w.t, err)
			require.False(w.t, g.Degraded)
			old, now := []byte{4, 3}, []byte{2, 1}
			if s.wrote != 0 { // through the host of the main volume, while it was attached
				old[1], now[1] = s.wrote, s.wrote
			}
			for i, id := range g.Volumes {
				vol, err := w.inv.Volume(ctx(w.t), id)
				require.NoError(w.t, err)
				want := old[i]
				if done {
					want = now[i]
					require.Equal(w.t, g.Members[i].ID, vol.Head)
				}
				require.Equal(w.t, want, w.content(vol.Native))
				if w.host != nil {
					require.Positive(w.t, w.host.Attached(vol.Disk))
				}
			}
			kept := len(w.array.AllSnapshots()) - 2
			switch {
			case keep:
				require.Equal(w.t, map[bool]int{false: 0, true: 2}[done], kept)
			case in.facts.RevertDropsYounger:
				require.Equal(w.t, map[bool]int{false: 1, true: 0}[done], kept)
			}
		},
	}
}

func deleteGroup(name string, in settings) scene {
	return scene{
		name: name, settings: in, before: grouped,
		act: func(w *world, s *stage) error {
			return w.eng.DeleteGroup(w.context(), engine.DeleteGroupRequest{Common: s.common(), Group: s.group})
		},
		after: func(w *world, _ *stage, done bool) {
			require.Len(w.t, w.groups(), map[bool]int{false: 1, true: 0}[done])
			require.Len(w.t, w.array.AllSnapshots(), map[bool]int{false: 2, true: 0}[done])
			require.Equal(w.t, done, w.now().Head.IsZero())
		},
	}
}

// deleteMember deletes both members, one by one: the group is degraded, and goes with the last.
func deleteMember(in settings) scene {
	return scene{
		name: "delete a member", settings: in,
		before: func(w *world, s *stage) {
			grouped(w, s)
			require.NoError(w.t, w.eng.Delete(ctx(w.t), engine.DeleteRequest{Snapshot: w.groups()[0].Members[0].ID}))
			require.True(w.t, w.groups()[0].Degraded)
		},
		act: func(w *world, s *stage) error {
			rows, err := w.eng.Snapshots(ctx(w.t), w.volume.ID)
			if err != nil {
				return err
			}
			return w.eng.Delete(w.context(), engine.DeleteRequest{Common: s.common(), Snapshot: rows[0].ID})
		},
		after: func(w *world, _ *stage, done bool) {
			require.Len(w.t, w.groups(), map[bool]int{false: 1, true: 0}[done])
		},
	}
}

func TestGroupThatIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		in      settings
		q       *engine.Quiesce
		class   driver.Class
		message string
	}{
		"array cannot":  {settings{without: []string{"Groups"}}, nil, driver.ErrUnsupported, "ask for one"},
		"too many":      {settings{limits: driver.Limits{GroupSize: 1}}, nil, driver.ErrUnsupported, "at most 1"},
		"nobody thaws":  {settings{without: []string{"Groups"}}, &engine.Quiesce{}, driver.ErrUnsupported, "no known host"},
		"limit reached": {settings{limits: driver.Limits{SnapshotsPerVolume: 1}}, nil, driver.ErrExhausted, "allows 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.in)
			s := &stage{}
			twoVolumes(w, s)
			if test.class == driver.ErrExhausted {
				w.create("one")
			}
			_, err := w.createGroup(s, test.q)
			require.ErrorIs(t, err, test.class)
			require.ErrorContains(t, err, test.message)
			require.Empty(t, w.groups())
		})
	}
}

func TestDegradedGroup(t *testing.T) {
	w := newWorld(t, settings{})
	s := &stage{}
	grouped(w, s)
	require.NoError(t, w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: w.groups()[0].Members[0].ID}))
	_, err := w.eng.RevertGroup(ctx(t), engine.RevertGroupRequest{Group: s.group})
	require.ErrorIs(t, err, driver.ErrConflict)
	require.ErrorContains(t, err, "1 of 2")
	_, err = w.eng.RevertGroup(ctx(t), engine.RevertGroupRequest{Group: s.group, Partial: true})
	require.NoError(t, err)
	require.Equal(t, byte(1), w.content(w.now().Native))
	require.Equal(t, byte(4), w.content(s.sibling.Native), "the volume without a member is left alone")
}

func TestGroupOutlivesAVolume(t *testing.T) {
	w := newWorld(t, settings{})
	s := &stage{}
	grouped(w, s)
	err := w.eng.DeleteVolume(ctx(t), engine.DeleteVolumeRequest{Volume: s.sibling.ID, Snapshots: engine.SnapshotsKeep})
	require.NoError(t, err)
	_, err = w.eng.RevertGroup(ctx(t), engine.RevertGroupRequest{Group: s.group})
	require.ErrorIs(t, err, driver.ErrNotFound)
	require.ErrorContains(t, err, s.sibling.ID.String())
	_, err = w.eng.RevertGroup(ctx(t), engine.RevertGroupRequest{Group: s.group, Partial: true})
	require.NoError(t, err)
	require.Equal(t, byte(1), w.content(w.now().Native))
	require.NoError(t, w.eng.DeleteGroup(ctx(t), engine.DeleteGroupRequest{Group: s.group}))
	require.Empty(t, w.array.AllSnapshots())
}

func TestGroupMemberThatGoesOnlyWithItsGroup(t *testing.T) {
	w := newWorld(t, settings{facts: driver.Facts{GroupMemberDelete: driver.MemberDeleteRefused}})
	s := &stage{}
	grouped(w, s)
	err := w.eng.Delete(ctx(t), engine.DeleteRequest{Snapshot: w.groups()[0].Members[0].ID})
	require.ErrorIs(t, err, driver.ErrUnsupported)
	require.Equal(t, s.group.String(), driver.BlockersOf(err)[0].ID)
}

// TestFreezeOfAGroup measures, on a fake clock, for how long the guests of 32 volumes stand still while each call of the array
// takes 10 ms.
func TestFreezeOfAGroup(t *testing.T) {
	for name, test := range map[string]struct {
		without []string
		calls   int
	}{
		"one call takes all": {nil, 1}, "one call for each": {[]string{"Groups"}, 32},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const latency = 10 * time.Millisecond
				calls := time.Duration(test.calls) * latency
				w := newWorld(t, settings{host: true, without: test.without})
				defer w.close()
				volumes := []snapshot.VolumeID{w.volume.ID}
				for range 31 {
					volumes = append(volumes, w.addSibling("").ID)
				}
				for _, call := range []string{"CreateGroup", "CreateSnapshot"} {
					w.faults.Add(drivertest.Fault{Method: call, When: drivertest.Slow, Delay: latency})
				}
				g, err := w.eng.CreateGroup(ctx(t), engine.CreateGroupRequest{
					Volumes: volumes, Name: "all", Quiesce: &engine.Quiesce{Required: true},
				})
				require.NoError(t, err)
				require.Equal(t, snapshot.QuiesceFrozen, g.Quiesce)
				require.LessOrEqual(t, g.Frozen, calls*12/10)
				require.GreaterOrEqual(t, g.Frozen, calls)
				t.Logf("32 volumes: writes were held for %s, %.2f calls", g.Frozen, float64(g.Frozen)/float64(latency))
			})
		})
	}
}

// TestFreezeEnds: a call that hangs does not keep the guests frozen, and a freeze that was too short counts as none.
func TestFreezeEnds(t *testing.T) {
	for name, required := range map[string]bool{"required": true, "falls back": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, settings{host: true})
				defer w.close()
				w.faults.Add(drivertest.Fault{Method: "CreateSnapshot", Call: 1, When: drivertest.Slow, Delay: time.Hour})
				began := time.Now()
				s, err := w.eng.Create(ctx(t), engine.CreateRequest{
					Volume: w.volume.ID, Name: "new", Quiesce: &engine.Quiesce{Max: 5 * time.Second, Required: required},
				})
				require.Less(t, time.Since(began), time.Minute)
				require.Empty(t, w.host.Frozen())
				if err == nil {
					require.Equal(t, snapshot.QuiesceFellBack, s.Quiesce)
				}
				w.tree()
			})
		})
	}
}

// TestGroupExpires: members that go only together go together, once all have expired.
func TestGroupExpires(t *testing.T) {
	for name, facts := range map[string]driver.Facts{
		"one by one": {}, "as a whole": {GroupMemberDelete: driver.MemberDeleteRefused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, settings{facts: facts})
				defer w.close()
				s := &stage{}
				twoVolumes(w, s)
				g, err := w.eng.CreateGroup(ctx(t), engine.CreateGroupRequest{
					Volumes: []snapshot.VolumeID{s.sibling.ID, w.volume.ID}, Name: "both", ExpiresAt: time.Now().Add(time.Hour),
				})
				require.NoError(t, err)
				_, err = w.eng.SetExpiry(ctx(t), engine.SetExpiryRequest{Snapshot: g.Members[1].ID, At: time.Now().Add(3 * time.Hour)})
				require.NoError(t, err)
				<-time.After(2 * time.Hour)
				report, err := w.eng.Expire(ctx(t))
				require.NoError(t, err)
				whole := facts.GroupMemberDelete == driver.MemberDeleteRefused
				require.Len(t, report.Kept, map[bool]int{false: 0, true: 1}[whole], "its sibling has not expired yet")
				<-time.After(2 * time.Hour)
				_, err = w.eng.Expire(ctx(t))
				require.NoError(t, err)
				require.Empty(t, w.array.AllSnapshots())
				require.Empty(t, w.groups())
				w.tree()
			})
		})
	}
}

// TestGroupOnAWord: nothing but a person's word stood for the fence, and the outcome for the second volume was lost. It cannot be
// sent again, nor taken back, so the person who looks can say that it took place.
func TestGroupOnAWord(t *testing.T) {
	w := newWorld(t, settings{without: []string{"Access"}})
	s := &stage{}
	grouped(w, s)
	w.faults.Add(drivertest.Fault{
		Method: "Revert", Call: 2, When: drivertest.After, Err: driver.Errorf(driver.ErrIndeterminate, "the reply was lost"),
	})
	_, err := w.eng.RevertGroup(ctx(t), engine.RevertGroupRequest{
		Group: s.group, AssertDetached: &engine.Assertion{By: "ops", Reason: "the machines are off"},
	})
	var e *engine.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, inventory.Waiting, e.State)
	offered, err := w.eng.Choices(ctx(t), e.Operation)
	require.NoError(t, err)
	var names []engine.ChoiceName
	for _, c := range offered {
		names = append(names, c.Name)
	}
	require.Equal(t, []engine.ChoiceName{engine.ChoiceAssumeDone, engine.ChoiceAbandon}, names)
	require.NoError(t, w.eng.Resolve(ctx(t), e.Operation, engine.ChoiceAssumeDone, "ops", "the array says so"))
	require.NoError(t, w.eng.Idle(ctx(t)))
	op, err := w.eng.Wait(ctx(t), e.Operation)
	require.NoError(t, err)
	require.Equal(t, inventory.Succeeded, op.State)
	require.Equal(t, byte(1), w.content(w.now().Native))
	w.tree()
}
