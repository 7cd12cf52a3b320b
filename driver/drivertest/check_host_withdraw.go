package drivertest

import (
	"github.com/storagesnap/storagesnap/driver"
)

func withdrawChecks() []hostCheck {
	return []hostCheck{
		{
			"withdraw/forgets-the-disk",
			"a record that stays behind keeps the LUN from ever being deleted",
			withdrawForgets,
		},
		{
			"withdraw/again-is-success",
			"an undo whose reply was lost is repeated, also of what was never introduced",
			withdrawAgain,
		},
		{
			"withdraw/by-token-alone",
			"a process that died before the reply knows the token only",
			withdrawToken,
		},
		{
			"withdraw/refuses-under-a-running-machine",
			"somebody may use the clone already; the refusal must say who",
			withdrawInUse,
		},
		{
			"withdraw/leaves-content-and-others",
			"the content is not the host's business, and neither are its neighbours",
			withdrawLeaves,
		},
	}
}

func withdrawForgets(p *hostProbe) {
	t, req := p.disk()
	p.ok(p.withdraw(p.d, t, req.Token, t.LUN.Disk), "Withdraw")
	p.unknown(t.LUN, "after Withdraw")
	fresh := p.request(t)
	disk, err := p.d.Introduce(p.ctx(), fresh)
	p.ok(err, "Introduce of a LUN that was withdrawn")
	t.LUN.Disk = disk
	p.attached(t.LUN, "after Withdraw and Introduce")
}

func withdrawAgain(p *hostProbe) {
	t, req := p.disk()
	for _, d := range []driver.Host{p.d, p.d, p.login()} {
		p.ok(p.withdraw(d, t, req.Token, t.LUN.Disk), "Withdraw, three times in all")
	}
	p.ok(p.withdraw(p.d, p.lun(), p.token(), ""), "Withdraw of what was never introduced")
	p.unknown(t.LUN, "after three withdraws")
}

func withdrawToken(p *hostProbe) {
	t, req := p.disk()
	p.ok(p.withdraw(p.login(), t, req.Token, ""), "Withdraw without the disk's id")
	p.unknown(t.LUN, "after Withdraw by token")
}

func withdrawInUse(p *hostProbe) {
	p.need(p.h.RunOn != nil, "no HostHarness.RunOn")
	t, req := p.disk()
	stop := p.h.RunOn(p, t.LUN.Disk)
	p.wantNamed(p.withdraw(p.d, t, req.Token, t.LUN.Disk), "Withdraw under a running machine", driver.ErrInUse)
	p.attached(t.LUN, "after the refused Withdraw")
	stop()
	p.ok(p.withdraw(p.d, t, req.Token, t.LUN.Disk), "Withdraw once the machine had stopped")
	p.unknown(t.LUN, "after Withdraw")
}

func withdrawLeaves(p *hostProbe) {
	p.need(p.h.ArrayIO != nil, "no HostHarness.ArrayIO")
	other, _ := p.disk()
	t := p.lun()
	p.fill(t.LUN, 1)
	req := p.request(t)
	disk, err := p.d.Introduce(p.ctx(), req)
	p.ok(err, "Introduce")
	p.ok(p.withdraw(p.d, t, req.Token, disk), "Withdraw")
	p.expect(p.h.ArrayIO(p, t.LUN), 1, p.h.Size, "the LUN at the array after Introduce and Withdraw")
	p.attached(other.LUN, "another disk after Withdraw")
}
