package keylock_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/internal/keylock"
)

func TestFirstComeFirstServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l keylock.Locks[string]
		require.True(t, l.TryLock("a"))
		require.False(t, l.TryLock("a"))
		require.True(t, l.TryLock("b"), "another key is another lock")
		var order []int
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				if l.Lock(t.Context(), "a") == nil {
					order = append(order, i)
					l.Unlock("a")
				}
			})
			synctest.Wait() // each stands in the queue before the next comes
		}
		l.Unlock("a")
		wg.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)
		require.True(t, l.TryLock("a"))
	})
}

func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l keylock.Locks[int]
		require.True(t, l.TryLock(1))
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error, 1)
		go func() { gaveUp <- l.Lock(ctx, 1) }()
		synctest.Wait()
		cancel()
		require.ErrorIs(t, <-gaveUp, context.Canceled)
		require.ErrorIs(t, l.Lock(ctx, 2), context.Canceled, "a context that has ended takes no lock")
		require.True(t, l.TryLock(2))
		l.Unlock(1)
		require.True(t, l.TryLock(1), "who gave up is not waited for")
		require.Panics(t, func() { l.Unlock(3) })
	})
}

func TestExclusion(t *testing.T) {
	var l keylock.Locks[int]
	var counts [3]int
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 300 {
				key := i % len(counts)
				if l.Lock(t.Context(), key) == nil {
					counts[key]++
					l.Unlock(key)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, [3]int{800, 800, 800}, counts)
}
