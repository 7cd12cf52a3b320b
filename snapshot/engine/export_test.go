package engine

// Closing is closed once Close has interrupted what runs.
func (e *Engine) Closing() <-chan struct{} { return e.base.Done() }

// OfHost reports whether a call is said to be a host's.
func OfHost(method string) bool { return ofHost(method) }
