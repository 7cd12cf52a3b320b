package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/inventory"
)

// finding is one line of the support list.
type finding struct {
	// Subject is what was looked at: "config", "inventory", "backend images", "host pool".
	Subject string        `json:"subject"`
	Name    string        `json:"name"`
	Status  driver.Status `json:"status"`
	Detail  string        `json:"detail,omitempty"`
	Hint    string        `json:"hint,omitempty"`
}

// findings are the list; a fail in it makes the command fail.
type findings []finding

func (all *findings) add(subject, name string, status driver.Status, detail, hint string) {
	*all = append(*all, finding{subject, name, status, detail, hint})
}

func (a *app) checkCommand() *cobra.Command {
	return a.command("check", "Check everything: the list that a support person reads first",
		"It looks at the configuration, the inventory, open operations, and every backend and host.\n"+
			"The exit status is 1 if anything fails.", "  ctl check\n  ctl check -o json",
		func(c *cobra.Command, _ []string) error {
			var all findings
			err := a.with(c.Context(), func(s *session) error {
				s.checkConfig(&all)
				s.checkInventory(c.Context(), &all)
				for _, b := range s.Backends {
					s.checkBackend(c.Context(), b, &all)
				}
				for _, h := range s.Hosts {
					s.checkHost(c.Context(), h, &all)
				}
				return nil
			})
			if err != nil {
				return err
			}
			return a.printFindings(all)
		})
}

func (a *app) backendCheck() *cobra.Command {
	return a.command("check BACKEND", "Check all that a backend needs from its surroundings", "", "  ctl backend check images",
		func(c *cobra.Command, args []string) error {
			var all findings
			err := a.with(c.Context(), func(s *session) error {
				b, err := s.configured(args[0])
				if err == nil {
					s.checkBackend(c.Context(), b, &all)
				}
				return err
			})
			if err != nil {
				return err
			}
			return a.printFindings(all)
		})
}

// checkConfig: that it could be opened says that it is right.
func (s *session) checkConfig(all *findings) {
	all.add("config", "read", driver.StatusOK, fmt.Sprintf("%d backends, %d hosts", len(s.Backends), len(s.Hosts)), "")
	path, err := s.app.configPath()
	if err != nil {
		return
	}
	shown, redactErr := s.app.redacted(s.settings)
	info, err := os.Stat(path)
	if err := errors.Join(err, redactErr); err != nil {
		all.add("config", "permissions", driver.StatusSkip, err.Error(), "")
		return
	}
	secret := slices.ContainsFunc(slices.Concat(shown.Backends, shown.Hosts), func(i instance) bool {
		return strings.Contains(string(i.Config), driver.Literal("").String())
	})
	mode := info.Mode().Perm()
	if secret && mode&0o077 != 0 && runtime.GOOS != "windows" {
		all.add("config", "permissions", driver.StatusWarn, fmt.Sprintf("it has secrets in it, and mode %s", mode),
			"chmod 600 "+path+", or use {file: PATH} or {env: NAME}")
		return
	}
	all.add("config", "permissions", driver.StatusOK, fmt.Sprintf("mode %s", mode), "")
}

// checkInventory: that it could be opened says that its schema is right.
func (s *session) checkInventory(ctx context.Context, all *findings) {
	id, err := s.inv.Installation(ctx)
	if err != nil {
		all.add("inventory", "read", driver.StatusFail, err.Error(), "see that the file can be read and is whole")
		return
	}
	all.add("inventory", "read", driver.StatusOK, fmt.Sprintf("%s, installation %s", s.Inventory, id), "")
	persons, open := 0, 0
	for op, err := range s.inv.Operations(ctx, inventory.OperationQuery{Open: true}) {
		if err != nil {
			all.add("inventory", "operations", driver.StatusFail, err.Error(), "see that the file can be read and is whole")
			return
		}
		open++
		if op.State == inventory.Waiting && op.NextAt.IsZero() {
			persons++
		}
	}
	detail := fmt.Sprintf("%d open, %d of them wait for a person", open, persons)
	if persons > 0 {
		all.add("inventory", "operations", driver.StatusWarn, detail, "ctl op list --state waiting, then ctl op explain for each")
		return
	}
	all.add("inventory", "operations", driver.StatusOK, detail, "")
}

func (s *session) checkBackend(ctx context.Context, b instance, all *findings) {
	subject := "backend " + b.Name
	v, err := s.backend(ctx, b)
	switch {
	case err != nil:
		all.add(subject, "reach", driver.StatusFail, err.Error(), "")
		return
	case v.Error != "":
		all.add(subject, "reach", driver.StatusFail, v.Error, "volumes on it can be listed and explained, and nothing else")
	default:
		all.add(subject, "reach", driver.StatusOK, fmt.Sprintf("%s %s, id %s", v.Product, v.Version, v.ID), "")
	}
	if checker := s.drivers[b.Name].Abilities().Checker; checker != nil {
		s.checkWith(ctx, subject, checker, all)
	}
}

func (s *session) checkHost(ctx context.Context, h instance, all *findings) {
	subject, host := "host "+h.Name, s.hosts[h.Name]
	ctx, cancel := context.WithTimeout(ctx, s.Engine.CallTimeout)
	defer cancel()
	d, err := host.Describe(ctx)
	if err != nil {
		all.add(subject, "reach", driver.StatusFail, err.Error(), "volumes attached to it can be neither reverted nor deleted")
	} else {
		all.add(subject, "reach", driver.StatusOK, fmt.Sprintf("%s %s, id %s", d.Product, d.Version, d.HostID), "")
	}
	if checker := host.Abilities().Checker; checker != nil {
		s.checkWith(ctx, subject, checker, all)
	}
}

func (s *session) checkWith(ctx context.Context, subject string, checker driver.Checker, all *findings) {
	ctx, cancel := context.WithTimeout(ctx, s.Engine.CallTimeout)
	defer cancel()
	found, err := checker.Check(ctx)
	if err != nil {
		all.add(subject, "check", driver.StatusFail, err.Error(), "")
	}
	for _, f := range found {
		all.add(subject, f.Name, f.Status, f.Detail, f.Hint)
	}
}

func (a *app) printFindings(all findings) error {
	err := a.print(all, func(w io.Writer) error {
		t := newTable("", "SUBJECT", "CHECK", "DETAIL")
		for _, f := range all {
			t.row(string(f.Status), f.Subject, f.Name, safe(f.Detail, 0))
			if f.Hint != "" {
				t.row("", "", "", "→ "+safe(f.Hint, 0))
			}
		}
		return t.write(w, "There is nothing to check.")
	})
	failed := 0
	for _, f := range all {
		if f.Status == driver.StatusFail {
			failed++
		}
	}
	if err == nil && failed > 0 {
		return fmt.Errorf("%d of %d checks failed", failed, len(all))
	}
	return err
}
