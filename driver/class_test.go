package driver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

// classes are all of them with what the contract's table says; the order is that of their numbers, which are stored.
var classes = []struct {
	class     driver.Class
	text      string
	effect    driver.Effect
	transient bool
}{
	{driver.ErrNotFound, "not found", driver.EffectNone, false},
	{driver.ErrConflict, "conflict", driver.EffectNone, false},
	{driver.ErrInvalid, "invalid", driver.EffectNone, false},
	{driver.ErrPermission, "permission denied", driver.EffectNone, false},
	{driver.ErrExhausted, "limit reached", driver.EffectNone, false},
	{driver.ErrInUse, "in use", driver.EffectNone, false},
	{driver.ErrBusy, "busy", driver.EffectNone, true},
	{driver.ErrUnavailable, "unavailable", driver.EffectNone, true},
	{driver.ErrIndeterminate, "outcome unknown", driver.EffectUnknown, true},
	{driver.ErrPartial, "partly done", driver.EffectPartial, true},
	{driver.ErrUnsupported, "not supported", driver.EffectNone, false},
}

func TestClasses(t *testing.T) {
	for i, row := range classes {
		t.Run(row.text, func(t *testing.T) {
			require.Equal(t, i+1, int(row.class), "a class keeps its number: inventories store it")
			require.EqualError(t, row.class, row.text)
			require.Equal(t, row.effect, row.class.Effect())
			require.Equal(t, row.transient, row.class.Transient())
			require.Equal(t, row.class, driver.ClassOf(row.class))
			require.Equal(t, row.effect, driver.EffectOf(row.class))
		})
	}
	next := driver.Class(len(classes) + 1)
	require.EqualError(t, next, "unclassified", "a new class belongs in this table")
	require.Equal(t, driver.EffectUnknown, next.Effect())
	require.False(t, next.Transient())
	require.Equal(t, driver.EffectUnknown, driver.Class(0).Effect())
}

func TestClassMatchesThroughWrapping(t *testing.T) {
	for _, want := range classes {
		for name, err := range map[string]error{
			"itself":         want.class,
			"wrapped":        fmt.Errorf("volume 7: %w", want.class),
			"Errorf":         driver.Errorf(want.class, "volume 7"),
			"wrapped Errorf": fmt.Errorf("engine: %w", driver.Errorf(want.class, "volume 7")),
			"joined":         errors.Join(io.EOF, driver.Errorf(want.class, "volume 7")),
			"in a call":      driver.In("Volume", fmt.Errorf("volume 7: %w", want.class)),
		} {
			require.ErrorIs(t, err, want.class, name)
			require.Equal(t, want.class, driver.ClassOf(err), name)
			require.Equal(t, want.effect, driver.EffectOf(err), name)
			for _, other := range classes {
				require.Equal(t, other.class == want.class, errors.Is(err, other.class), "%s: %v is %v", name, want.class, other.class)
			}
		}
	}
}

func TestClassOfFindsTheFirstClassifiedError(t *testing.T) {
	bare := &driver.Error{Err: errors.New("no class yet")}
	tests := map[string]struct {
		err  error
		want driver.Class
	}{
		"nil":                           {nil, 0},
		"unclassified":                  {io.EOF, driver.ErrIndeterminate},
		"context":                       {context.DeadlineExceeded, driver.ErrIndeterminate},
		"error without class":           {bare, driver.ErrIndeterminate},
		"class below one without":       {&driver.Error{Err: driver.Errorf(driver.ErrBusy, "x")}, driver.ErrBusy},
		"constant below one without":    {&driver.Error{Err: fmt.Errorf("x: %w", driver.ErrBusy)}, driver.ErrBusy},
		"the outer class counts":        {driver.Errorf(driver.ErrInvalid, "%w", driver.ErrNotFound), driver.ErrInvalid},
		"the first of two joined":       {errors.Join(driver.ErrBusy, driver.Errorf(driver.ErrNotFound, "x")), driver.ErrBusy},
		"the first classified joined":   {errors.Join(io.EOF, bare, driver.ErrInUse), driver.ErrInUse},
		"depth before breadth":          {errors.Join(fmt.Errorf("a: %w", driver.ErrBusy), driver.ErrInUse), driver.ErrBusy},
		"joined below an error":         {&driver.Error{Err: errors.Join(io.EOF, driver.ErrPartial)}, driver.ErrPartial},
		"two %w in one":                 {fmt.Errorf("%w and %w", io.EOF, driver.ErrPermission), driver.ErrPermission},
		"zero class is none":            {fmt.Errorf("%w", driver.Class(0)), driver.ErrIndeterminate},
		"wrapper without a cause in it": {emptyWrapper{}, driver.ErrIndeterminate},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, driver.ClassOf(test.err)) })
	}
}

type emptyWrapper struct{}

func (emptyWrapper) Error() string { return "empty" }
func (emptyWrapper) Unwrap() error { return nil }

func TestEffectOf(t *testing.T) {
	done := &driver.Error{Class: driver.ErrUnavailable, Effect: driver.EffectDone}
	tests := map[string]struct {
		err  error
		want driver.Effect
	}{
		"nil":                         {nil, driver.EffectDone},
		"unclassified":                {io.EOF, driver.EffectUnknown},
		"by class":                    {driver.ErrBusy, driver.EffectNone},
		"own effect":                  {done, driver.EffectDone},
		"own effect, wrapped":         {fmt.Errorf("x: %w", done), driver.EffectDone},
		"own effect, in a call":       {driver.In("Revert", fmt.Errorf("x: %w", done)), driver.EffectDone},
		"effect without class":        {&driver.Error{Effect: driver.EffectNone, Err: io.EOF}, driver.EffectNone},
		"effect below one without":    {&driver.Error{Err: done}, driver.EffectDone},
		"an outer class decides":      {driver.Errorf(driver.ErrIndeterminate, "%w", done), driver.EffectUnknown},
		"class before effect, joined": {errors.Join(driver.ErrPartial, done), driver.EffectPartial},
		"effect before class, joined": {errors.Join(io.EOF, done, driver.ErrPartial), driver.EffectDone},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, driver.EffectOf(test.err)) })
	}
}

func TestEffectAndUnitInWords(t *testing.T) {
	require.Equal(t, "none", driver.EffectNone.String())
	require.Equal(t, "done", driver.EffectDone.String())
	require.Equal(t, "partial", driver.EffectPartial.String())
	require.Equal(t, "unknown", driver.EffectUnknown.String())
	require.Equal(t, "unknown", driver.EffectByClass.String())
	require.Equal(t, "volume", driver.UnitVolume.String())
	require.Equal(t, "container", driver.UnitContainer.String())
}

func TestCanceled(t *testing.T) {
	require.True(t, driver.Canceled(driver.Errorf(driver.ErrIndeterminate, "sent: %w", context.Canceled)))
	require.True(t, driver.Canceled(fmt.Errorf("x: %w", context.DeadlineExceeded)))
	require.False(t, driver.Canceled(driver.ErrIndeterminate))
	require.False(t, driver.Canceled(nil))
}
