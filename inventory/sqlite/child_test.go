package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/sqlite"
	"github.com/storagesnap/storagesnap/snapshot"
)

// The environment of a child: what it is to do, and with which file.
const (
	childRole = "SQLITE_TEST_ROLE"
	childPath = "SQLITE_TEST_PATH"
)

// TestMain lets the test binary be the other process, too.
func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		if err := child(role, os.Getenv(childPath)); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func child(role, path string) error {
	ctx := context.Background()
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return errors.Join(err, classOf(err))
	}
	defer func() { _ = s.Close() }()
	switch role {
	case "open":
		id, err := s.Installation(ctx)
		fmt.Println(id)
		return err
	case "commit":
		err := s.Commit(ctx, wholeChange())
		return errors.Join(err, classOf(err))
	case "commit for ever":
		return commitForEver(ctx, s)
	case "count":
		return countUp(ctx, s, countUpTo)
	}
	return errors.New("unknown role " + role)
}

// classOf prints the class, for the parent to see.
func classOf(err error) error {
	for _, class := range []error{inventory.ErrSchema, inventory.ErrUnavailable, inventory.ErrInvalid} {
		if errors.Is(err, class) {
			fmt.Println("class:", class)
		}
	}
	return nil
}

// start runs the test binary as a child.
func start(t *testing.T, role, path string) (*exec.Cmd, io.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+role, childPath+"="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, out
}

// wholeChange writes a volume, two snapshots, an operation and a record; half of it must never be seen.
func wholeChange() inventory.Change {
	v := newVolume()
	a, b := newSnapshot(v), newSnapshot(v)
	b.Parent = a.ID
	v.Head = b.ID
	return inventory.Change{
		ID:        snapshot.NewID[inventory.ChangeID](),
		Volumes:   []inventory.VolumeChange{{Volume: v}},
		Put:       []snapshot.Snapshot{a, b},
		Operation: &inventory.OperationChange{Operation: newOperation(v)},
		Records:   []inventory.RecordChange{{Record: inventory.Record{Kind: "note", ID: v.ID.String(), Volume: v.ID}}},
	}
}

// commitForEver prints the volume of each change that was acknowledged.
func commitForEver(ctx context.Context, s *sqlite.Store) error {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	for range 4 {
		wg.Go(func() {
			for {
				c := wholeChange()
				err := s.Commit(ctx, c)
				mu.Lock()
				if err == nil {
					_, err = fmt.Println(c.Volumes[0].Volume.ID)
				}
				if err != nil {
					failed = err
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return failed
}

const countUpTo = 60

// countUp adds 1 to the size of the only volume so many times, against whoever else does it.
func countUp(ctx context.Context, s *sqlite.Store, times int) error {
	for done := 0; done < times; {
		for v, err := range s.Volumes(ctx, inventory.VolumeQuery{}) {
			if err != nil {
				return err
			}
			v.Size++
			o := newOperation(v)
			err = s.Commit(ctx, inventory.Change{
				ID:        snapshot.NewID[inventory.ChangeID](),
				Volumes:   []inventory.VolumeChange{{Volume: v, IfVersion: v.Version}},
				Operation: &inventory.OperationChange{Operation: o},
			})
			if err != nil && !errors.Is(err, inventory.ErrStale) {
				return err
			}
			if err == nil {
				done++
			}
		}
	}
	fmt.Println("counted " + strconv.Itoa(times))
	return nil
}

func lines(r io.Reader) []string {
	var list []string
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		list = append(list, scanner.Text())
	}
	return list
}
