package main

import (
	"context"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/inventory"
	"github.com/storagesnap/storagesnap/snapshot"
)

// completionsMost is how many completions a shell is given.
const completionsMost = 200

// wordable is what a shell takes for one word without quotes.
var wordable = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/@+-]*$`)

// suggest lists what an argument may be: each a word with an explanation.
type suggest func(ctx context.Context, s *session, add func(word, explanation string) bool) error

// completes makes the command's arguments complete: one suggest for each, in order; nil for what only the user knows. The last
// one serves for all that follow where the command takes any number.
func (a *app) completes(c *cobra.Command, arguments ...suggest) *cobra.Command {
	c.ValidArgsFunction = func(c *cobra.Command, args []string, begin string) ([]string, cobra.ShellCompDirective) {
		i := len(args)
		if strings.HasSuffix(c.Use, "...") {
			i = min(i, len(arguments)-1)
		}
		if i >= len(arguments) || arguments[i] == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var words []string
		add := func(word, explanation string) bool {
			if strings.HasPrefix(word, begin) && wordable.MatchString(word) {
				words = append(words, word+"\t"+safe(explanation, nameWidth))
			}
			return len(words) < completionsMost
		}
		// A shell that asks for completions has no use for an error.
		_ = a.with(c.Context(), func(s *session) error { return arguments[i](c.Context(), s, add) })
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// complete gives the values of a flag.
func (a *app) complete(c *cobra.Command, flag string, values ...string) {
	// The only error is a flag that does not exist, which the tests would find.
	_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func volumeWords(ctx context.Context, s *session, add func(word, explanation string) bool) error {
	for v, err := range s.inv.Volumes(ctx, inventory.VolumeQuery{}) {
		if err != nil {
			return err
		}
		if !add(word(v.Name, v.ID.Short()), v.Backend+"/"+string(v.Native)) {
			return nil
		}
	}
	return nil
}

func snapshotWords(ctx context.Context, s *session, add func(word, explanation string) bool) error {
	names := s.names(ctx)
	for one, err := range s.inv.Snapshots(ctx, inventory.SnapshotQuery{State: snapshot.Ready}) {
		if err != nil {
			return err
		}
		volume := names(one.Volume)
		if !add(word(volume+"@"+one.Name, one.ID.Short()), minute(one.CreatedAt)) || !add(one.ID.Short(), volume+"@"+one.Name) {
			return nil
		}
	}
	return nil
}

// word is the name if a shell takes it as it is, else the id.
func word(name, id string) string {
	if wordable.MatchString(name) {
		return name
	}
	return id
}

// holdWords are the names of all holds there are.
func holdWords(ctx context.Context, s *session, add func(word, explanation string) bool) error {
	for one, err := range s.inv.Snapshots(ctx, inventory.SnapshotQuery{}) {
		if err != nil {
			return err
		}
		for _, h := range one.Holds {
			if !add(h.Name, h.Reason) {
				return nil
			}
		}
	}
	return nil
}

func operationWords(ctx context.Context, s *session, add func(word, explanation string) bool) error {
	for op, err := range s.inv.Operations(ctx, inventory.OperationQuery{}) {
		if err != nil {
			return err
		}
		if !add(op.ID.Short(), op.Kind+", "+string(op.State)) {
			return nil
		}
	}
	return nil
}

func backendWords(_ context.Context, s *session, add func(word, explanation string) bool) error {
	for _, b := range s.Backends {
		add(b.Name, b.Driver)
	}
	return nil
}

// driverWords needs no configuration.
func (a *app) driverWords(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return append(a.registry.Drivers(), a.registry.Hosts()...), cobra.ShellCompDirectiveNoFileComp
}
