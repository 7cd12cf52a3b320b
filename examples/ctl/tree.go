package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/snapshot"
)

func (a *app) treeCommand() *cobra.Command {
	var ascii, times bool
	c := a.command("tree VOLUME", "Draw the tree of a volume's snapshots",
		"Each line descends from the one above it in its column; ├─ begins a branch. The last line is the content now.",
		"  ctl tree web01", func(c *cobra.Command, args []string) error {
			return a.with(c.Context(), func(s *session) error {
				v, err := s.volume(c.Context(), args[0])
				if err != nil {
					return err
				}
				tree, err := s.eng.Tree(c.Context(), v.ID)
				if err != nil {
					return err
				}
				return a.print(tree, func(w io.Writer) error {
					opts := snapshot.TextOptions{ASCII: ascii, NameWidth: nameWidth}
					if !times {
						opts.Now = a.now()
					}
					text := tree.Text(opts)
					if v.Name != "" {
						text = strings.Replace(text, v.ID.String(), safe(v.Name, 0)+" ("+v.ID.String()+")", 1)
					}
					_, err := fmt.Fprint(w, text)
					return err
				})
			})
		})
	c.Flags().BoolVar(&ascii, "ascii", false, "draw with ASCII characters only")
	c.Flags().BoolVar(&times, "times", false, "times in UTC instead of ages")
	return a.completes(c, volumeWords)
}
