package engine

import (
	"maps"
	"slices"
)

// Closing is closed once Close has interrupted what runs.
func (e *Engine) Closing() <-chan struct{} { return e.base.Done() }

// Kinds returns the names of all kinds of operations.
func (e *Engine) Kinds() []string { return slices.Sorted(maps.Keys(e.kinds)) }

// OfHost reports whether a call is said to be a host's.
func OfHost(method string) bool { return ofHost(method) }
