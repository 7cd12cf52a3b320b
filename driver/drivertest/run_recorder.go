package drivertest

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is the testing.TB of one check. It keeps what the check says instead of telling the test at once, because a
// failure may be a known deviation, and because the tests of the suite itself want checks to fail.
type recorder struct {
	testing.TB // for TempDir, Context and the method that seals the interface

	mu       sync.Mutex
	messages []string
	note     string
	failed   bool
	skipped  bool
	cleanups []func()
}

func (r *recorder) Helper() {}

func (r *recorder) Log(args ...any)                 { r.say(strings.TrimSuffix(fmt.Sprintln(args...), "\n")) }
func (r *recorder) Logf(format string, args ...any) { r.say(fmt.Sprintf(format, args...)) }

func (r *recorder) Error(args ...any) {
	r.Log(args...)
	r.Fail()
}

func (r *recorder) Errorf(format string, args ...any) {
	r.Logf(format, args...)
	r.Fail()
}

func (r *recorder) Fatal(args ...any) {
	r.Log(args...)
	r.FailNow()
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Logf(format, args...)
	r.FailNow()
}

func (r *recorder) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *recorder) FailNow() {
	r.Fail()
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *recorder) Skip(args ...any) {
	r.remark(strings.TrimSuffix(fmt.Sprintln(args...), "\n"))
	r.SkipNow()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.remark(fmt.Sprintf(format, args...))
	r.SkipNow()
}

func (r *recorder) SkipNow() {
	r.mu.Lock()
	r.skipped = true
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *recorder) Skipped() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.skipped
}

func (r *recorder) Cleanup(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanups = append(r.cleanups, f)
}

// remark adds to the note that the table shows beside the result.
func (r *recorder) remark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(r.note, text) {
		return
	}
	if r.note != "" {
		r.note += "; "
	}
	r.note += text
}

func (r *recorder) say(text string) {
	line := checkLine()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, line+text)
}

// checkLine returns "check_x.go:12: " for the innermost line of a check on the stack: where a reader starts to look.
func checkLine() string {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	for {
		frame, more := frames.Next()
		if base := filepath.Base(frame.File); strings.HasPrefix(base, "check_") {
			return fmt.Sprintf("%s:%d: ", base, frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// guard runs f in a goroutine of its own, so that FailNow and SkipNow end f only, and turns a panic into a failure. It
// returns false, and leaves f behind, when f does not end within the limit.
func (r *recorder) guard(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				r.Errorf("panic: %v\n%s", v, debug.Stack())
			}
		}()
		f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	}
	stacks := make([]byte, 1<<16)
	stacks = stacks[:runtime.Stack(stacks, true)]
	r.Errorf("still running after %v: a call does not return although its context has ended\n%s", limit, stacks)
	return false
}

// clean runs the cleanups, last first, also those that cleanups add.
func (r *recorder) clean(limit time.Duration) bool {
	for {
		r.mu.Lock()
		n := len(r.cleanups)
		if n == 0 {
			r.mu.Unlock()
			return true
		}
		f := r.cleanups[n-1]
		r.cleanups = r.cleanups[:n-1]
		r.mu.Unlock()
		if !r.guard(limit, f) {
			return false
		}
	}
}

var _ testing.TB = (*recorder)(nil)
