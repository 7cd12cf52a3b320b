package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// observations are what the suite notices about calls whatever check makes them. The checks of group "errors" judge them.
type observations struct {
	mu           sync.Mutex
	unclassified []string
	anonymous    []string // refusals that should name what stands in the way
	late         []string
}

func (o *observations) add(list *[]string, format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if len(*list) < 10 && !slices.Contains(*list, text) {
		*list = append(*list, text)
	}
}

func (o *observations) read(list *[]string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(*list)
}

// watch wraps a driver so that errors are observed and everything made is written into the check's ledger.
func (p *probe) watch(d driver.Driver) driver.Driver {
	return driver.Wrap(d, func(ctx context.Context, call *driver.Call, next func(context.Context) error) error {
		sent := time.Now()
		if call.Mutation {
			p.made.sent(call, sent)
		}
		err := next(ctx)
		p.suite.seen.note(ctx, call.Method, err, p.h.Timeout)
		if call.Mutation {
			p.made.returned(call, err)
		}
		return err
	})
}

// note observes one call. Late is a call that outlives its context by more than one call may take.
func (o *observations) note(ctx context.Context, method string, err error, timeout time.Duration) {
	if deadline, ok := ctx.Deadline(); ok && time.Since(deadline) > timeout {
		o.add(&o.late, "%s returned %v after its deadline", method, time.Since(deadline).Round(time.Millisecond))
	}
	if err == nil {
		return
	}
	if !classified(err) {
		o.add(&o.unclassified, "%s: %v (%T)", method, err, err)
	}
	if errors.Is(err, driver.ErrInUse) && len(driver.BlockersOf(err)) == 0 {
		o.add(&o.anonymous, "%s: %v", method, err)
	}
}

func classified(err error) bool {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Class != 0
	}
	c, ok := errors.AsType[driver.Class](err)
	return ok && c != 0
}
