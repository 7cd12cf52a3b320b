package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/storagesnap/storagesnap/driver"
)

// hostMutant is a host with one planted bug.
type hostMutant struct {
	driver.Host

	attachments func(ctx context.Context, lun driver.LUN) (driver.Attachment, error)
	detach      func(ctx context.Context, a driver.Attachment) error
	attach      func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error)
	introduce   func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error)
	withdraw    func(ctx context.Context, req driver.WithdrawRequest) error
	initiators  func(ctx context.Context) ([]driver.Initiator, error)
	describe    func(ctx context.Context) (driver.HostDescription, error)
	abilities   func(a driver.HostAbilities) driver.HostAbilities
	close       func() error
}

func (m *hostMutant) Describe(ctx context.Context) (driver.HostDescription, error) {
	if m.describe != nil {
		return m.describe(ctx)
	}
	return m.Host.Describe(ctx)
}

func (m *hostMutant) Close() error {
	if m.close != nil {
		return m.close()
	}
	return m.Host.Close()
}

func (m *hostMutant) Attachments(ctx context.Context, lun driver.LUN) (driver.Attachment, error) {
	if m.attachments != nil {
		return m.attachments(ctx, lun)
	}
	return m.Host.Attachments(ctx, lun)
}

func (m *hostMutant) Detach(ctx context.Context, a driver.Attachment) error {
	if m.detach != nil {
		return m.detach(ctx, a)
	}
	return m.Host.Detach(ctx, a)
}

func (m *hostMutant) Attach(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
	if m.attach != nil {
		return m.attach(ctx, a, p)
	}
	return m.Host.Attach(ctx, a, p)
}

func (m *hostMutant) Introduce(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
	if m.introduce != nil {
		return m.introduce(ctx, req)
	}
	return m.Host.Introduce(ctx, req)
}

func (m *hostMutant) Withdraw(ctx context.Context, req driver.WithdrawRequest) error {
	if m.withdraw != nil {
		return m.withdraw(ctx, req)
	}
	return m.Host.Withdraw(ctx, req)
}

func (m *hostMutant) Initiators(ctx context.Context) ([]driver.Initiator, error) {
	if m.initiators != nil {
		return m.initiators(ctx)
	}
	return m.Host.Initiators(ctx)
}

func (m *hostMutant) Abilities() driver.HostAbilities {
	if m.abilities != nil {
		return m.abilities(m.Host.Abilities())
	}
	return m.Host.Abilities()
}

// hostMutation is a bug and the checks that notice it.
type hostMutation struct {
	bug  string
	opts HostOptions
	// with are checks that run before, in the same run.
	with   []string
	caught string
	also   []string
	plant  func(m *hostMutant, h driver.Host, r *hostRig)
}

func hostMutations() []hostMutation {
	return slices.Concat(hostSelfMutations, attachMutations, reattachMutations, introduceMutations, withdrawMutations, quiesceMutations)
}

func TestHostSuiteCatches(t *testing.T) {
	for _, c := range hostMutations() {
		t.Run(c.bug, func(t *testing.T) {
			for _, name := range append([]string{c.caught}, c.also...) {
				synctest.Test(t, func(t *testing.T) { c.caughtBy(t, name) })
			}
		})
	}
}

func (c hostMutation) caughtBy(t *testing.T, name string) {
	t.Helper()
	names := append(slices.Clone(c.with), name)
	sound := evaluateHost(t, newHostRig(c.opts).harness(), names...)
	require.Len(t, sound, len(names), "unknown check in %v", names)
	last := sound[len(names)-1]
	require.Equal(t, passed, last.status, "without the bug %s is: %s %v", name, last.note, last.messages)
	r := newHostRig(c.opts)
	r.wrap = func(h driver.Host) driver.Host {
		m := &hostMutant{Host: h}
		c.plant(m, h, r)
		return m
	}
	last = evaluateHost(t, r.harness(), names...)[len(names)-1]
	require.Equal(t, failed, last.status, "%s does not notice; note: %s", name, last.note)
}

func TestEveryHostCheckCanFail(t *testing.T) {
	can := map[string]bool{}
	for _, c := range hostMutations() {
		can[c.caught] = true
		for _, name := range c.also {
			can[name] = true
		}
	}
	for _, c := range hostChecks() {
		require.True(t, can[c.name], "no planted bug makes %s fail", c.name)
	}
}

