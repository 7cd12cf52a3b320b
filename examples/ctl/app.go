package main

import (
	"context"
	"io"
	"os"
	"os/user"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/driver"
)

// streams are what a run of the program reads and writes, and what it knows of its surroundings.
type streams struct {
	in       io.Reader
	out, err io.Writer
	getenv   func(string) string
	now      func() time.Time
	// registry has the drivers.
	registry *driver.Registry
	// busy is true while something is changed: then an interruption is more than the end of a reader.
	busy *atomic.Bool
	// inTerminal and errTerminal: somebody sits there.
	inTerminal, errTerminal bool
}

// app is one run of the program.
type app struct {
	streams

	flags globals
	// begun: the command line was understood; an error before that is one of usage.
	begun bool
}

// globals are the flags of every command.
type globals struct {
	config   string
	output   string
	actor    string
	progress bool
	verbose  bool
}

// configVariable is the environment variable that stands in for --config.
const configVariable = "STORAGESNAP_CONFIG"

// execute runs one command line and returns the exit status. When ctx ends, a verb under way undoes what it can.
func execute(ctx context.Context, s streams, args []string) int {
	a := &app{streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if !a.begun {
		err = &usageError{text: err.Error(), next: "see: " + command.CommandPath() + " --help"}
	}
	return a.report(err)
}

func (a *app) root() *cobra.Command {
	root := a.group("ctl", "Take, keep and use storage-side snapshots of virtual disks", rootHelp)
	root.SilenceErrors, root.SilenceUsage = true, true
	f := root.PersistentFlags()
	f.StringVarP(&a.flags.config, "config", "c", "", "configuration `file`, YAML or JSON (default: $"+configVariable+")")
	f.StringVarP(&a.flags.output, "output", "o", outputText, "`form` of the output: text, json or yaml")
	f.StringVar(&a.flags.actor, "actor", "", "`who` asks, for the journal (default: user@machine)")
	f.BoolVar(&a.flags.progress, "progress", false, "tell each step on stderr, also if that is no terminal")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false, "write log records to stderr")
	a.complete(root, "output", outputText, outputJSON, outputYAML)
	root.AddCommand(
		a.backendCommands(), a.volumeCommands(), a.snapshotCommands(), a.groupCommands(), a.treeCommand(), a.planCommand(),
		a.operationCommands(), a.explainCommand(), a.auditCommand(), a.checkCommand(), a.configCommands(), a.driversCommand(),
		a.migrateCommand(),
	)
	return root
}

const rootHelp = `Ctl drives storagesnap from a shell: it reads a configuration, opens the inventory and the backends that
are named there, and does one thing. It needs no server, and may be used beside any number of programs on
the same inventory.

Volumes, snapshots and operations are named by their id, by its last eight characters as lists show them,
or by their name where that is unique; a volume also by backend/native-id or its external id, a snapshot
as VOLUME@NAME.

Exit status:
  0  done
  1  failed; nothing is left behind, unless the error says otherwise
  2  usage: the command line or the configuration is wrong
  3  refused; nothing was done
  4  waiting: the operation goes on, or needs a person; its id and what to do are printed`

// group is a command that only has others below it.
func (a *app) group(use, short, long string, below ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: cobra.ArbitraryArgs}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("there is no command %q below %s", args[0], c.CommandPath())
		}
		return c.Help()
	}
	c.AddCommand(below...)
	return c
}

// command makes a command that does something; args name its arguments.
func (a *app) command(use, short, long, example string, run func(c *cobra.Command, args []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Example: example, DisableFlagsInUseLine: true, Args: a.arguments}
	if long != "" {
		c.Long = short + ".\n\n" + long
	}
	c.ValidArgsFunction = cobra.NoFileCompletions
	c.RunE = func(c *cobra.Command, args []string) error {
		a.begun = true
		if err := a.checkOutput(); err != nil {
			return err
		}
		return run(c, args)
	}
	return c
}

// actor is who asks, as the journal will say.
func (a *app) actor() string {
	if a.flags.actor != "" {
		return a.flags.actor
	}
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}
