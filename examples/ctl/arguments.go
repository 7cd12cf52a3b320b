package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// arguments checks the number of arguments by the usage line: "revert VOLUME SNAPSHOT", "list [VOLUME]", "check [NAME...]".
func (a *app) arguments(c *cobra.Command, args []string) error {
	names := strings.Fields(c.Use)[1:]
	required, most := 0, len(names)
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			required++
		}
		if strings.Contains(name, "...") {
			most = len(args)
		}
	}
	switch {
	case len(args) < required:
		return usagef("%s is missing; usage: %s", names[len(args)], c.UseLine())
	case len(args) > max(most, required):
		return usagef("there is one argument too many: %q; usage: %s", args[most], c.UseLine())
	}
	return nil
}