var attachMutations = []hostMutation{
	{
		bug: "an unknown LUN is an error", caught: "attachments/unknown-lun-is-no-error",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attachments = func(ctx context.Context, lun driver.LUN) (driver.Attachment, error) {
				a, err := h.Attachments(ctx, lun)
				if err == nil && !a.Known {
					err = driver.Errorf(driver.ErrNotFound, "no such LUN")
				}
				return a, err
			}
		},
	},
	{
		bug: "attachments lives in memory", caught: "attachments/survive-storage",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			here := map[driver.Disk]json.RawMessage{}
			m.attachments = func(ctx context.Context, lun driver.LUN) (driver.Attachment, error) {
				a, err := h.Attachments(ctx, lun)
				here[a.Disk], a.State = a.State, nil
				return a, err
			}
			m.attach = func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
				a.State = here[a.Disk]
				return h.Attach(ctx, a, p)
			}
		},
	},
	{
		bug: "holders are not named", caught: "attachments/name-the-holders",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attachments = func(ctx context.Context, lun driver.LUN) (driver.Attachment, error) {
				a, err := h.Attachments(ctx, lun)
				a.Holders = nil
				return a, err
			}
		},
	},
	{
		bug: "detach does nothing", caught: "detach/lets-go",
		plant: func(m *hostMutant, _ driver.Host, _ *hostRig) {
			m.detach = func(context.Context, driver.Attachment) error { return nil }
		},
	},
	{
		bug: "detach of what is detached is an error", caught: "detach/again-is-success",
		also: []string{"detach/of-an-unknown-lun-is-success", "lost/detach-and-attach-converge"},
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.detach = func(ctx context.Context, a driver.Attachment) error {
				if now, err := h.Attachments(ctx, a.LUN); err != nil || !now.Attached {
					return driver.Errorf(driver.ErrConflict, "not attached")
				}
				return h.Detach(ctx, a)
			}
		},
	},
	{
		bug: "detach believes the record that nobody runs", caught: "detach/refuses-under-a-running-machine",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.detach = func(ctx context.Context, a driver.Attachment) error {
				if len(a.Holders) == 0 {
					return nil
				}
				return h.Detach(ctx, a)
			}
		},
	},
	{
		bug: "attach keeps the cache", caught: "attach/reads-anew",
		plant: func(m *hostMutant, _ driver.Host, _ *hostRig) {
			m.detach = func(context.Context, driver.Attachment) error { return nil }
		},
	},
	{
		bug: "attach does not verify the size", caught: "attach/another-size-is-a-conflict",
		plant: func(m *hostMutant, h driver.Host, r *hostRig) {
			m.attach = func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
				if lun, err := r.b.LUN(a.LUN.Volume); err == nil {
					a.LUN.Size = lun.Size
				}
				return h.Attach(ctx, a, p)
			}
		},
	},
	{
		bug: "attach takes what answers", caught: "attach/another-identity-is-a-conflict",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attach = func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
				disk, err := h.Attach(ctx, a, p)
				if errors.Is(err, driver.ErrConflict) {
					return a.Disk, nil
				}
				return disk, err
			}
		},
	},
	{
		bug: "attach turns on what was off", caught: "attach/what-was-not-attached-stays-so",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attach = func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
				if a.Known && !a.Attached {
					a.Attached, a.State = true, json.RawMessage(`{"members":[0]}`)
				}
				return h.Attach(ctx, a, p)
			}
		},
	},
	{
		bug: "a torn attach is taken for done", caught: "torn/detach-and-attach-converge",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.attach = func(ctx context.Context, a driver.Attachment, p driver.Path) (driver.Disk, error) {
				if now, err := h.Attachments(ctx, a.LUN); err == nil && now.Attached {
					return now.Disk, nil
				}
				return h.Attach(ctx, a, p)
			}
		},
	},
}

var introduceMutations = []hostMutation{
	{
		bug: "Introduce ignores Resume", caught: "introduce/resume-is-one-disk",
		also: []string{"introduce/goes-on-after-its-maker-died", "introduce/clone-resumed-is-one-disk", "lost/introduce-then-again"},
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				if req.Resume {
					return "", driver.Errorf(driver.ErrConflict, "the LUN is known")
				}
				return h.Introduce(ctx, req)
			}
		},
	},
	{
		bug: "a note that fails does not matter", caught: "introduce/stops-if-its-note-fails",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				note := req.Note
				req.Note = func(ctx context.Context, doc json.RawMessage) error {
					_ = note(ctx, doc)
					return nil
				}
				return h.Introduce(ctx, req)
			}
		},
	},
	{
		bug: "a clone is not re-signed", caught: "introduce/clone-beside-its-source",
		also: []string{"introduce/two-clones-of-one-source"},
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				if req.Clone {
					return h.Introduce(ctx, driver.IntroduceRequest{LUN: req.LUN, Path: req.Path, Token: req.Token, Notes: req.Notes})
				}
				return h.Introduce(ctx, req)
			}
		},
	},
	{
		bug: "cannot re-sign, and introduces it all the same", opts: HostOptions{CannotResign: true},
		caught: "introduce/clone-without-re-signing-is-refused",
		plant: func(m *hostMutant, h driver.Host, _ *hostRig) {
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				req.Clone = false
				return h.Introduce(ctx, req)
			}
		},
	},
	{
		bug: "Introduce does not verify the size", caught: "introduce/wrong-size-is-a-conflict",
		plant: func(m *hostMutant, h driver.Host, r *hostRig) {
			m.introduce = func(ctx context.Context, req driver.IntroduceRequest) (driver.Disk, error) {
				lun, err := r.b.LUN(req.LUN.Volume)
				if err != nil {
					return "", err
				}
				req.LUN.Size = lun.Size
				return h.Introduce(ctx, req)
			}
		},
	},
}
