package engine_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// diary keeps the last of what the engines have logged, for the operation that did not come to its end.
type diary struct {
	mu    sync.Mutex
	lines []string
}

const diaryLines = 20_000

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, string(bytes.TrimSpace(p)))
	if len(d.lines) > 2*diaryLines {
		d.lines = append(d.lines[:0:0], d.lines[diaryLines:]...)
	}
	return len(p), nil
}

// note writes down what reached an array.
func (d *diary) note(format string, args ...any) {
	_, _ = d.Write([]byte(time.Now().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)))
}

func (d *diary) logger(owner string) *slog.Logger {
	return slog.New(slog.NewTextHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug})).With("process", owner)
}

// about returns the last lines that name the id.
func (d *diary) about(id string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []string
	for _, line := range d.lines {
		if strings.Contains(line, id) {
			found = append(found, line)
		}
	}
	return strings.Join(found[max(0, len(found)-40):], "\n")
}

// ends counts how requests ended.
type ends struct {
	mu     sync.Mutex
	counts map[string]map[string]int
}

func (c *ends) add(verb, end string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = make(map[string]map[string]int)
	}
	if c.counts[verb] == nil {
		c.counts[verb] = make(map[string]int)
	}
	c.counts[verb][end]++
}

func (c *ends) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text strings.Builder
	for verb, counts := range c.counts {
		fmt.Fprintf(&text, "\n%-14s %v", verb, counts)
	}
	return text.String()
}
