package driver

import "context"

// WrapHost returns a host that sends every call of h through the hook and has exactly h's abilities.
func WrapHost(h Host, hook Hook) Host {
	w := &wrappedHost{Host: h, hook: hook}
	a := h.Abilities()
	if a.Quiescer != nil {
		w.abilities.Quiescer = wrappedQuiescer{a.Quiescer, hook}
	}
	if a.Impact != nil {
		w.abilities.Impact = wrappedImpact{a.Impact, hook}
	}
	if a.Checker != nil {
		w.abilities.Checker = wrappedChecker{a.Checker, hook}
	}
	return w
}

type wrappedHost struct {
	Host

	hook      Hook
	abilities HostAbilities
}

func (w *wrappedHost) Abilities() HostAbilities { return w.abilities }

func (w *wrappedHost) Describe(ctx context.Context) (HostDescription, error) {
	return around(ctx, w.hook, "Describe", read, struct{}{}, func(ctx context.Context, _ struct{}) (HostDescription, error) {
		return w.Host.Describe(ctx)
	})
}

func (w *wrappedHost) Attachments(ctx context.Context, lun LUN) (Attachment, error) {
	return around(ctx, w.hook, "Attachments", read, lun, w.Host.Attachments)
}

func (w *wrappedHost) Detach(ctx context.Context, a Attachment) error {
	return act(ctx, w.hook, "Detach", mutation, a, w.Host.Detach)
}

func (w *wrappedHost) Attach(ctx context.Context, a Attachment, p Path) (Disk, error) {
	return around(ctx, w.hook, "Attach", mutation, a, func(ctx context.Context, a Attachment) (Disk, error) {
		return w.Host.Attach(ctx, a, p)
	})
}

func (w *wrappedHost) Introduce(ctx context.Context, req IntroduceRequest) (Disk, error) {
	return around(ctx, w.hook, "Introduce", mutation, req, w.Host.Introduce)
}

func (w *wrappedHost) Withdraw(ctx context.Context, req WithdrawRequest) error {
	return act(ctx, w.hook, "Withdraw", mutation, req, w.Host.Withdraw)
}

func (w *wrappedHost) Initiators(ctx context.Context) ([]Initiator, error) {
	return around(ctx, w.hook, "Initiators", read, struct{}{}, func(ctx context.Context, _ struct{}) ([]Initiator, error) {
		return w.Host.Initiators(ctx)
	})
}

func (w *wrappedHost) Close() error {
	return act(context.Background(), w.hook, "Close", read, struct{}{}, func(context.Context, struct{}) error {
		return w.Host.Close()
	})
}

type wrappedQuiescer struct {
	q    Quiescer
	hook Hook
}

func (w wrappedQuiescer) Quiesce(ctx context.Context, req QuiesceRequest) (QuiesceResult, error) {
	return around(ctx, w.hook, "Quiesce", mutation, req, w.q.Quiesce)
}

func (w wrappedQuiescer) Thaw(ctx context.Context, token Token) error {
	return act(ctx, w.hook, "Thaw", mutation, token, w.q.Thaw)
}

type wrappedImpact struct {
	i    Impact
	hook Hook
}

func (w wrappedImpact) Impact(ctx context.Context, lun LUN) ([]Blocker, error) {
	return around(ctx, w.hook, "Impact", read, lun, w.i.Impact)
}
