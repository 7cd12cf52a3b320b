//go:build race

package engine_test

// underRace: the race detector makes the matrices ten times slower, so they are played with one death only on SQLite.
const underRace = true
