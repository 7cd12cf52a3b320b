// Package crashtest has no code but tests: those that need real processes. The engine, its inventory in SQLite and a folder
// of images are worked on by children of the test binary, which are killed at every point of every operation, or stopped
// and woken after another has taken over. `make crash` plays all of it.
package crashtest
