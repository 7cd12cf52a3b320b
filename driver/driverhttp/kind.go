package driverhttp

import "context"

// Kind says whether a request may be sent again when nobody knows what became of it. It travels in the context, so that
// the layers between a driver's method and the wire need not know of it.
type Kind uint8

const (
	// Mutation may change something at the server. It is sent again only if it certainly had no effect. It is the
	// default, because the other mistake makes two snapshots.
	Mutation Kind = iota
	// Read changes nothing: it is sent again after every failure that may pass.
	Read
)

// String returns the kind in words.
func (k Kind) String() string {
	if k == Read {
		return "read"
	}
	return "mutation"
}

type kindKey struct{}

// WithKind returns a context whose requests are of the kind.
func WithKind(ctx context.Context, k Kind) context.Context {
	return context.WithValue(ctx, kindKey{}, k)
}

// KindOf returns the kind of the context's requests; [Mutation] if nobody said.
func KindOf(ctx context.Context) Kind {
	k, _ := ctx.Value(kindKey{}).(Kind)
	return k
}
