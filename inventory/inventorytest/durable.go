package inventorytest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func durableChecks() []check {
	return []check{
		{
			name: "DurableAfterEachKindOfChange", run: durableAfterEachKind, needs: reopen,
			why: "Commit returned: the engine touches the array and relies on finding this after a crash",
		},
		{
			name: "InstallationSurvives", run: installationSurvives, needs: reopen,
			why: "a second id would make all our own snapshots foreign, for ever",
		},
		{
			name: "SeqSurvives", run: seqSurvives, needs: reopen,
			why: "a reader of the feed goes on behind the last Seq that it saw, also after a restart of ours",
		},
		{
			name: "LeaseSurvives", run: leaseSurvives, needs: reopen,
			why: "a store that restarts must not hand out what another process still works on",
		},
	}
}

func (s *scene) reopen() {
	s.Helper()
	s.inv = s.h.Reopen(s.tb, s.inv)
}

func durableAfterEachKind(s *scene) {
	v, o, rec := s.newVolume(), s.newOperation(), s.newRecord()
	root, child, last := s.newSnapshot(v), s.newSnapshot(v), s.newSnapshot(v)
	child.Parent = root.ID
	next := s.newVolume()
	for _, step := range []struct {
		name  string
		parts func() []part
	}{
		{"volume created", func() []part { return []part{write(v)} }},
		{"volume changed", func() []part { return []part{write(s.volume(v.ID)), write(next)} }},
		{"snapshots put", func() []part { return []part{put(root, child, last)} }},
		{"snapshot changed", func() []part { return []part{put(s.snapshot(last.ID))} }},
		{"children moved", func() []part { return []part{reparent(v, root.ID, snapshot.ID{})} }},
		{"snapshot dropped", func() []part { return []part{drop(root.ID)} }},
		{"operation begun", func() []part { return []part{begin(o)} }},
		{"operation advanced", func() []part { return []part{advance(o)} }},
		{"record made", func() []part { return []part{keep(rec)} }},
		{"record changed", func() []part { return []part{keep(s.record(key(rec)))} }},
		{"record deleted", func() []part { return []part{forget(s.record(key(rec)))} }},
		{"volume deleted", func() []part { return []part{erase(s.volume(v.ID))} }},
	} {
		s.commit(step.parts()...)
		before := s.contents()
		s.reopen()
		require.Equal(s, before, s.contents(), step.name)
	}
	require.Len(s, s.contents().Volumes, 1)
}

func installationSurvives(s *scene) {
	before, err := s.inv.Installation(s.Context())
	require.NoError(s, err)
	for range 2 {
		s.reopen()
		after, err := s.inv.Installation(s.Context())
		require.NoError(s, err)
		require.Equal(s, before, after)
	}
}

func seqSurvives(s *scene) {
	a, b := s.newOperation(), s.newOperation()
	s.commit(begin(a))
	s.commit(begin(b))
	last := s.operation(b.ID).Seq
	s.reopen()
	s.commit(advance(a))
	require.Greater(s, s.operation(a.ID).Seq, last)
}

func leaseSurvives(s *scene) {
	o := s.newOperation()
	o.LeaseOwner = "p1"
	s.commit(operate(leased(o, 0, long)))
	until := s.operation(o.ID).LeaseUntil
	s.reopen()
	s.refuse(inventory.ErrStale, operate(takeOver(o, "p2")))
	require.Equal(s, until, s.operation(o.ID).LeaseUntil)
	require.Equal(s, time.UTC, s.operation(o.ID).LeaseUntil.Location())
}
