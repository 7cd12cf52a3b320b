package main

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
)

// driverView is a driver as it is printed.
type driverView struct {
	Name string `json:"name"`
	// Kind is "backend" or "host".
	Kind   string      `json:"kind"`
	Fields []fieldView `json:"fields"`
}

// fieldView is a field of a driver's configuration.
type fieldView struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required,omitempty"`
	Secret   bool   `json:"secret,omitempty"`
	Help     string `json:"help,omitempty"`
}

func (a *app) driversCommand() *cobra.Command {
	c := a.command("drivers [NAME]", "List the drivers, and the fields of their configuration", "",
		"  ctl drivers\n  ctl drivers local",
		func(_ *cobra.Command, names []string) error {
			all, err := a.drivers(names)
			if err != nil {
				return err
			}
			return a.print(all, func(w io.Writer) error {
				t := newTable("DRIVER", "KIND", "FIELD", "TYPE", "DEFAULT", "HELP")
				for _, d := range all {
					driverRows(t, d)
				}
				return t.write(w, "There are no drivers.")
			})
		})
	c.ValidArgsFunction = a.driverWords
	return c
}

func (a *app) drivers(names []string) ([]driverView, error) {
	all := []driverView{}
	for _, name := range a.registry.Drivers() {
		o, err := a.registry.Driver(name)
		if err != nil {
			return nil, err
		}
		all = append(all, driverView{name, "backend", fieldViews(o.Fields())})
	}
	for _, name := range a.registry.Hosts() {
		o, err := a.registry.Host(name)
		if err != nil {
			return nil, err
		}
		all = append(all, driverView{name, "host", fieldViews(o.Fields())})
	}
	if len(names) == 0 {
		return all, nil
	}
	chosen := slices.DeleteFunc(all, func(d driverView) bool { return d.Name != names[0] })
	if len(chosen) == 0 {
		return nil, &refusal{text: "there is no driver \"" + names[0] + "\"", next: "ctl drivers lists those that are"}
	}
	return chosen, nil
}

func fieldViews(fields []driver.Field) []fieldView {
	views := make([]fieldView, len(fields))
	for i, f := range fields {
		views[i] = fieldView{f.Name, f.Type, f.Default, f.Required, f.Secret, f.Help}
	}
	return views
}

func driverRows(t *table, d driverView) {
	name, kind := d.Name, d.Kind
	for _, f := range d.Fields {
		value := f.Default
		if f.Required {
			value = "(required)"
		}
		t.row(name, kind, f.Name, f.Type, value, f.Help)
		name, kind = "", ""
	}
	if len(d.Fields) == 0 {
		t.row(name, kind, "-", "", "", "")
	}
}
