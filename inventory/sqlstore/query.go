package sqlstore

import (
	"slices"
	"strings"
	"time"

	"github.com/storagesnap/storagesnap/inventory"
)

// query puts a SELECT together out of the fields that are set. Its first condition is the one whose index is used; the
// rest are filters. So the conditions are added in the order of how few rows they leave.
type query struct {
	from  string
	where []string
	// params and values are the parameters in the conditions.
	params []string
	values []any
}

// text adds a condition on a text column; indexed is what the column's index says about the rows that are in it.
func (q *query) text(column, param, value string, indexed ...string) {
	if value != "" {
		q.equal(column, param, value, indexed)
	}
}

// id adds a condition on a column of ids.
func (q *query) id(column, param string, value []byte, indexed ...string) {
	if len(value) > 0 {
		q.equal(column, param, value, indexed)
	}
}

func (q *query) equal(column, param string, value any, indexed []string) {
	if len(q.where) > 0 {
		column, indexed = "{also}"+column, nil
	}
	q.where = append(append(q.where, column+" = :"+param), indexed...)
	q.bind(param, value)
}

func (q *query) when(set bool, conditions ...string) {
	if set {
		q.where = append(q.where, conditions...)
	}
}

func (q *query) bind(param string, value any) {
	q.params, q.values = append(q.params, param), append(q.values, value)
}

// clock makes :now known.
func (q *query) clock() { q.bind("now", time.Now().UnixMicro()) }

// statement is the whole SELECT; condition is one more.
func (q *query) statement(columns, condition, tail string) string {
	text := "SELECT " + columns + " FROM " + q.from
	where := q.where
	if condition != "" {
		where = append(slices.Clip(where), condition)
	}
	if len(where) > 0 {
		text += " WHERE " + strings.Join(where, " AND ")
	}
	return text + tail
}

func volumeQuery(q inventory.VolumeQuery) *query {
	s := &query{from: "{volume}"}
	if q.Native != "" {
		// A join, as not every database sees through "id IN (SELECT …)".
		s.from = "(SELECT id AS found FROM {volume} WHERE native = :native AND native <> '' UNION " +
			"SELECT volume AS found FROM {former_native} WHERE native = :native) f CROSS JOIN {volume}"
		s.when(true, "id = found")
		s.bind("native", string(q.Native))
	}
	s.text("external_id", "external_id", q.ExternalID, "external_id <> ''")
	s.id("origin", "origin", idValue(q.Origin), "length(origin) > 0")
	s.when(q.Pending, "length(pending) > 0")
	s.text("owner", "owner", q.Owner, "owner <> ''")
	s.text("host", "host", q.Host, "host <> ''")
	s.text("backend", "backend", q.Backend)
	return s
}

func snapshotQuery(q inventory.SnapshotQuery) *query {
	s := &query{from: "{snapshot}"}
	s.text("token", "token", q.Token, "token <> ''")
	s.id("parent", "parent", idValue(q.Parent), "length(parent) > 0")
	s.id("group_id", "group_id", idValue(q.Group), "length(group_id) > 0")
	s.id("volume", "volume", idValue(q.Volume))
	s.text("name", "name", q.Name, "name <> ''")
	s.text("owner", "owner", q.Owner, "owner <> ''")
	s.expired(q.Expired)
	s.when(q.Roots, "length(parent) = 0")
	s.text("state", "state", string(q.State))
	return s
}

// expired selects by the times first unless something narrower was asked for: a join, as a database would rather walk all rows
// in the order of their ids than sort the few that have expired.
func (q *query) expired(set bool) {
	const conditions = "expires_at IS NOT NULL AND expires_at <= {now}"
	switch {
	case !set:
		return
	case len(q.where) > 0:
		q.when(true, conditions)
	default:
		q.from = "(SELECT id AS found FROM {snapshot} WHERE " + conditions + ") f CROSS JOIN {snapshot}"
		q.when(true, "id = found")
	}
	q.clock()
}

func operationQuery(q inventory.OperationQuery) *query {
	s := &query{from: "{operation} o"}
	if !q.Volume.IsZero() {
		s.from = "{operation_volume} v CROSS JOIN {operation} o"
		s.when(true, "v.volume = :volume", "o.seq = v.seq")
		s.bind("volume", idValue(q.Volume))
	}
	s.when(q.Open || q.State.Open(), "o.is_open = 1")
	s.text("o.lease_owner", "lease_owner", q.LeaseOwner, "o.lease_owner <> ''")
	s.text("o.state", "state", string(q.State))
	s.text("o.kind", "kind", q.Kind)
	if q.LeaseExpired {
		s.when(true, "(o.lease_until IS NULL OR o.lease_until <= {now})")
		s.clock()
	}
	return s
}

func recordQuery(q inventory.RecordQuery) *query {
	s := &query{from: "{record}"}
	if q.Kind != "" && q.ID != "" {
		s.when(true, "kind = :kind", "id = :id")
		s.bind("kind", q.Kind)
		s.bind("id", q.ID)
		q.Kind, q.ID = "", ""
	}
	s.id("volume", "volume", idValue(q.Volume), "length(volume) > 0")
	if q.Due {
		s.when(true, "due IS NOT NULL", "due <= {now}")
		s.clock()
	}
	s.text("id", "id", q.ID)
	s.text("kind", "kind", q.Kind)
	return s
}
