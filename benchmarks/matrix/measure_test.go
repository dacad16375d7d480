package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each contestant goes first as often as last, and before each other one as
// often as after it.
func TestTurnsAreFair(t *testing.T) {
	all := []string{"a", "b", "c", "d", "e"}
	order := make([]string, len(all))
	first, last, before := map[string]int{}, map[string]int{}, map[string]int{}
	for round := range 2 * len(all) {
		turn(order, all, round)
		require.ElementsMatch(t, all, order)
		first[order[0]]++
		last[order[len(order)-1]]++
		for i, x := range order {
			for _, y := range order[i+1:] {
				before[x+y]++
			}
		}
	}
	for _, x := range all {
		require.Equal(t, 2, first[x])
		require.Equal(t, 2, last[x])
		for _, y := range all {
			require.Equal(t, before[y+x], before[x+y])
		}
	}
}

func TestMatrixIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range allCells() {
		seen[c.String()] = true
	}
	require.Len(t, seen, 144)
	require.True(t, seen[hotCell.String()])
	for _, c := range rivalCells() {
		require.True(t, seen[c.String()])
	}
}

// A cell's ratios are taken round by round: here each round of ste is twice as
// fast as the baseline's, while the rounds differ a hundredfold.
func TestConclude(t *testing.T) {
	made := func(who contestant, ns ...float64) *result {
		r := &result{who: who, hist: newHistogram()}
		for _, x := range ns {
			record(r.hist, int64(x))
			r.rounds = append(r.rounds, sample{submits: 1, mean: x, p50: x, p90: 3 * x, cpu: 5 * x})
		}
		return r
	}
	row := newRow(hotCell.String(), hotCell)
	row.conclude([]*result{
		made(baseline, 1000, 10_000, 100_000),
		made(twin, 1000, 10_000, 100_000),
		made(strategies[0], 500, 5000, 50_000),
		made(strategies[1], 4000, 40_000, 400_000),
	})
	require.InDelta(t, 1, row.Spread, 1e-9)
	s, ok := row.find(strategies[0].name)
	require.True(t, ok)
	require.InDelta(t, 2, s.Median, 1e-9)
	require.InDelta(t, 2, s.Geomean, 1e-9)
	require.InDelta(t, 2, s.P50s, 1e-9)
	require.Equal(t, won, s.Verdict)
	s, _ = row.find(strategies[1].name)
	require.Equal(t, lost, s.Verdict)
	s, _ = row.find(baselineName)
	require.Empty(t, s.Verdict)

	r := report{Cells: []*cellResult{row}}
	r.finish()
	require.Equal(t, total{Cells: 1, Won: 1, Geomean: 2, P50: 2}, rounded(r.Totals[strategies[0].name]))
	for _, f := range r.Figures {
		switch f.Name {
		case "hot: procs=2, idle, no gap, 1 caller":
			require.Equal(t, notReached, f.Verdict)
		case "cells lost":
			require.Equal(t, notMeasured, f.Verdict, "one cell is not the matrix")
		}
	}
	var text, data bytes.Buffer
	require.NoError(t, r.writeText(&text))
	require.Contains(t, text.String(), "2.00/2.00")
	require.NoError(t, r.writeJSON(&data))
	require.True(t, json.Valid(data.Bytes()))
}

func rounded(t total) total {
	t.Geomean, t.P50 = float64(int(t.Geomean*1e6+0.5))/1e6, float64(int(t.P50*1e6+0.5))/1e6
	return t
}

// Every contestant runs what it is given; recorder.run counts.
func TestContestants(t *testing.T) {
	all := append([]contestant{baseline, twin}, strategies...)
	for _, who := range append(all, rivals...) {
		for _, callers := range []int{1, 8} {
			h := newHistogram()
			s, err := newRecorder().run(who, cell{procs: 2, gap: gaps[0], callers: callers}, time.Millisecond, h)
			require.NoError(t, err, who.name)
			require.Positive(t, s.mean, who.name)
			require.EqualValues(t, s.submits, h.TotalCount(), who.name)
		}
	}
}

// A run that is interrupted at once has nothing to show, and says so.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := new(report)
	steps, err := r.steps(ctx, flags{quick: true, who: strategies})
	require.NoError(t, err)
	require.NoError(t, r.measureAll(ctx, steps))
	r.finish()
	var text bytes.Buffer
	require.NoError(t, r.writeText(&text))
	require.Contains(t, text.String(), "INTERRUPTED")
	require.Contains(t, text.String(), notMeasured)
}

// The steps measure what they are named for: the strategies in the matrix, the
// rivals in their cells only.
func TestSteps(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := new(report)
	steps, err := r.steps(ctx, flags{quick: true, who: strategies})
	require.NoError(t, err)
	require.NoError(t, steps[0].run())
	require.NoError(t, steps[len(allCells())].run())
	require.Equal(t, []string{"baseline", "twin", "adaptive", "park", "spin"}, contestants(r.Cells[0]))
	require.Len(t, contestants(r.Rivals[0]), 3+len(rivals))
}

func contestants(row *cellResult) (names []string) {
	for _, s := range row.Results {
		names = append(names, s.Who)
	}
	return names
}

func TestLimit(t *testing.T) {
	l, err := measureLimit(t.Context(), pace{round: time.Millisecond, pairs: 2})
	require.NoError(t, err)
	if cMissing != "" {
		require.Equal(t, cMissing, l.Missing)
		return
	}
	require.Positive(t, l.Spin)
	require.Positive(t, l.Futex)
	require.Positive(t, l.Ste)
}

// A limit measured while something else held a core does not count.
func TestLimitIsSound(t *testing.T) {
	for spin, want := range map[float64]string{200: notReached, 3650: notMeasured} {
		r := report{Limit: &climit{Pairs: 20, Spin: spin, Futex: 3670, Ste: 9240, Ratio: 9240 / spin}}
		r.finish()
		for _, f := range r.Figures {
			if f.Name == "hot, against C spin ping-pong" {
				require.Equal(t, want, f.Verdict)
			}
		}
	}
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		want string
		args []string
	}{
		{`unexpected argument "quick"`, []string{"quick"}},
		{`no strategy "fast"; there are adaptive, park, `, []string{"-wait", "park,fast"}},
		{"-cells: error parsing regexp", []string{"-cells", "("}},
		{"flag provided but not defined: -speed", []string{"-speed"}},
	} {
		_, err := parse(test.args, io.Discard)
		require.ErrorContains(t, err, test.want)
	}
	f, err := parse([]string{"-wait", "spin,park", "-cells", "procs=3"}, io.Discard)
	require.NoError(t, err)
	require.Len(t, f.who, 2)
	_, err = new(report).steps(t.Context(), f)
	require.ErrorContains(t, err, `no cell matches "procs=3"`)
}
