//go:build race

package crashtest_test

// underRace: the children are several times slower then, so a part of the matrix has to do.
const underRace = true
