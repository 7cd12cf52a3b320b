package inventorytest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func concurrentChecks() []check {
	return []check{
		{
			name: "OneWinnerPerVersion", run: oneWinnerPerVersion,
			why: "compare-and-swap is the lock between processes: two winners are two operations on one volume",
		},
		{
			name: "OneWinnerPerUniqueValue", run: oneWinnerPerUniqueValue,
			why: "uniqueness that is only looked up before the insertion is not uniqueness",
		},
		{
			name: "OneTakeOver", run: oneTakeOver,
			why: "two processes that take over one operation send its calls twice",
		},
		{
			name: "NoLostUpdates", run: noLostUpdates,
			why: "under load every commit that was reported as done has to be there, and no other",
		},
		{
			name: "ReadsSeeWholeCommitsInOrder", run: readsSeeWholeCommits,
			why: "a reader that saw a commit must not see the time before it afterwards, in any row",
		},
		{
			name: "CancelledDuringCommit", run: cancelledDuringCommit,
			why: "a caller that is told that it gave up in time does not look again: the change must not be there",
		},
		{
			name: "FeedMissesNothing", run: feedMissesNothing,
			why: "if a lower Seq can become visible after a higher one, the reader of the feed never sees it",
		},
	}
}

// race runs n functions at once and returns their errors.
func race(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	group.Wait()
	return errs
}

// patiently commits, again while the store is too busy: the contract allows that, nothing was written.
func patiently(ctx context.Context, inv inventory.Inventory, parts ...part) error {
	for try := 0; ; try++ {
		err := inv.Commit(ctx, changeOf(parts...))
		if try == 100 || !errors.Is(err, inventory.ErrUnavailable) {
			return err
		}
	}
}

// expectOneWinner expects one success, and the class of error from all others.
func (s *scene) expectOneWinner(errs []error, class error) {
	s.Helper()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.ErrorIs(s, err, class)
	}
	require.Equal(s, 1, won, "winners")
}

const racers = 16

func oneWinnerPerVersion(s *scene) {
	v := s.volumes(1)[0]
	r := s.snapshots(v, 1)[0]
	o, rec, fresh := s.newOperation(v), s.newRecord(), s.newVolume()
	rounds := map[string]func(i int) part{
		"volume made": func(i int) part { w := fresh; w.Name = strconv.Itoa(i); return write(w) },
		"volume":      func(i int) part { w := v; w.Name = strconv.Itoa(i); return write(w) },
		"snapshot":    func(i int) part { w := r; w.Name = strconv.Itoa(i); return put(w) },
		"operation":   func(i int) part { w := o; w.Actor = strconv.Itoa(i); return begin(w) },
		"record":      func(i int) part { w := rec; w.Data = fmt.Append(nil, i); return keep(w) },
		"drop":        func(int) part { return drop(r.ID) },
	}
	for _, name := range []string{"volume made", "volume", "snapshot", "operation", "record", "drop"} {
		s.Logf("%s", name)
		s.expectOneWinner(race(racers, func(i int) error { return patiently(s.Context(), s.inv, rounds[name](i)) }), inventory.ErrStale)
	}
	require.Equal(s, int64(2), s.volume(v.ID).Version)
	require.Zero(s, s.volume(v.ID).SnapshotCount)
}

func oneWinnerPerUniqueValue(s *scene) {
	native := race(racers, func(int) error {
		v := s.newVolume()
		v.Native = "wanted"
		return patiently(s.Context(), s.inv, write(v))
	})
	s.expectOneWinner(native, inventory.ErrConflict)
	external := race(racers, func(int) error {
		v := s.newVolume()
		v.ExternalID = "wanted"
		return patiently(s.Context(), s.inv, write(v))
	})
	s.expectOneWinner(external, inventory.ErrConflict)
	require.Len(s, s.contents().Volumes, 2)
}

func oneTakeOver(s *scene) {
	v := s.volumes(1)[0]
	o := s.newOperation(v)
	s.commit(begin(o))
	s.expectOneWinner(race(racers, func(i int) error {
		return patiently(s.Context(), s.inv, operate(takeOver(o, strconv.Itoa(i))), write(v))
	}), inventory.ErrStale)
	require.Equal(s, int64(2), s.operation(o.ID).Epoch)
	require.Equal(s, int64(2), s.volume(v.ID).Version)
}

// rounds is how much a writer does under load.
func rounds() int {
	if testing.Short() {
		return 20
	}
	return 60
}

// noLostUpdates lets 8 writers add up numbers on 20 volumes, one snapshot with each addition.
func noLostUpdates(s *scene) {
	volumes := s.volumes(20)
	done := make([]atomic.Int64, len(volumes))
	errs := race(8, func(i int) error {
		for round := range rounds() {
			at := (i*7 + round*3) % len(volumes)
			v, err := s.inv.Volume(s.Context(), volumes[at].ID)
			if err != nil {
				return err
			}
			v.Size++
			switch err := patiently(s.Context(), s.inv, write(v), put(s.newSnapshot(v))); {
			case err == nil:
				done[at].Add(1)
			case !errors.Is(err, inventory.ErrStale):
				return err
			}
		}
		return nil
	})
	require.NoError(s, errors.Join(errs...))
	total := int64(0)
	for i, before := range volumes {
		total += done[i].Load()
		after := s.volume(before.ID)
		n := done[i].Load()
		require.Equal(s, before.Version+n, after.Version, "versions are successes")
		require.Equal(s, before.Size+n, after.Size)
		require.Equal(s, int(n), after.SnapshotCount)
	}
	require.Positive(s, total, "of those who compete for a version, one has to get on")
	s.expectCounts()
}

