package main

import (
	"slices"

	"github.com/spf13/cobra"
)

const planHelp = `What a command that changes something would do, if it were given now: each step with its calls of the array
and the hosts, what will be gone, who uses the disks, what stands in the way. Nothing is changed. It is the same as that
command with --dry-run.

The version at the end of a plan, given to the command with --if-plan, makes it do what was shown or nothing.`

const planExample = `  ctl plan snapshot revert web01 "before upgrade"
  ctl plan volume delete web01 --snapshots delete -o json`

// planCommand takes a whole command line, whatever flags it has.
func (a *app) planCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "plan COMMAND …", Short: "Show what a command would do", Long: planHelp, Example: planExample,
		DisableFlagParsing: true, DisableFlagsInUseLine: true,
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		root := a.root()
		planned, _, err := root.Find(args)
		switch {
		case err != nil:
			return err
		case planned == root:
			return c.Help()
		case planned.Flags().Lookup("dry-run") == nil:
			return usagef("%s changes nothing at an array or in the inventory, so there is no plan of it", planned.CommandPath())
		}
		end := len(args)
		if i := slices.Index(args, "--"); i >= 0 {
			end = i
		}
		root.SetArgs(slices.Insert(slices.Clone(args), end, "--dry-run=true"))
		root.SetIn(a.in)
		root.SetOut(a.out)
		root.SetErr(a.err)
		return root.ExecuteContext(c.Context())
	}
	return c
}
