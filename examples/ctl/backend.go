package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
	"github.com/storagesnap/storagesnap/snapshot/engine"
)

func (a *app) backendCommands() *cobra.Command {
	return a.group("backend", "List, show and check the backends of the configuration", "",
		a.backendList(), a.completes(a.backendShow(), backendWords), a.completes(a.backendCheck(), backendWords),
		a.completes(a.backendRemove(), backendWords))
}

// backendView is a backend as it is printed.
type backendView struct {
	Name   string              `json:"name"`
	Driver string              `json:"driver"`
	State  engine.BackendState `json:"state"`
	Since  time.Time           `json:"since,omitzero"`
	Error  string              `json:"error,omitempty"`
	ID     driver.BackendID    `json:"id,omitempty"`
	// Product and Version are the array's; Facts and Limits those that are not zero.
	Product string         `json:"product,omitempty"`
	Version string         `json:"version,omitempty"`
	Facts   map[string]any `json:"facts,omitempty"`
	Limits  map[string]any `json:"limits,omitempty"`
}

// backend asks the array.
func (s *session) backend(ctx context.Context, b instance) (backendView, error) {
	status, err := s.eng.Backend(ctx, b.Name)
	if err != nil {
		return backendView{}, err
	}
	d := status.Description
	v := backendView{
		Name: b.Name, Driver: b.Driver, State: status.State, Since: status.Since, ID: d.Backend, Product: d.Product, Version: d.Version,
		Facts: fieldsOf(d.Facts), Limits: fieldsOf(d.Limits),
	}
	if status.Err != nil {
		v.Error = status.Err.Error()
	}
	return v, nil
}

func (a *app) backendList() *cobra.Command {
	return a.command("list", "List the backends, with how they are now", "Each array is asked.", "  ctl backend list",
		func(c *cobra.Command, _ []string) error {
			return a.with(c.Context(), func(s *session) error { return s.listBackends(c.Context()) })
		})
}

// listBackends asks all of them at once: one that is down takes its time.
func (s *session) listBackends(ctx context.Context) error {
	all, failed := make([]backendView, len(s.Backends)), make([]error, len(s.Backends))
	var wg sync.WaitGroup
	for i, b := range s.Backends {
		wg.Go(func() { all[i], failed[i] = s.backend(ctx, b) })
	}
	wg.Wait()
	if i := slices.IndexFunc(failed, func(err error) bool { return err != nil }); i >= 0 {
		return failed[i]
	}
	t := newTable("NAME", "DRIVER", "STATE", "ID", "PRODUCT")
	for _, v := range all {
		t.row(name(v.Name), v.Driver, string(v.State), name(string(v.ID)), name(strings.TrimSpace(v.Product+" "+v.Version)))
	}
	return s.app.print(all, func(w io.Writer) error { return t.write(w, "The configuration has no backends.") })
}

// configured finds a backend of the configuration.
func (s *session) configured(name string) (instance, error) {
	i := slices.IndexFunc(s.Backends, func(b instance) bool { return b.Name == name })
	if i < 0 {
		known := make([]string, len(s.Backends))
		for i, b := range s.Backends {
			known[i] = b.Name
		}
		return instance{}, &refusal{
			text: fmt.Sprintf("the configuration has no backend %q", name), next: "it has: " + strings.Join(known, ", "),
		}
	}
	return s.Backends[i], nil
}

func (a *app) backendShow() *cobra.Command {
	return a.command("show BACKEND", "Show what an array says about itself", "", "  ctl backend show images",
		func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				b, err := s.configured(args[0])
				if err != nil {
					return err
				}
				v, err := s.backend(c.Context(), b)
				if err != nil {
					return err
				}
				return a.print(v, func(w io.Writer) error { return backendDetails(v).write(w) })
			})
		})
}

func backendDetails(v backendView) *list {
	var l list
	l.add("backend", v.Name)
	l.add("driver", v.Driver)
	l.add("state", string(v.State)+", as of "+stamp(v.Since))
	l.add("error", v.Error)
	l.add("id", string(v.ID))
	l.add("product", v.Product)
	l.add("version", v.Version)
	for _, group := range []struct {
		name   string
		fields map[string]any
	}{{"fact", v.Facts}, {"limit", v.Limits}} {
		for _, key := range slices.Sorted(maps.Keys(group.fields)) {
			l.add(group.name, fmt.Sprintf("%s = %v", strings.ReplaceAll(key, "_", " "), group.fields[key]))
		}
	}
	return &l
}

func (a *app) backendRemove() *cobra.Command {
	return a.acting("remove BACKEND", "Forget which array a backend's name stands for",
		"It is refused while the inventory has volumes on it. Take it out of the configuration afterwards.",
		"  ctl backend remove old --yes", &changeFlags{},
		func(_ context.Context, s *session, _ engine.Common, args []string) (change, error) {
			b, err := s.configured(args[0])
			return change{
				loses: fmt.Sprintf("this forgets which array backend %q is", b.Name),
				do: func(ctx context.Context) error {
					if err := s.eng.RemoveBackend(ctx, b.Name); err != nil {
						return err
					}
					return a.print(removed{Removed: "backend", ID: b.Name}, func(w io.Writer) error {
						_, err := fmt.Fprintf(w, "removed backend %s; take it out of the configuration too\n", b.Name)
						return err
					})
				},
			}, err
		})
}

// fieldsOf returns the fields of a struct that are not zero, named as in JSON.
func fieldsOf(v any) map[string]any {
	fields := make(map[string]any)
	for f, value := range reflect.ValueOf(v).Fields() {
		if !f.IsExported() || value.IsZero() {
			continue
		}
		switch x := value.Interface().(type) {
		case fmt.Stringer:
			fields[snake(f.Name)] = x.String()
		default:
			fields[snake(f.Name)] = x
		}
	}
	return fields
}

func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
