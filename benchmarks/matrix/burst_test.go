package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// All cells are there, and those that are measured unasked take some 6 minutes.
func TestBurstCells(t *testing.T) {
	seen := map[string]bool{}
	var whole time.Duration
	for _, c := range burstCells() {
		seen[c.String()] = true
		if c.usual() {
			twoRounds := 2 * 3 * time.Duration(c.bursts) * c.gap.sleep
			whole += max(c.time, twoRounds)
		}
		require.Greater(t, c.bursts, burstsDropped+1)
	}
	require.Len(t, seen, 6*3*2*3)
	require.Less(t, whole, 6*time.Minute)
}

// An instant runs closures at once, or after a while.
type instant time.Duration

func (i instant) submit(f func()) { time.Sleep(time.Duration(i)); f() }
func (i instant) close()          {}

func opensInstant(d time.Duration) contestant {
	return contestant{name: "instant", open: func() (executor, error) { return instant(d), nil }}
}

func TestBurstRound(t *testing.T) {
	total := newHistogram()
	s, err := newRecorder().bursts(opensInstant(0), burstCell{n: 5, bursts: burstsDropped + 3}, total)
	require.NoError(t, err)
	require.Equal(t, 3*5, s.submits, "the first bursts are dropped")
	require.EqualValues(t, 3, total.TotalCount(), "one for each burst")

	total.Reset()
	slow := burstLimit / 3 // a clock is read every 4th call
	s, err = newRecorder().bursts(opensInstant(slow), burstCell{n: 1000, bursts: burstsDropped + 1}, total)
	require.NoError(t, err)
	require.Equal(t, 4, s.submits, "a burst that takes too long ends")
	require.GreaterOrEqual(t, s.mean, float64(slow), "the mean is of the calls that were made")
}

func TestBurstFigures(t *testing.T) {
	row := func(spread, ratio float64) *cellResult {
		return &cellResult{Cell: "cell", Spread: spread, Results: []summary{{Who: "x", Median: ratio}}}
	}
	for _, test := range []struct {
		name, verdict, got string
		rows               []*cellResult
	}{
		{"all reach it", reached, "in 2 of 2 cells that count (2 measured), least 2.00x: cell", []*cellResult{row(1, 2), row(1.1, 3)}},
		{"one does not", notReached, "in 1 of 2 cells that count (2 measured), least 1.70x: cell", []*cellResult{row(1, 2), row(1, 1.7)}},
		{"that one does not count", reached, "in 1 of 1 cells that count (2 measured), least 2.00x: cell", []*cellResult{row(1, 2), row(1.11, 1.7)}},
		{"none counts", notMeasured, "A/A beyond 1.1 in all 1 cells", []*cellResult{row(2, 2)}},
		{"none was measured", notMeasured, "-", nil},
		{"another strategy was", notMeasured, "-", []*cellResult{{Results: []summary{{Who: "y", Median: 2}}}}},
	} {
		f := judgedBursts("", 1.8, "x", test.rows)
		require.Equal(t, figure{"", ">= 1.8x", test.got, test.verdict}, f, test.name)
	}

	// A cell belongs to the figure of its length and load.
	var r report
	for _, c := range burstCells() {
		if c.n == 10 && c.busy == 0 {
			r.Bursts = append(r.Bursts, &cellResult{Cell: c.String(), Spread: 1, Results: []summary{{Who: "x", Median: 1.8}}})
		}
	}
	for name, verdict := range verdicts(r.burstFigures("x")) {
		want := notMeasured
		if name == "bursts of 10, idle" {
			want = reached
		}
		require.Equal(t, want, verdict, name)
	}
}
