package engine

// Closing is closed once Close has interrupted what runs.
func (e *Engine) Closing() <-chan struct{} { return e.base.Done() }
