package inventorytest

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/inventory/memory"
	"github.com/storagesnap/storagesnap/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder is a T that a check can fail without failing the test.
type recorder struct {
	ctx      context.Context
	failed   bool
	messages []string
}

func (*recorder) Helper()                    {}
func (*recorder) Logf(string, ...any)        {}
func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.failed = true
	r.messages = append(r.messages, fmt.Sprintf(format, args...))
}

func (r *recorder) FailNow() {
	r.failed = true
	runtime.Goexit()
}

// watch runs a check in a bubble and reports whether it failed.
func watch(t *testing.T, c check, h Harness) *recorder {
	t.Helper()
	var r *recorder
	synctest.Test(t, func(t *testing.T) {
		r = &recorder{ctx: t.Context()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.on(t, r, h)
		}()
		<-done
	})
	return r
}

func checkNamed(t *testing.T, name string) check {
	t.Helper()
	at := slices.IndexFunc(checks(), func(c check) bool { return c.name == name })
	require.GreaterOrEqual(t, at, 0, "no check %s", name)
	return checks()[at]
}

// full returns a harness that gives everything, for a store in memory: reopening and sharing keep the store as it is.
func full(plant func(inventory.Inventory) inventory.Inventory) Harness {
	return Harness{
		Open:   func(testing.TB) inventory.Inventory { return plant(memory.New()) },
		Reopen: func(_ testing.TB, inv inventory.Inventory) inventory.Inventory { return inv },
		Share: func(_ testing.TB, inv inventory.Inventory) inventory.Inventory {
			return &mutant{Inventory: inv, close: nothingToDo}
		},
		LoseReply: func(testing.TB, inventory.Inventory) {},
		Synctest:  true,
	}
}

func nothingToDo() error { return nil }

func sound(inv inventory.Inventory) inventory.Inventory { return inv }

// TestSoundStorePasses runs every check, also those that a store in memory would skip.
func TestSoundStorePasses(t *testing.T) { Run(t, full(sound)) }

func TestMissingHarnessIsSkipped(t *testing.T) {
	skipped := 0
	for _, c := range checks() {
		if field := c.missing(Harness{}); field != "" {
			_, found := reflect.TypeFor[Harness]().FieldByName(field)
			require.True(t, found, "%s names %s", c.name, field)
			skipped++
		}
	}
	require.Equal(t, 8, skipped)
}

func TestChecksAreWellNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks() {
		require.False(t, seen[c.name], c.name)
		seen[c.name] = true
		require.NotEmpty(t, c.why, c.name)
		require.NotContains(t, c.name, " ")
		require.NotNil(t, c.run, c.name)
	}
	require.GreaterOrEqual(t, len(seen), 60)
}

// TestPlantedBugs shows that the suite sees what it is there to see: each bug fails the checks that are named for it.
func TestPlantedBugs(t *testing.T) {
	for _, bug := range bugs() {
		t.Run(strings.ReplaceAll(bug.name, " ", "-"), func(t *testing.T) {
			h := full(bug.plant)
			if bug.harness != nil {
				bug.harness(&h)
			}
			for _, name := range bug.caught {
				r := watch(t, checkNamed(t, name), h)
				require.True(t, r.failed, "%s does not see a store that %s", name, bug.name)
				require.NotEmpty(t, r.messages)
			}
		})
	}
}

// TestEveryCheckCanFail shows that no check is there for show: some planted bug fails it.
func TestEveryCheckCanFail(t *testing.T) {
	caught := map[string]bool{}
	for _, bug := range bugs() {
		require.NotEmpty(t, bug.caught, bug.name)
		for _, name := range bug.caught {
			caught[name] = true
		}
	}
	for _, c := range checks() {
		require.True(t, caught[c.name], "no planted bug is named for %s", c.name)
	}
}

// TestEveryFieldIsFilled shows that the filler knows every type in the records.
func TestEveryFieldIsFilled(t *testing.T) {
	for _, seed := range []int{1, 2} {
		requireFilled(t, reflect.ValueOf(filled[inventory.Volume](seed)), "Volume")
		requireFilled(t, reflect.ValueOf(filled[snapshot.Snapshot](seed)), "Snapshot")
		requireFilled(t, reflect.ValueOf(filled[inventory.Operation](seed)), "Operation")
		requireFilled(t, reflect.ValueOf(filled[inventory.Record](seed)), "Record")
	}
	a, b := filled[inventory.Operation](1), filled[inventory.Operation](2)
	for f := range reflect.TypeFor[inventory.Operation]().Fields() {
		if f.IsExported() && f.Type.Kind() != reflect.Bool {
			x, y := reflect.ValueOf(a).FieldByIndex(f.Index), reflect.ValueOf(b).FieldByIndex(f.Index)
			require.NotEqual(t, x.Interface(), y.Interface(), f.Name)
		}
	}
}

func requireFilled(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	require.False(t, v.IsZero(), "%s is left empty: teach fill.go its type", path)
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				requireFilled(t, v.Field(i), path+"."+f.Name)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			if v.Index(i).Kind() == reflect.Struct {
				requireFilled(t, v.Index(i), path)
			}
		}
	default:
	}
}
