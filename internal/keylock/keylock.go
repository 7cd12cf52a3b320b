package keylock

import (
	"context"
	"sync"
)

// Locks is a set of locks named by keys. Its zero value is ready. A key that nobody holds or waits for takes no memory.
type Locks[K comparable] struct {
	mu   sync.Mutex
	held map[K][]chan struct{} // present: held; the channels are those who wait, first come first
}

// TryLock takes the lock if nobody holds it and reports whether it did.
func (l *Locks[K]) TryLock(key K) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(key)
}

// Lock waits for its turn. It returns ctx's error, without the lock, if ctx ends first.
func (l *Locks[K]) Lock(ctx context.Context, key K) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	if l.take(key) {
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.held[key] = append(l.held[key], turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	if !l.leave(key, turn) {
		l.Unlock(key) // the turn came in the same moment
	}
	return ctx.Err()
}

// Unlock hands the lock to the one who has waited longest. Unlocking what is not locked is a mistake in the program.
func (l *Locks[K]) Unlock(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting, held := l.held[key]
	switch {
	case !held:
		panic("keylock: unlock of a key that is not locked")
	case len(waiting) == 0:
		delete(l.held, key)
	default:
		close(waiting[0])
		l.held[key] = waiting[1:]
	}
}

func (l *Locks[K]) take(key K) bool {
	if _, held := l.held[key]; held {
		return false
	}
	if l.held == nil {
		l.held = make(map[K][]chan struct{})
	}
	l.held[key] = nil
	return true
}

// leave removes the one who waits and reports whether it still did.
func (l *Locks[K]) leave(key K, turn chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.held[key] {
		if w == turn {
			l.held[key] = append(l.held[key][:i:i], l.held[key][i+1:]...)
			return true
		}
	}
	return false
}