// readsSeeWholeCommits has writers that put the same number into a volume and a snapshot, and readers that look at one
// after the other: the second must never be behind the first.
func readsSeeWholeCommits(s *scene) {
	v := s.volumes(1)[0]
	r := s.snapshots(v, 1)[0]
	v.Size, r.Size = 0, 0
	s.commit(write(v), put(r))
	var writing atomic.Int64
	writing.Store(2)
	errs := race(5, func(i int) error {
		if i >= 2 {
			return s.readInOrder(v.ID, r.ID, i%2 == 0, func() bool { return writing.Load() > 0 })
		}
		defer writing.Add(-1)
		for range rounds() {
			s.pause(time.Microsecond)
			if err := s.addOne(v.ID, r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	require.NoError(s, errors.Join(errs...))
	require.Equal(s, s.volume(v.ID).Size, s.snapshot(r.ID).Size)
}

func (s *scene) addOne(volume snapshot.VolumeID, snap snapshot.ID) error {
	v, err := s.inv.Volume(s.Context(), volume)
	if err != nil {
		return err
	}
	r, err := s.inv.Snapshot(s.Context(), snap)
	if err != nil {
		return err
	}
	v.Size++
	r.Size = v.Size
	if err := patiently(s.Context(), s.inv, write(v), put(r)); !errors.Is(err, inventory.ErrStale) {
		return err
	}
	return nil
}

func (s *scene) readInOrder(volume snapshot.VolumeID, snap snapshot.ID, volumeFirst bool, more func() bool) error {
	var last int64
	for turn := volumeFirst; more(); turn = !turn {
		s.pause(time.Microsecond)
		var size int64
		if turn {
			v, err := s.inv.Volume(s.Context(), volume)
			if err != nil {
				return err
			}
			size = v.Size
		} else {
			r, err := s.inv.Snapshot(s.Context(), snap)
			if err != nil {
				return err
			}
			size = r.Size
		}
		if size < last {
			return fmt.Errorf("read %d after %d (the volume: %t)", size, last, turn)
		}
		last = size
	}
	return nil
}

// cancelledDuringCommit gives up at ever later moments of a commit.
func cancelledDuringCommit(s *scene) {
	v := s.volumes(1)[0]
	for i := range 2 * rounds() {
		ctx, cancel := context.WithTimeout(s.Context(), time.Duration(i)*20*time.Microsecond)
		v.Size = int64(i)
		err := s.inv.Commit(ctx, changeOf(write(v), put(s.newSnapshot(v))))
		cancel()
		after := s.volume(v.ID)
		switch {
		case err == nil:
			require.Equal(s, v.Version+1, after.Version, "reported as done")
		case errors.Is(err, inventory.ErrIndeterminate):
		default:
			require.Equal(s, v.Version, after.Version, "reported as not done: %v", err)
		}
		v.Version = after.Version
	}
	s.expectCounts()
}

func feedMissesNothing(s *scene) { s.expectFeed(s.inv, s.inv) }

// expectFeed writes operations by several writers through one handle, and follows them through the other.
func (s *scene) expectFeed(writes, reads inventory.Inventory) {
	s.Helper()
	const writers = 4
	var writing atomic.Int64
	writing.Store(writers)
	heard := map[inventory.OperationID]int64{}
	var last int64
	follow := func() error {
		q := inventory.OperationQuery{}
		q.After = last
		for o, err := range reads.Operations(s.Context(), q) {
			if err != nil {
				return err
			}
			if o.Seq <= last {
				return fmt.Errorf("seq %d after %d", o.Seq, last)
			}
			last = o.Seq
			heard[o.ID] = o.Seq
		}
		return nil
	}
	errs := race(writers+1, func(i int) error {
		if i < writers {
			defer writing.Add(-1)
			return s.writeOperations(writes)
		}
		for writing.Load() > 0 {
			s.pause(time.Microsecond)
			if err := follow(); err != nil {
				return err
			}
		}
		return follow()
	})
	require.NoError(s, errors.Join(errs...))
	for o, err := range reads.Operations(s.Context(), inventory.OperationQuery{}) {
		require.NoError(s, err)
		require.Equal(s, o.Seq, heard[o.ID], "the last commit of an operation was not in the feed")
	}
}

func (s *scene) writeOperations(inv inventory.Inventory) error {
	for range rounds() / 4 {
		o := s.newOperation()
		if err := patiently(s.Context(), inv, begin(o)); err != nil {
			return err
		}
		for range 3 {
			s.pause(time.Microsecond)
			o.Cursor++
			if err := patiently(s.Context(), inv, advance(o)); err != nil {
				return err
			}
		}
	}
	return nil
}
