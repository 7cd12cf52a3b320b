package sqlstore

// statements are all that do not depend on a query, in the dialect's form.
type statements struct {
	volumeGet, snapshotGet, operationGet statement

	volumeInsert, volumeTouch, volumeUpdate, volumeDelete statement
	volumeVersion, volumeCount, volumeLock                statement
	formerInsert, formerDelete                            statement
	// locksRows: volumeLock does lock the volume.
	locksRows bool

	snapshotInsert, snapshotTouch, snapshotUpdate, snapshotDelete    statement
	snapshotVersion, snapshotHome, snapshotReparent, snapshotsDelete statement

	operationInsert, operationRead, operationCount, operationLast statement
	operationTouch, operationUpdate                               map[operationMode]statement
	linkInsert, linkUpdate, linkDelete                            statement

	recordInsert, recordUpdate, recordDelete, recordVersion, recordsDelete statement
}

// operationMode is the way in which an operation that exists is written.
type operationMode struct{ takeOver, restart bool }

// condition is what the stored operation must fulfil besides the epoch.
func (m operationMode) condition() string {
	switch {
	case m.takeOver:
		return " AND is_open = 1 AND (lease_until IS NULL OR lease_until <= {now} OR lease_owner = :lease_owner)" +
			" AND (:if_seq = 0 OR seq = :if_seq)"
	case m.restart:
		return " AND state = 'failed'"
	}
	return ""
}

func newStatements(d Dialect, prefix string) *statements {
	c := compiler{dialect: d, prefix: prefix}
	s := &statements{}
	c.volumes(s)
	c.snapshots(s)
	c.operations(s)
	c.records(s)
	return s
}

// compiler puts the statements together.
type compiler struct {
	dialect Dialect
	prefix  string
}

func (c compiler) of(t table, text string) statement {
	return c.dialect.sqlText(c.prefix, text, t.params)
}

func (c compiler) volumes(s *statements) {
	t := newTable("volume", volumeColumns, "if_version", "delta")
	count := map[string]string{"snapshot_count": "snapshot_count + :delta"}
	const unchanged = "id = :id AND version = :if_version"
	s.volumeGet = c.of(t, "SELECT "+volumeRead+" FROM {volume} WHERE id = :id")
	s.volumeInsert = c.of(t, t.insert(map[string]string{"snapshot_count": ":delta"}))
	s.volumeTouch = c.of(t, t.touch(count, unchanged, "id"))
	s.volumeUpdate = c.of(t, t.update(count, unchanged, "id"))
	s.volumeDelete = c.of(t, "DELETE FROM {volume} WHERE "+unchanged)
	s.volumeVersion = c.of(t, "SELECT version, change_id FROM {volume} WHERE id = :id")
	s.volumeLock = c.of(t, "SELECT version, change_id FROM {volume} WHERE id = :id"+c.dialect.forUpdate)
	s.locksRows = c.dialect.forUpdate != ""
	n := newTable("volume", "id delta")
	s.volumeCount = c.of(n, "UPDATE {volume} SET snapshot_count = snapshot_count + :delta WHERE id = :id")

	f := newTable("former_native", "native volume")
	s.formerInsert = c.of(f, f.insert(nil))
	s.formerDelete = c.of(f, "DELETE FROM {former_native} WHERE volume = :volume")
}

func (c compiler) snapshots(s *statements) {
	t := newTable("snapshot", snapshotColumns, "if_version")
	const unchanged = "id = :id AND version = :if_version AND volume = :volume"
	s.snapshotGet = c.of(t, "SELECT "+snapshotRead+" FROM {snapshot} WHERE id = :id")
	s.snapshotInsert = c.of(t, t.insert(nil))
	s.snapshotTouch = c.of(t, t.touch(nil, unchanged, "id", "volume"))
	s.snapshotUpdate = c.of(t, t.update(nil, unchanged, "id", "volume"))
	s.snapshotDelete = c.of(t, "DELETE FROM {snapshot} WHERE id = :id")
	s.snapshotsDelete = c.of(t, "DELETE FROM {snapshot} WHERE volume = :volume")
	s.snapshotVersion = c.of(t, "SELECT version, change_id FROM {snapshot} WHERE id = :id")
	s.snapshotHome = c.of(t, "SELECT volume FROM {snapshot} WHERE id = :id")

	r := newTable("snapshot", "volume from_id to_id change_id")
	s.snapshotReparent = c.of(r, "UPDATE {snapshot} SET parent = :to_id, version = version + 1, change_id = :change_id "+
		"WHERE parent = :from_id AND length(parent) > 0 AND volume = :volume")
}

func (c compiler) operations(s *statements) {
	t := newTable("operation", operationColumns, "if_epoch", "if_seq", "ttl", "now")
	values := map[string]string{"seq": "{seq}", "lease_until": "{now} + :ttl"}
	s.operationGet = c.of(newTable("operation", "id"), "SELECT "+operationRead+" FROM {operation} o WHERE o.id = :id")
	s.operationInsert = c.of(t, t.insert(values))
	s.operationLast = c.of(t, "SELECT coalesce(max(seq), 0) FROM {operation}")
	s.operationRead = c.of(t, "SELECT epoch, change_id, state, lease_owner, seq FROM {operation} WHERE id = :id")
	if c.dialect.countSeq != "" {
		s.operationCount = c.of(t, c.dialect.countSeq)
	}
	s.operationTouch, s.operationUpdate = map[operationMode]statement{}, map[operationMode]statement{}
	for _, mode := range []operationMode{{}, {takeOver: true}, {restart: true}} {
		where := "id = :id AND epoch = :if_epoch" + mode.condition()
		s.operationTouch[mode] = c.of(t, t.touch(values, where, "id"))
		s.operationUpdate[mode] = c.of(t, t.update(values, where, "id"))
	}

	l := newTable("operation_volume", "operation volume seq")
	const seq = "(SELECT seq FROM {operation} WHERE id = :operation)"
	s.linkInsert = c.of(l, l.insert(map[string]string{"seq": seq}))
	s.linkUpdate = c.of(l, "UPDATE {operation_volume} SET seq = "+seq+" WHERE operation = :operation")
	s.linkDelete = c.of(l, "DELETE FROM {operation_volume} WHERE operation = :operation")
}

func (c compiler) records(s *statements) {
	t := newTable("record", recordColumns, "if_version")
	const unchanged = "kind = :kind AND id = :id AND version = :if_version"
	s.recordInsert = c.of(t, t.insert(nil))
	s.recordUpdate = c.of(t, t.update(nil, unchanged, "kind", "id"))
	s.recordDelete = c.of(t, "DELETE FROM {record} WHERE "+unchanged)
	s.recordsDelete = c.of(t, "DELETE FROM {record} WHERE volume = :volume AND length(volume) > 0")
	s.recordVersion = c.of(t, "SELECT version, change_id FROM {record} WHERE kind = :kind AND id = :id")
}
