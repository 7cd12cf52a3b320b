package drivertest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/storagesnap/storagesnap/driver"
)

// mutantImpact finds out what would happen by doing it.
type mutantImpact struct{ host driver.Host }

func (m mutantImpact) Impact(ctx context.Context, lun driver.LUN) ([]driver.Blocker, error) {
	a, err := m.host.Attachments(ctx, lun)
	if err != nil {
		return nil, err
	}
	return nil, m.host.Detach(ctx, a)
}

var hostSelfMutations = []hostMutation{
	{
		bug: "the host has no id", caught: "host/names-itself",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.describe = func(ctx context.Context) (driver.HostDescription, error) {
				d, err := h.Describe(ctx)
				d.HostID = ""
				return d, err
			}
		},
	},
	{
		bug: "abilities come and go", caught: "host/abilities-are-constant",
		plant: func(m *hostMutant, _ driver.Host, _ *hostRig) {
			calls := 0
			m.abilities = func(a driver.HostAbilities) driver.HostAbilities {
				if calls++; calls%2 == 0 {
					a.Impact = nil
				}
				return a
			}
		},
	},
	{
		bug: "the impact is tried out", caught: "host/impact-changes-nothing",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.abilities = func(a driver.HostAbilities) driver.HostAbilities {
				a.Impact = mutantImpact{h}
				return a
			}
		},
	},
	{
		bug: "findings without rule", caught: "host/findings",
		plant: func(m *hostMutant, _ driver.Host, _ *hostRig) {
			m.abilities = func(a driver.HostAbilities) driver.HostAbilities {
				a.Checker = mutantChecker{}
				return a
			}
		},
	},
	{
		bug: "an initiator without a name", caught: "host/initiators",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.initiators = func(ctx context.Context) ([]driver.Initiator, error) {
				all, err := h.Initiators(ctx)
				return append(all, driver.Initiator{Protocol: "iscsi"}), err
			}
		},
	},
	{
		bug: "a refusal names nobody", with: []string{"detach/refuses-under-a-running-machine"}, caught: "errors/name-what-stands-in-the-way",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.detach = func(ctx context.Context, a driver.Attachment) error {
				err := h.Detach(ctx, a)
				if errors.Is(err, driver.ErrInUse) {
					return driver.Errorf(driver.ErrInUse, "somebody uses it")
				}
				return err
			}
		},
	},
	{
		bug: "an error without a class", caught: "errors/have-a-class",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attachments = func(ctx context.Context, lun driver.LUN) (driver.Attachment, error) {
				a, err := h.Attachments(ctx, lun)
				if err != nil {
					err = ctx.Err()
				}
				return a, err
			}
		},
	},
	{
		bug: "a second close fails", caught: "close/twice",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			closed := false
			m.close = func() error {
				if closed {
					return errors.New("logged out already")
				}
				closed = true
				return h.Close()
			}
		},
	},
	{
		bug: "logging out detaches", caught: "close/leaves-disks-attached",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			var mine []driver.Attachment
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				disk, err := h.Introduce(ctx, req)
				mine = append(mine, driver.Attachment{LUN: req.LUN, Known: true, Disk: disk})
				return disk, err
			}
			m.close = func() error {
				for _, a := range mine {
					if err := h.Detach(context.Background(), a); err != nil {
						return err
					}
				}
				return h.Close()
			}
		},
	},
}

var reattachMutations = []hostMutation{
	{
		bug: "an attachment has no size", caught: "attachments/of-an-attached-disk",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attachments = func(ctx context.Context, lun driver.LUN) (driver.Attachment, error) {
				a, err := h.Attachments(ctx, lun)
				a.Size = 0
				return a, err
			}
		},
	},
	{
		bug: "reading detaches", caught: "attachments/changes-nothing",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attachments = func(ctx context.Context, lun driver.LUN) (driver.Attachment, error) {
				a, err := h.Attachments(ctx, lun)
				return a, errors.Join(err, h.Detach(ctx, a))
			}
		},
	},
	{
		bug: "detach lets go of everything", caught: "detach/leaves-other-disks",
		plant: func(m *hostMutant, h driver.Host, r *hostRig) {
			m.detach = func(ctx context.Context, a driver.Attachment) error {
				for _, disk := range r.hv.Disks() {
					if err := h.Detach(ctx, driver.Attachment{Known: true, Disk: disk, LUN: a.LUN}); err != nil {
						return err
					}
				}
				return nil
			}
		},
	},
	{
		bug: "attach gives another id", caught: "attach/brings-it-back",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attach = func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
				disk, err := h.Attach(ctx, a, p)
				return disk + "-2", err
			}
		},
	},
	{
		bug: "attach of what is attached is an error", caught: "attach/again-is-success",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attach = func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
				if now, err := h.Attachments(ctx, a.LUN); err == nil && now.Attached {
					return "", driver.Errorf(driver.ErrConflict, "attached already")
				}
				return h.Attach(ctx, a, p)
			}
		},
	},
	{
		bug: "attach introduces what it does not know", caught: "attach/of-an-unknown-lun-attaches-nothing",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attach = func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
				if a.Known {
					return h.Attach(ctx, a, p)
				}
				return h.Introduce(ctx, driver.IntroduceRequest{LUN: a.LUN, Path: p, Token: "suiterig0"})
			}
		},
	},
	{
		bug: "Introduce does not attach", caught: "introduce/attaches-a-new-lun",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				disk, err := h.Introduce(ctx, req)
				return disk, errors.Join(err, h.Detach(ctx, driver.Attachment{LUN: req.LUN, Known: true, Disk: disk}))
			}
		},
	},
	{
		bug: "two LUNs get one id", caught: "introduce/two-luns-two-disks",
		plant: func(m *hostMutant, h driver.Host, r *hostRig) {
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				_, err := h.Introduce(ctx, req)
				if err != nil {
					return "", err
				}
				return r.hv.Disks()[0], nil
			}
		},
	},
	{
		bug: "Introduce takes what answers", caught: "introduce/wrong-identity-is-a-conflict",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				disk, err := h.Introduce(ctx, req)
				if errors.Is(err, driver.ErrConflict) {
					return "some disk", nil
				}
				return disk, err
			}
		},
	},
}

