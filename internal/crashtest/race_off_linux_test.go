//go:build !race

package crashtest_test

const underRace = false
