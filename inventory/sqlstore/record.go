package sqlstore

import "github.com/storagesnap/storagesnap/inventory"

const recordRead = `kind, id, version, volume, due, data`

// recordRow is the destination of the columns recordRead.
func recordRow(c *inventory.Record) *row {
	r := &row{}
	text(r, &c.Kind)
	text(r, &c.ID)
	number(r, &c.Version)
	identity(r, &c.Volume)
	instant(r, &c.Due)
	rawDocument(r, &c.Data)
	return r
}

// recordValues returns the parameters of the record's statements: recordColumns and if_version.
func recordValues(id inventory.ChangeID, c *inventory.RecordChange) []any {
	r := &c.Record
	return []any{
		r.Kind, r.ID, c.IfVersion + 1, idValue(id), idValue(r.Volume), timeValue(r.Due), string(r.Data), c.IfVersion,
	}
}