type mutantQuiescer struct {
	driver.Quiescer

	quiesce func(ctx context.Context, req driver.QuiesceRequest) (driver.QuiesceResult, error)
	thaw    func(ctx context.Context, token driver.Token) error
}

func (m mutantQuiescer) Quiesce(ctx context.Context, req driver.QuiesceRequest) (driver.QuiesceResult, error) {
	if m.quiesce != nil {
		return m.quiesce(ctx, req)
	}
	return m.Quiescer.Quiesce(ctx, req)
}

func (m mutantQuiescer) Thaw(ctx context.Context, token driver.Token) error {
	if m.thaw != nil {
		return m.thaw(ctx, token)
	}
	return m.Quiescer.Thaw(ctx, token)
}

func quiescing(bug func(m *mutantQuiescer, r *hostRig)) func(*hostMutant, driver.Host, *hostRig) {
	return func(m *hostMutant, h driver.Host, r *hostRig) {
		q := mutantQuiescer{Quiescer: h.Abilities().Quiescer}
		bug(&q, r)
		m.abilities = func(a driver.HostAbilities) driver.HostAbilities {
			a.Quiescer = q
			return a
		}
	}
}

var quiesceMutations = []hostMutation{
	{
		bug: "Thaw does nothing", caught: "quiesce/and-thaw",
		plant: quiescing(func(m *mutantQuiescer, _ *hostRig) {
			m.thaw = func(context.Context, driver.Token) error { return nil }
		}),
	},
	{
		bug: "Quiesce again lasts longer", caught: "quiesce/same-token-is-one-freeze",
		plant: quiescing(func(m *mutantQuiescer, _ *hostRig) {
			inner := m.Quiescer
			m.quiesce = func(ctx context.Context, req driver.QuiesceRequest) (driver.QuiesceResult, error) {
				res, err := inner.Quiesce(ctx, req)
				if req.Resume {
					res.Until = res.Until.Add(time.Hour)
				}
				return res, err
			}
		}),
	},
	{
		bug: "Thaw of nothing is an error", caught: "quiesce/thaw-of-nothing-is-success",
		plant: quiescing(func(m *mutantQuiescer, r *hostRig) {
			inner := m.Quiescer
			m.thaw = func(ctx context.Context, token driver.Token) error {
				if !slices.Contains(r.hv.Frozen(), token) {
					return driver.Errorf(driver.ErrNotFound, "no freeze %s", token)
				}
				return inner.Thaw(ctx, token)
			}
		}),
	},
	{
		bug: "only the process that froze can thaw", caught: "quiesce/thawed-by-another-process",
		plant: quiescing(func(m *mutantQuiescer, r *hostRig) {
			inner := m.Quiescer
			first := len(r.hv.Counts()) == 0 // nobody has used the host before this login
			m.thaw = func(ctx context.Context, token driver.Token) error {
				if !first {
					return nil
				}
				return inner.Thaw(ctx, token)
			}
		}),
	},
}

var withdrawMutations = []hostMutation{
	{
		bug: "Withdraw keeps the record", caught: "withdraw/forgets-the-disk",
		also: []string{"withdraw/again-is-success"},
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.withdraw = func(ctx context.Context, req driver.WithdrawRequest) error {
				a, err := h.Attachments(ctx, req.LUN)
				return errors.Join(err, h.Detach(ctx, a))
			}
		},
	},
	{
		bug: "Withdraw needs the disk's id", caught: "withdraw/by-token-alone",
		also: []string{"torn/introduce-is-undone"},
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.withdraw = func(ctx context.Context, req driver.WithdrawRequest) error {
				if req.Disk == "" {
					return nil
				}
				return h.Withdraw(ctx, req)
			}
		},
	},
	{
		bug: "Withdraw wipes the LUN", caught: "withdraw/leaves-content-and-others",
		plant: func(m *hostMutant, h driver.Host, r *hostRig) {
			m.withdraw = func(ctx context.Context, req driver.WithdrawRequest) error {
				return errors.Join(r.b.WriteAt(req.LUN.Volume, make([]byte, 512), 0), h.Withdraw(ctx, req))
			}
		},
	},
	{
		bug: "Withdraw pulls the disk from under a machine", caught: "withdraw/refuses-under-a-running-machine",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.withdraw = func(ctx context.Context, req driver.WithdrawRequest) error {
				err := h.Withdraw(ctx, req)
				if errors.Is(err, driver.ErrInUse) {
					return nil
				}
				return err
			}
		},
	},
}
