package sqlstore

import (
	"errors"

	"github.com/pressly/goose/v3"
)

// ApplicationID is the mark in the header of an SQLite database that holds an inventory (PRAGMA application_id): "SSNP".
const ApplicationID = 0x53534e50

// SQLite is the dialect of SQLite 3.37 and later. The database must be in WAL mode, so that reads and the one writer do
// not wait for each other, and its handle must allow two connections at least. Package sqlite takes care of all that.
//
// The store's clock is time.Now.
func SQLite() Dialect {
	return Dialect{
		name:       "SQLite",
		migrations: "migrations/sqlite",
		versions:   goose.DialectSQLite3,
		tableCount: "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = :name",
		writers:    1,
		batch:      256,
		begin:      "BEGIN IMMEDIATE",
		now:        ":now",
		// The transaction holds the write lock of the whole database, so nobody can take the number in between.
		nextSeq:     "(SELECT coalesce(max(seq), 0) + 1 FROM {operation})",
		unlessTaken: " ON CONFLICT DO NOTHING",
		also:        "+",
		fault:       sqliteFault,
	}
}

// sqliteFault knows the errors of every driver that tells SQLite's result code by a method Code.
func sqliteFault(err error) fault {
	coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	if !ok {
		return faultOther
	}
	const (
		perm, busy, locked, readOnly, corrupt = 3, 5, 6, 8, 11
		full, cantOpen, tooBig, notADatabase  = 13, 14, 18, 26
		uniqueKey, primaryKey                 = 2067, 1555
	)
	switch coded.Code() {
	case uniqueKey, primaryKey:
		return faultTaken
	}
	switch coded.Code() & 0xff { // the rest of the code is detail
	case busy, locked:
		return faultBusy
	case full:
		return faultFull
	case readOnly, cantOpen, perm:
		return faultReadOnly
	case corrupt, notADatabase:
		return faultDamaged
	case tooBig:
		return faultTooLarge
	}
	return faultOther
}
