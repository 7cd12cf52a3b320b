// Package bench has no code but benchmarks: those that measure several packages together, against the least that the work
// could cost. Each ratio is of two measurements that were taken in turns in one run. `make bench` prints them.
package bench
