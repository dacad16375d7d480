//go:build !race

package testkit

// RaceEnabled says whether the race detector watches the tests: it makes
// sync.Pool drop things.
const RaceEnabled = false
