-- Times are UTC microseconds since 1970, NULL for none. Ids are 16 bytes, no bytes for none. Texts compare byte by byte. But
-- for times nothing is ever NULL, so that one form of each comparison serves all databases.

-- Our mark in the file's header, so that another program's database is never taken for ours: "SSNP".
PRAGMA application_id = 1397968464;

CREATE TABLE {meta} (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE {volume} (
	id             BLOB    NOT NULL PRIMARY KEY,
	version        INTEGER NOT NULL,
	change_id      BLOB    NOT NULL,
	backend        TEXT    NOT NULL,
	native         TEXT    NOT NULL,
	former         TEXT    NOT NULL,
	name           TEXT    NOT NULL,
	external_id    TEXT    NOT NULL,
	owner          TEXT    NOT NULL,
	labels         TEXT    NOT NULL,
	host           TEXT    NOT NULL,
	disk           TEXT    NOT NULL,
	serial         TEXT    NOT NULL,
	size           INTEGER NOT NULL,
	container      TEXT    NOT NULL,
	head           BLOB    NOT NULL,
	head_unknown   INTEGER NOT NULL,
	snapshot_count INTEGER NOT NULL,
	origin         BLOB    NOT NULL,
	origin_volume  BLOB    NOT NULL,
	token          TEXT    NOT NULL,
	pending        BLOB    NOT NULL,
	created_at     INTEGER,
	deleted_at     INTEGER
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX {volume_native}   ON {volume} (native, backend) WHERE native <> '';
CREATE UNIQUE INDEX {volume_external} ON {volume} (external_id) WHERE external_id <> '';
CREATE INDEX {volume_backend} ON {volume} (backend, id);
CREATE INDEX {volume_owner}   ON {volume} (owner, id) WHERE owner <> '';
CREATE INDEX {volume_host}    ON {volume} (host, id) WHERE host <> '';
CREATE INDEX {volume_origin}  ON {volume} (origin, id) WHERE length(origin) > 0;
CREATE INDEX {volume_pending} ON {volume} (id) WHERE length(pending) > 0;

-- The column volume.former is what a read returns; these rows are what a look-up by a former native id finds.
CREATE TABLE {former_native} (
	native TEXT NOT NULL,
	volume BLOB NOT NULL,
	PRIMARY KEY (native, volume)
) WITHOUT ROWID, STRICT;
CREATE INDEX {former_native_volume} ON {former_native} (volume);

CREATE TABLE {snapshot} (
	id            BLOB    NOT NULL PRIMARY KEY,
	version       INTEGER NOT NULL,
	change_id     BLOB    NOT NULL,
	volume        BLOB    NOT NULL,
	parent        BLOB    NOT NULL,
	name          TEXT    NOT NULL,
	labels        TEXT    NOT NULL,
	owner         TEXT    NOT NULL,
	state         TEXT    NOT NULL,
	token         TEXT    NOT NULL,
	native        TEXT    NOT NULL,
	native_volume TEXT    NOT NULL,
	created_at    INTEGER,
	taken_at      INTEGER,
	size          INTEGER NOT NULL,
	lineage       TEXT    NOT NULL,
	consistency   TEXT    NOT NULL,
	frozen_ns     INTEGER NOT NULL,
	group_id      BLOB    NOT NULL,
	expires_at    INTEGER,
	holds         TEXT    NOT NULL,
	pins          TEXT    NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX {snapshot_volume} ON {snapshot} (volume, id);
CREATE INDEX {snapshot_owner}  ON {snapshot} (owner, id) WHERE owner <> '';
CREATE INDEX {snapshot_parent} ON {snapshot} (parent, id) WHERE length(parent) > 0;
CREATE INDEX {snapshot_root}   ON {snapshot} (id) WHERE length(parent) = 0;
CREATE INDEX {snapshot_name}   ON {snapshot} (name, id) WHERE name <> '';
CREATE INDEX {snapshot_token}  ON {snapshot} (token, id) WHERE token <> '';
CREATE INDEX {snapshot_state}  ON {snapshot} (state, id);
CREATE INDEX {snapshot_group}  ON {snapshot} (group_id, id) WHERE length(group_id) > 0;

-- seq is the row's own key, so that a listing walks the table itself and each index is in its order.
CREATE TABLE {operation} (
	seq          INTEGER NOT NULL PRIMARY KEY,
	id           BLOB    NOT NULL,
	change_id    BLOB    NOT NULL,
	kind         TEXT    NOT NULL,
	format       INTEGER NOT NULL,
	state        TEXT    NOT NULL,
	is_open      INTEGER NOT NULL,
	volumes      BLOB    NOT NULL,
	actor        TEXT    NOT NULL,
	owner        TEXT    NOT NULL,
	args         TEXT    NOT NULL,
	args_hash    TEXT    NOT NULL,
	undoing      INTEGER NOT NULL,
	step_cursor  INTEGER NOT NULL,
	steps        TEXT    NOT NULL,
	detail       TEXT    NOT NULL,
	result       TEXT    NOT NULL,
	error        TEXT    NOT NULL,
	error_class  INTEGER NOT NULL,
	reason       TEXT    NOT NULL,
	attempts     INTEGER NOT NULL,
	next_at      INTEGER,
	cancel_asked INTEGER NOT NULL,
	created_at   INTEGER,
	updated_at   INTEGER,
	lease_owner  TEXT    NOT NULL,
	lease_until  INTEGER,
	epoch        INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX {operation_id} ON {operation} (id);
CREATE INDEX {operation_kind}  ON {operation} (kind);
CREATE INDEX {operation_state} ON {operation} (state);
CREATE INDEX {operation_open}  ON {operation} (seq) WHERE is_open = 1;
CREATE INDEX {operation_owner} ON {operation} (lease_owner) WHERE lease_owner <> '';

-- The column operation.volumes is what a read returns; these rows are what a listing by volume walks, in its order.
CREATE TABLE {operation_volume} (
	operation BLOB    NOT NULL,
	volume    BLOB    NOT NULL,
	seq       INTEGER NOT NULL,
	PRIMARY KEY (operation, volume)
) WITHOUT ROWID, STRICT;
CREATE INDEX {operation_volume_seq} ON {operation_volume} (volume, seq);

CREATE TABLE {record} (
	kind      TEXT    NOT NULL,
	id        TEXT    NOT NULL,
	version   INTEGER NOT NULL,
	change_id BLOB    NOT NULL,
	volume    BLOB    NOT NULL,
	due       INTEGER,
	data      TEXT    NOT NULL,
	PRIMARY KEY (kind, id)
) WITHOUT ROWID, STRICT;
CREATE INDEX {record_id}     ON {record} (id, kind);
CREATE INDEX {record_volume} ON {record} (volume, kind, id) WHERE length(volume) > 0;
CREATE INDEX {record_due}    ON {record} (due, kind, id) WHERE due IS NOT NULL;
