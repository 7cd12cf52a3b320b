// Package sqlstore is the inventory in an SQL database, over a handle of package database/sql that the embedder opens: it
// imports no database driver. What differs between databases is in a [Dialect]. Package sqlite next to this one brings the
// embedded default, a file, with everything set up; use this one where the handle is yours.
//
//	db, err := sql.Open("sqlite", "file:inventory.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_txlock=immediate")
//	err = sqlstore.Migrate(ctx, db, sqlstore.SQLite(), sqlstore.Options{})
//	inv, err := sqlstore.Open(ctx, db, sqlstore.SQLite(), sqlstore.Options{})
//
// # Schema
//
// [Migrate] makes the tables and brings those of an older program up to date; [Open] never changes them. So an operator can
// run the first with more rights, once, before the replicas start. The schema records the oldest program that it still
// serves: replicas of the last version go on beside the first of the next as long as that holds, and are refused in plain
// words where it does not. With [Options.Prefix] the tables live among others.
//
// Everything is in rows and columns of its own, for queries by other programs: volume, former_native, snapshot, operation,
// operation_volume, record, meta, schema_version. JSON holds what is only ever read as a whole: labels, holds, pins, steps
// and the documents of an operation. Ids are the 16 bytes of the UUID, times UTC microseconds since 1970, none is NULL.
// Write to the tables with the store only: it keeps counts, versions and the order of commits.
//
// # Commits
//
// A change is one transaction, compared and swapped by the number of rows that each UPDATE meets. In SQLite, which has one
// writer, changes that wait while another is written are written together, with a savepoint each, so that they share one
// flush to disk and a refused one takes nobody with it. A change that finds nobody waiting is written at once.
//
// When the reply to a COMMIT is lost, the store applies the change again: either that takes effect, or the change's id,
// which stands on every row that it wrote, or the rows' versions tell what became of the first. Only if they do not,
// because others have written over all of them meanwhile, or if the database stays away for ten seconds, is the answer
// [inventory.ErrIndeterminate].
//
// # Errors
//
// The classes are those of package inventory. The message says what was being done, what the database said and what to do.
// ErrUnavailable: nothing was written; the database is busy, full, read-only or away. ErrSchema, also from reads: the
// database is damaged or not for this program.
//
// # Concurrency
//
// All methods are safe for concurrent use. A writer keeps one connection of the handle; every other connection serves
// reads, so the handle must allow two at least. A listing reads pages of up to 1024 rows with a query each, found by key at
// any depth for the same price; between pages it holds neither a connection nor a transaction.
package sqlstore
