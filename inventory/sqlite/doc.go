// Package sqlite is the inventory in one SQLite file: the default where one machine runs the program. It needs no server
// and no C compiler.
//
//	inv, err := sqlite.Open(ctx, "/var/lib/backup/inventory.db", sqlite.Options{})
//
// # When to choose it
//
// Any number of processes on one machine may have the file open; they see each other's commits at once, and compare and
// swap against each other. Replicas on several machines need a database server instead: SQLite's locks and shared memory
// do not work over NFS, SMB or any other network file system, and the file must not be on one. A million snapshots are a
// file of some 500 MB; a create, a delete or a look-up takes the same time as among a thousand.
//
// # The files
//
// Beside inventory.db, as long as somebody has it open or after a crash, stand inventory.db-wal, which holds the last
// commits, and inventory.db-shm, which can always be made again. Never copy, move or delete the file without its -wal.
// A new file is made as inventory.db.new-… and then linked into place; one that is left after a power cut can be deleted.
// The file and those beside it are readable by their owner only; an existing empty file keeps its permissions. The folder
// must be writable. The inventory holds no passwords, but names, accounts and the ids of the array.
//
// # Backup
//
// While the program runs:
//
//	sqlite3 inventory.db "VACUUM INTO '/backup/inventory.db'"
//
// or, when no process has it open, by copying the file. A backup is the inventory of the moment it was made: what the array
// did since is found by the engine's audit. Two copies must never be used at once for the same array, as both are the same
// installation and take each other's snapshots for their own.
//
// # What survives
//
// A commit that has returned survives the end of the process by any signal, and, on a disk that keeps its promises, a power
// cut: the write-ahead log is flushed with every commit (synchronous=FULL). A commit that has not returned is there wholly or
// not at all. On the next opening the log is replayed; nothing has to be repaired.
//
// # Errors
//
// [Open] refuses, with [inventory.ErrSchema] and without changing a byte, what is not an SQLite database, is another
// application's (by the mark in its header), is damaged, or was made by a newer program. Damage in the middle of a file
// shows when it is read, with the same class. A full disk, a file or folder without permission and another process that
// writes for longer than [Options.BusyTimeout] are [inventory.ErrUnavailable]: nothing was written, and the same call works
// once that is mended.
//
// # Concurrency
//
// All methods are safe for concurrent use. Reads never wait for commits, nor commits for reads. Commits of one process that
// wait for each other share one flush to disk.
package sqlite
