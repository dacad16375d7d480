package testkit

import (
	"flag"
	"testing"
	"time"
)

var (
	roundsFlag   = flag.Int("rounds", 5_000, "rounds of each race; -short divides them by 25")
	patienceFlag = flag.Duration("patience", 2*time.Minute, "how long a test waits for something that must happen")
	longFlag     = flag.Bool("long", false, "everything at full size, however long that takes; without it go test is for everybody's machine")
)

// Rounds is how often a race is run. per says how dear a round is: a race whose
// rounds cost a Thread each runs a fraction of those that cost a Submit.
func Rounds(per int) int {
	n := *roundsFlag / per
	if testing.Short() {
		n /= 25
	}
	return max(n, 20)
}

// Long reports whether the run shall take as long as it takes: -long and not -short.
func Long() bool { return *longFlag && !testing.Short() }

// Size is how much a test does: with -short, by itself, and with -long.
func Size(short, normal, long int) int {
	switch {
	case testing.Short():
		return short
	case Long():
		return long
	}
	return normal
}

// NeedLong skips a test that cannot be made smaller unless the run is a long one.
func NeedLong(t testing.TB, why string) {
	t.Helper()
	if !Long() {
		t.Skipf("%s; runs with -long", why)
	}
}

// Patience is how long a test waits for something that must happen.
func Patience() time.Duration { return *patienceFlag }

// Instrumented says whether the race detector or the address sanitizer (-asan) watches
// the tests: both make allocations of their own and take time.
const Instrumented = RaceEnabled || asanEnabled
