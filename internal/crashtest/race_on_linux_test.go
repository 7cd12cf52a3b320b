//go:build race

package crashtest_test

// underRace: the children are slower then, and one goroutine after another is what they are about.
const underRace = true
