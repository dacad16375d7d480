package main

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A pace says how long to measure what.
type pace struct {
	round  time.Duration // of one contestant
	cell   time.Duration // of one cell, all contestants
	rival  time.Duration // of one cell with the rivals
	extra  time.Duration // of each extra row
	rounds int           // fewest rounds of a cell, however slow it is
	pairs  int           // of ste and C
	idle   time.Duration // how long the idle Threads are watched
}

var (
	// The whole: 144 cells of 4.8 s and about 90 s of extra rows, 13 minutes.
	wholePace = pace{round: 45 * time.Millisecond, cell: 4800 * time.Millisecond, rival: 8 * time.Second,
		extra: 6 * time.Second, rounds: 3, pairs: 30, idle: 10 * time.Second}
	// Quick: short rounds say little about cells with sleeps, but every line of
	// the instrument runs.
	quickPace = pace{round: 8 * time.Millisecond, cell: 200 * time.Millisecond, rival: 600 * time.Millisecond,
		extra: 400 * time.Millisecond, rounds: 2, pairs: 20, idle: time.Second}
)

// A result is what one contestant did in one cell.
type result struct {
	who    contestant
	hist   *hdrhistogram.Histogram // of all rounds
	rounds []sample
	means  ratios // by the mean latency of the round, what all its submits cost
	p50s   ratios // by the round's p50
}

// A summary is the part of a result that is kept and shown. Times are in
// nanoseconds.
type summary struct {
	Who     string  `json:"who"`
	Locked  bool    `json:"locked"`
	Rounds  int     `json:"rounds"`
	Submits int     `json:"submits"`
	Mean    float64 `json:"mean_ns"` // median of the rounds' means
	P50     int64   `json:"p50_ns"`
	P99     int64   `json:"p99_ns"`
	P999    int64   `json:"p999_ns"`
	Max     int64   `json:"max_ns"`
	CPU     float64 `json:"cpu_ns_per_submit"` // of the process, the cell's load included
	Median  float64 `json:"ratio_median"`
	Geomean float64 `json:"ratio_geomean"`
	P50s    float64 `json:"ratio_of_p50"` // geometric mean
	Verdict verdict `json:"verdict,omitempty"`
}

// A cellResult is a row of the matrix.
type cellResult struct {
	Cell    string    `json:"cell"`
	Spread  float64   `json:"aa_spread"`
	GCs     uint32    `json:"gc_cycles"`
	Results []summary `json:"results"` // the baseline first
	cell    cell
	hists   map[string]*hdrhistogram.Histogram // of the hot cells with rivals
}

func newRow(c cell) *cellResult {
	return &cellResult{Cell: c.String(), cell: c, hists: map[string]*hdrhistogram.Histogram{}}
}

// find returns what a contestant did.
func (r *cellResult) find(name string) (summary, bool) {
	for _, s := range r.Results {
		if s.Who == name {
			return s, true
		}
	}
	return summary{}, false
}

// measure runs a cell: rounds of all contestants in turn, until the time is up.
// Without a single full round it returns nil. The contestants must contain the
// baseline and its twin.
func measure(ctx context.Context, c cell, who []contestant, p pace, budget time.Duration) (*cellResult, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.procs))
	runtime.GC() // not somewhere in the first rounds
	l := startLoad(c)
	defer l.end()

	results := make([]*result, len(who))
	order := make([]*result, len(who))
	for i, w := range who {
		results[i] = &result{who: w, hist: newHistogram()}
	}
	rec := newRecorder()
	gcs := gcCycles()
	end := time.Now().Add(budget)
	for round := 0; ctx.Err() == nil; round++ {
		if round >= p.rounds && time.Now().After(end) {
			break
		}
		turn(order, results, round)
		for _, r := range order {
			s, err := rec.run(r.who, c, p.round, r.hist)
			if err != nil {
				return nil, err
			}
			r.rounds = append(r.rounds, s)
		}
	}
	if len(results[0].rounds) == 0 {
		return nil, nil
	}
	row := newRow(c)
	row.GCs = gcCycles() - gcs
	row.conclude(results)
	return row, nil
}

// turn puts the contestants in the order of a round. Who goes first changes each
// round, and every other round goes backwards, so that each pair of contestants
// is seen both ways round.
func turn[T any](order, all []T, round int) {
	n := len(all)
	for i := range all {
		order[i] = all[(i+round/2)%n]
	}
	if round%2 == 1 {
		slices.Reverse(order)
	}
}

// conclude turns rounds into ratios, and ratios into a verdict.
func (row *cellResult) conclude(results []*result) {
	var base, aa *result
	for _, r := range results {
		switch r.who.name {
		case baselineName:
			base = r
		case twinName:
			aa = r
		}
	}
	for _, r := range results {
		for i, s := range r.rounds {
			r.means = append(r.means, base.rounds[i].mean/s.mean)
			r.p50s = append(r.p50s, base.rounds[i].p50/s.p50)
		}
	}
	row.Spread = aa.means.spread()
	for _, r := range results {
		s := r.summarize()
		if r != base && r != aa {
			s.Verdict = judge(r.means, aa.means)
		}
		row.Results = append(row.Results, s)
		row.hists[s.Who] = r.hist
	}
}

func (r *result) summarize() summary {
	s := summary{
		Who:     r.who.name,
		Locked:  r.who.locked,
		Rounds:  len(r.rounds),
		P50:     r.hist.ValueAtQuantile(50),
		P99:     r.hist.ValueAtQuantile(99),
		P999:    r.hist.ValueAtQuantile(99.9),
		Max:     r.hist.Max(),
		Median:  r.means.median(),
		Geomean: r.means.geomean(),
		P50s:    r.p50s.geomean(),
	}
	var means, cpus ratios
	for _, round := range r.rounds {
		s.Submits += round.submits
		means = append(means, round.mean)
		cpus = append(cpus, max(round.cpu, 1)) // the kernel's clock may not have moved
	}
	s.Mean, s.CPU = means.median(), cpus.median()
	return s
}

func gcCycles() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}
