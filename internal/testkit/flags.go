package testkit

import (
	"flag"
	"testing"
	"time"
)

var (
	roundsFlag   = flag.Int("rounds", 10_000, "rounds of each race; -short divides them by 50")
	patienceFlag = flag.Duration("patience", 2*time.Minute, "how long a test waits for something that must happen")
)

// Rounds is how often a race is run. per says how dear a round is: a race whose
// rounds cost a Thread each runs a fraction of those that cost a Submit.
func Rounds(per int) int {
	n := *roundsFlag / per
	if testing.Short() {
		n /= 50
	}
	return max(n, 20)
}

// Patience is how long a test waits for something that must happen.
func Patience() time.Duration { return *patienceFlag }
