package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/storagesnap/storagesnap/inventory/sqlite"
)

// migrated is what ctl migrate prints.
type migrated struct {
	Inventory string `json:"inventory"`
}

func (a *app) migrateCommand() *cobra.Command {
	return a.command("migrate", "Make the inventory, or bring its schema up to date",
		"No other command makes one, so that a mistake in the configuration does not look like an empty inventory.",
		"  ctl migrate", func(c *cobra.Command, _ []string) error {
			s, err := a.load()
			if err != nil {
				return err
			}
			path, err := inventoryPath(s.Inventory)
			if err != nil {
				return err
			}
			if err := sqlite.Migrate(c.Context(), path, sqlite.Options{}); err != nil {
				return err
			}
			return a.print(migrated{s.Inventory}, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "the inventory %s is there and up to date\n", path)
				return err
			})
		})
}
