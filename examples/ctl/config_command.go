package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
)

func (a *app) configCommands() *cobra.Command {
	return a.group("config", "Check the configuration, or print one to start from", "",
		a.configCheck(), a.configExample())
}

func (a *app) configCheck() *cobra.Command {
	return a.command("check", "Check the configuration, and print it without its secrets",
		"Every field of every driver is checked, and no array, host or inventory is asked: that is ctl check.",
		"  ctl config check -c ctl.yaml", func(_ *cobra.Command, _ []string) error {
			s, err := a.load()
			if err != nil {
				return err
			}
			if err := a.tryInstances(s); err != nil {
				return err
			}
			shown, err := a.redacted(s)
			if err != nil {
				return err
			}
			return a.print(shown, func(w io.Writer) error {
				_, _ = fmt.Fprintf(w, "The configuration is right: %d backends, %d hosts.\n\n", len(s.Backends), len(s.Hosts))
				return encode(w, outputYAML, shown)
			})
		})
}

// tryInstances opens every backend and host, which does no I/O, and closes them.
func (a *app) tryInstances(s *settings) error {
	for i, b := range s.Backends {
		d, err := a.registry.Open(b.Driver, a.openRequest(b))
		if err != nil {
			return badInstance("backends", i, b, err)
		}
		if err := d.Close(); err != nil {
			return err
		}
	}
	for i, h := range s.Hosts {
		host, err := a.registry.OpenHost(h.Driver, a.openRequest(h))
		if err != nil {
			return badInstance("hosts", i, h, err)
		}
		if err := host.Close(); err != nil {
			return err
		}
	}
	return nil
}

// redacted is the configuration as it may be shown.
func (a *app) redacted(s *settings) (*shownSettings, error) {
	shown := &shownSettings{Inventory: s.Inventory, Engine: engineShown(s.Engine)}
	for _, b := range s.Backends {
		o, err := a.registry.Driver(b.Driver)
		if err != nil {
			return nil, err
		}
		b.Config = o.Redact(b.Config)
		shown.Backends = append(shown.Backends, b)
	}
	for _, h := range s.Hosts {
		o, err := a.registry.Host(h.Driver)
		if err != nil {
			return nil, err
		}
		h.Config = o.Redact(h.Config)
		shown.Hosts = append(shown.Hosts, h)
	}
	return shown, nil
}

// shownSettings are settings in the form in which they can be read again.
type shownSettings struct {
	Inventory string         `json:"inventory"`
	Backends  []instance     `json:"backends,omitempty"`
	Hosts     []instance     `json:"hosts,omitempty"`
	Engine    map[string]any `json:"engine"`
}

func engineShown(e engineSettings) map[string]any {
	return map[string]any{
		"owner": e.Owner, "lease": e.Lease.String(), "poll": e.Poll.String(), "call_timeout": e.CallTimeout.String(),
		"long_timeout": e.LongTimeout.String(), "attempts": e.Attempts, "manual_recovery": e.ManualRecovery, "grace": e.Grace.String(),
	}
}

// fillIn stands in an example where only the operator knows what to write.
const fillIn = "FILL-IN"

func (a *app) configExample() *cobra.Command {
	c := a.command("example [DRIVER...]", "Print a configuration to start from, with a backend for each driver",
		"What has to be filled in says "+fillIn+"; what is commented out may be left so.", "  ctl config example local > ctl.yaml",
		func(_ *cobra.Command, names []string) error {
			if len(names) == 0 {
				names = a.registry.Drivers()
			}
			text, err := a.example(names)
			if err != nil {
				return err
			}
			_, err = io.WriteString(a.out, text)
			return err
		})
	c.ValidArgsFunction = a.driverWords
	return c
}

func (a *app) example(names []string) (string, error) {
	var backends, hosts strings.Builder
	for _, name := range names {
		if o, err := a.registry.Driver(name); err == nil {
			exampleInstance(&backends, name, o.Fields())
		} else if o, hostErr := a.registry.Host(name); hostErr == nil {
			exampleInstance(&hosts, name, o.Fields())
		} else {
			return "", usagef("%s", err.(*driver.Error).Err) //nolint:errorlint,forcetypeassert,errcheck // a registry's own
		}
	}
	var b strings.Builder
	b.WriteString("# A configuration of ctl. A secret is a text, {file: PATH} or {env: NAME}.\n")
	b.WriteString("inventory: sqlite:/var/lib/storagesnap/inventory.db\n")
	if backends.Len() > 0 {
		b.WriteString("backends:\n" + backends.String())
	}
	if hosts.Len() > 0 {
		b.WriteString("hosts:\n" + hosts.String())
	}
	b.WriteString("# engine:\n")
	for _, f := range opener().Fields() {
		if inner, found := strings.CutPrefix(f.Name, "engine."); found {
			fmt.Fprintf(&b, "#   %s: %s  # %s\n", inner, f.Default, f.Help)
		}
	}
	return b.String(), nil
}

func exampleInstance(b *strings.Builder, name string, fields []driver.Field) {
	mark := "# "
	if slices.ContainsFunc(fields, func(f driver.Field) bool { return f.Required }) {
		mark = ""
	}
	fmt.Fprintf(b, "  - name: my-%s  # volumes refer to it by this name\n    driver: %s\n    %sconfig:\n", name, name, mark)
	for _, f := range fields {
		if strings.ContainsAny(f.Name, ".[") {
			continue // a part of the field before
		}
		mark, value := "# ", f.Default
		if f.Required {
			mark = ""
		}
		if value == "" {
			value = fillIn
		}
		if f.Secret {
			value = "{env: " + fillIn + "}"
		}
		if f.Type != "number" && f.Type != "boolean" && !f.Secret && !bare.MatchString(value) {
			value = strconv.Quote(value)
		}
		fmt.Fprintf(b, "      %s%s: %s  # %s\n", mark, f.Name, value, f.Help)
	}
}
