package engine_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

// process is one replica of the embedding program: an engine that dies, closes and starts again.
type process struct {
	s     *soak
	dice  *dice
	index int

	mu     sync.Mutex
	eng    *engineLife
	starts int
}

// start begins a new life of the process, which ends by itself at one of its next calls if mortal.
func (p *process) start(owner string, at int) {
	life := &engineLife{k: newKiller(at), owner: owner}
	eng, err := p.s.newEngine(life)
	require.NoError(p.s.t, err)
	life.Engine = eng
	if err := eng.Start(context.Background()); err != nil && !life.k.isDead() && !errors.Is(err, errPlanted) {
		require.NoError(p.s.t, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.eng = life
	p.starts++
}

func (p *process) life() *engineLife {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.eng
}

// kill ends the life at once: nothing that it still tries has any effect.
func (l *engineLife) kill() {
	l.k.mu.Lock()
	if !l.k.dead {
		l.k.dead, l.k.where = true, "in between"
		close(l.k.died)
	}
	l.k.mu.Unlock()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = l.Close(done)
}

// engineLife is an engine between its start and its end, and what ends it.
type engineLife struct {
	*engine.Engine

	k     *killer
	owner string
}

func (s *soak) newEngine(life *engineLife) (*engine.Engine, error) {
	eng, err := engine.New(mortal{s.store, life.k}, engine.Options{
		Owner: life.owner, Logger: s.diary.logger(life.owner), BackOff: time.Millisecond, MaxBackOff: 20 * time.Second, CallTimeout: 15 * time.Second,
		LongCallTimeout: 40 * time.Second, LeaseTTL: 30 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	for _, st := range s.sites {
		hook := func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
			return life.k.hook(ctx, call, func(ctx context.Context) error {
				return st.faults.Hook()(ctx, call, func(ctx context.Context) error { return s.oracle.effect(ctx, st, call, next) })
			})
		}
		if err := eng.AddBackend(st.name, st.pedant.Driver(driver.Wrap(st.array.Driver(), hook))); err != nil {
			return nil, err
		}
		if st.host == nil {
			continue
		}
		hostHook := func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
			return life.k.hook(ctx, call, func(ctx context.Context) error { return st.hostFaults.Hook()(ctx, call, next) })
		}
		if err := eng.AddHost("host-"+st.name, st.pedant.Host(driver.WrapHost(st.host.Driver(), hostHook))); err != nil {
			return nil, err
		}
	}
	return eng, nil
}

// chaos ends the process's lives and begins new ones.
func (p *process) chaos(ctx context.Context) {
	for {
		life := p.life()
		patience := time.NewTimer(time.Duration(10+p.dice.IntN(240)) * time.Second)
		select {
		case <-ctx.Done():
			patience.Stop()
			return
		case <-life.k.died:
		case <-patience.C:
		}
		patience.Stop()
		owner := life.owner
		if p.dice.once(2) {
			owner = fmt.Sprintf("process-%d-%d", p.index, p.starts)
		}
		switch {
		case life.k.isDead() || p.dice.once(2):
			life.kill()
		default:
			c, cancel := context.WithTimeout(context.Background(), time.Duration(p.dice.IntN(3))*time.Second)
			_ = life.Close(c)
			cancel()
		}
		at := 0
		if p.dice.once(2) {
			at = 50 + p.dice.IntN(3000)
		}
		p.start(owner, at)
	}
}
