package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
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
	require.InDelta(t, 2, s.P90s, 1e-9)
	require.InDelta(t, 2, s.CPUs, 1e-9)
	require.Equal(t, won, s.Verdict)
	require.Equal(t, won, s.Tail)
	s, _ = row.find(strategies[1].name)
	require.Equal(t, lost, s.Verdict)
	require.Equal(t, lost, s.Tail)
	s, _ = row.find(baselineName)
	require.Empty(t, s.Verdict)

	r := report{Cells: []*cellResult{row}, About: strategies[0].name}
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
	f, err := parse([]string{"-quick"}, io.Discard)
	require.NoError(t, err)
	steps, err := r.steps(ctx, f)
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
	f, err := parse([]string{"-quick"}, io.Discard)
	require.NoError(t, err)
	steps, err := r.steps(ctx, f)
	require.NoError(t, err)
	require.NoError(t, steps[0].run())
	require.NoError(t, steps[len(allCells())].run())
	all := []string{baselineName, twinName}
	for _, s := range strategies {
		all = append(all, s.name)
	}
	require.Equal(t, all, contestants(r.Cells[0]))
	require.Len(t, contestants(r.Rivals[0]), 3+len(rivals))
}

// Each kind of rows can be measured alone, and puts them where the report looks for
// them.
func TestKinds(t *testing.T) {
	r := new(report)
	for kind, rows := range map[string]*[]*cellResult{
		"rivals": &r.Rivals, "pauses": &r.Pauses, "bursts": &r.Bursts, "series": &r.Series, "rates": &r.Rates, "bystanders": &r.Bystanders,
	} {
		f, err := parse([]string{"-quick", "-" + kind, "-wait", "park"}, io.Discard)
		require.NoError(t, err)
		steps, err := r.steps(t.Context(), f)
		require.NoError(t, err)
		require.NotEmpty(t, steps, kind)
		require.NoError(t, steps[0].run())
		require.Len(t, *rows, 1, kind)
		if kind != "rivals" {
			require.Equal(t, []string{baselineName, twinName, "park"}, contestants((*rows)[0])[:3], kind)
		}
	}
	require.Len(t, kinds, 6)
	if cMissing == "" {
		s, ok := r.Pauses[0].find(cFutexName)
		require.True(t, ok)
		require.Positive(t, s.P50)
	}
}

// Ctrl-C in the middle of a round leaves the full ones.
func TestInterruptedRound(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	runs := 0
	who := []contestant{baseline, twin, strategies[0]}
	row, err := contest(ctx, newRow("", cell{procs: 2}), who, 99, 0, func(contestant, *hdrhistogram.Histogram) (sample, error) {
		if runs++; runs == 2*len(who)+1 {
			cancel()
		}
		return sample{submits: 1, mean: 1, p50: 1, p90: 1, cpu: 1}, nil
	})
	require.NoError(t, err)
	for _, s := range row.Results {
		require.Equal(t, 2, s.Rounds, s.Who)
	}
	require.Equal(t, 2*len(who)+1, runs)
}

func TestPaceTimes(t *testing.T) {
	p := wholePace.times(3)
	require.Equal(t, 3*wholePace.cell, p.cell)
	require.Equal(t, 6*time.Second, p.share(2*time.Second))
	require.Equal(t, wholePace.round, p.round, "more rounds, not longer ones")
}

// A step that takes longer than its share leaves less for the others, in proportion.
func TestAllowance(t *testing.T) {
	var a allowance
	a.add(30 * time.Millisecond)
	a.add(10 * time.Millisecond)
	a.add(20 * time.Millisecond)
	var seen []time.Duration
	for i, share := range []time.Duration{30 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond} {
		_, err := a.spend(share, func(budget time.Duration) (*cellResult, error) {
			seen = append(seen, budget)
			time.Sleep([]time.Duration{45 * time.Millisecond, 100 * time.Millisecond, 0}[i])
			return nil, nil
		})
		require.NoError(t, err)
	}
	require.Equal(t, 30*time.Millisecond, seen[0])
	require.LessOrEqual(t, seen[1], 5*time.Millisecond, "15 ms are left for the two")
	require.Zero(t, seen[2])
}

// Calls after a pause are judged by their p50 and their mean, each on its own.
func TestPauseFigures(t *testing.T) {
	short, long := cell{procs: 2, gap: gaps[2], callers: 1}, cell{procs: 4, gap: gaps[3], callers: 1}
	r := report{Cells: []*cellResult{newRow("", short), newRow("", long)}}
	r.Cells[0].Results = []summary{{Who: "x", P50s: 2, Median: 1.1, Verdict: held}}
	r.Cells[1].Results = []summary{{Who: "x", P50s: 1.4, Median: 0.9, Verdict: held}}
	seen := verdicts(r.pauseFigures("x"))
	require.Equal(t, map[string]string{
		"a call after 200us-sleep, procs=2, idle: p50":  reached,
		"a call after 200us-sleep, procs=2, idle: mean": notReached,
		"a call after 200us-sleep, procs=4, idle: p50":  notMeasured,
		"a call after 200us-sleep, procs=4, idle: mean": notMeasured,
		"a call after 2ms-sleep, procs=2, idle: p50":    notMeasured,
		"a call after 2ms-sleep, procs=2, idle: mean":   notMeasured,
		"a call after 2ms-sleep, procs=4, idle: p50":    notReached,
		"a call after 2ms-sleep, procs=4, idle: mean":   reached,
	}, seen)
}

func verdicts(all []figure) map[string]string {
	seen := map[string]string{}
	for _, f := range all {
		seen[f.Name] = f.Verdict
	}
	return seen
}

func contestants(row *cellResult) (names []string) {
	for _, s := range row.Results {
		names = append(names, s.Who)
	}
	return names
}

func TestLimit(t *testing.T) {
	l, err := measureLimit(t.Context(), strategies[0], pace{round: time.Millisecond, pairs: 2})
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
		{"-cells narrows the matrix and -bursts only", []string{"-rates", "-cells", "procs=2"}},
		{"-long 0: at least 1", []string{"-long", "0"}},
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
	f, err = parse([]string{"-bursts", "-cells", "burst=10/procs=4/busy=0"}, io.Discard)
	require.NoError(t, err)
	steps, err := new(report).steps(t.Context(), f)
	require.NoError(t, err)
	require.Len(t, steps, 3, "one for each pause, the longest too")
}
