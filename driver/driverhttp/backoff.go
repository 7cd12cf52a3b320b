package driverhttp

import (
	"math/rand/v2"
	"time"
)

// backoff returns the wait before the request is sent again after so many attempts: doubled each time up to high, less a
// random part of up to half, so that clients that failed together do not come back together.
func backoff(low, high time.Duration, attempts int) time.Duration {
	wait := low
	for range attempts - 1 {
		if wait >= high/2 {
			wait = high
			break
		}
		wait *= 2
	}
	return wait - rand.N(wait/2+1) //nolint:gosec // no secret depends on it
}
