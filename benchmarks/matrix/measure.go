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
	quick  bool          // only a few of the rows that there are many of
}

var (
	// The whole: 144 cells of 4.8 s, 6 minutes of bursts, and 5 of the other rows.
	wholePace = pace{round: 45 * time.Millisecond, cell: 4800 * time.Millisecond, rival: 8 * time.Second,
		extra: 6 * time.Second, rounds: 3, pairs: 30, idle: 10 * time.Second}
	// Quick: short rounds say little about cells with sleeps, but every line of
	// the instrument runs.
	quickPace = pace{round: 8 * time.Millisecond, cell: 200 * time.Millisecond, rival: 600 * time.Millisecond,
		extra: 400 * time.Millisecond, rounds: 2, pairs: 20, idle: time.Second, quick: true}
)

// times makes the measuring n times as long, by more rounds.
func (p pace) times(n int) pace {
	d := time.Duration(n)
	p.cell, p.rival, p.extra, p.pairs = d*p.cell, d*p.rival, d*p.extra, n*p.pairs
	return p
}

// share is the part of d, a time of the whole pace, that this pace has.
func (p pace) share(d time.Duration) time.Duration {
	return time.Duration(float64(d) * float64(p.extra) / float64(wholePace.extra))
}

// An allowance is the time that steps share. Slow ones cannot keep to their share;
// those after them get less then.
type allowance struct {
	left time.Duration
	due  time.Duration // the shares of the steps to come
}

func (a *allowance) add(share time.Duration) { a.left += share; a.due += share }

// spend runs a step with what it may take.
func (a *allowance) spend(share time.Duration, run func(budget time.Duration) (*cellResult, error)) (*cellResult, error) {
	from := time.Now()
	budget := time.Duration(float64(share) * float64(a.left) / float64(a.due))
	row, err := run(max(budget, 0))
	a.left -= time.Since(from)
	a.due -= share
	return row, err
}

// A result is what one contestant did in one cell.
type result struct {
	who    contestant
	hist   *hdrhistogram.Histogram // of all rounds
	rounds []sample
	means  ratios // by the mean latency of the round, what all its submits cost
	p50s   ratios // by the round's p50
	p90s   ratios
	cpus   ratios // by the processor time for each submit
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
	P90     int64   `json:"p90_ns"`
	P99     int64   `json:"p99_ns"`
	P999    int64   `json:"p999_ns"`
	Max     int64   `json:"max_ns"`
	CPU     float64 `json:"cpu_ns_per_submit"` // of the process, the cell's load included
	Median  float64 `json:"ratio_median"`
	Geomean float64 `json:"ratio_geomean"`
	P50s    float64 `json:"ratio_of_p50"` // geometric mean
	P90s    float64 `json:"ratio_of_p90"` // geometric mean
	CPUs    float64 `json:"ratio_of_cpu"` // median
	Verdict verdict `json:"verdict,omitempty"`
	Tail    verdict `json:"verdict_on_p90,omitempty"`
}

// A cellResult is a row of the matrix.
type cellResult struct {
	Cell    string    `json:"cell"`
	Spread  float64   `json:"aa_spread"`
	CPU     float64   `json:"aa_spread_of_cpu"`
	GCs     uint32    `json:"gc_cycles"`
	Results []summary `json:"results"` // the baseline first
	cell    cell
	hists   map[string]*hdrhistogram.Histogram // of the hot cells with rivals
}

func newRow(name string, c cell) *cellResult {
	return &cellResult{Cell: name, cell: c, hists: map[string]*hdrhistogram.Histogram{}}
}

// find returns the row of that name, or nil.
func find(rows []*cellResult, name string) *cellResult {
	for _, row := range rows {
		if row.Cell == name {
			return row
		}
	}
	return nil
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

// measure runs a cell of the matrix.
func measure(ctx context.Context, c cell, who []contestant, p pace, budget time.Duration) (*cellResult, error) {
	rec := newRecorder()
	return contest(ctx, newRow(c.String(), c), who, p.rounds, budget, func(who contestant, total *hdrhistogram.Histogram) (sample, error) {
		return rec.run(who, c, p.round, total)
	})
}

// contest fills a row: rounds of all contestants in turn under the row's load,
// until the time is up, and at least as many as rounds says. Without a single full
// round it returns nil. The contestants must contain the baseline and its twin.
func contest(ctx context.Context, row *cellResult, who []contestant, rounds int, budget time.Duration,
	run func(who contestant, total *hdrhistogram.Histogram) (sample, error)) (*cellResult, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(row.cell.procs))
	runtime.GC() // not somewhere in the first rounds
	l := startLoad(row.cell)
	defer l.end()

	results := make([]*result, len(who))
	order := make([]*result, len(who))
	for i, w := range who {
		results[i] = &result{who: w, hist: newHistogram()}
	}
	gcs := gcCycles()
	end := time.Now().Add(budget)
	full := 0
	for ; full < rounds || time.Now().Before(end); full++ {
		turn(order, results, full)
		for _, r := range order {
			if ctx.Err() != nil {
				break
			}
			s, err := run(r.who, r.hist)
			if err != nil {
				return nil, err
			}
			r.rounds = append(r.rounds, s)
		}
		if ctx.Err() != nil {
			break
		}
	}
	if full == 0 {
		return nil, nil
	}
	for _, r := range results {
		r.rounds = r.rounds[:full] // the last one may have been interrupted
	}
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
			r.p90s = append(r.p90s, base.rounds[i].p90/s.p90)
			r.cpus = append(r.cpus, base.rounds[i].cpu/s.cpu)
		}
	}
	row.Spread, row.CPU = aa.means.spread(), aa.cpus.spread()
	for _, r := range results {
		s := r.summarize()
		if r != base && r != aa {
			s.Verdict, s.Tail = judge(r.means, aa.means), judge(r.p90s, aa.p90s)
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
		P90:     r.hist.ValueAtQuantile(90),
		P99:     r.hist.ValueAtQuantile(99),
		P999:    r.hist.ValueAtQuantile(99.9),
		Max:     r.hist.Max(),
		Median:  r.means.median(),
		Geomean: r.means.geomean(),
		P50s:    r.p50s.geomean(),
		P90s:    r.p90s.geomean(),
		CPUs:    r.cpus.median(),
	}
	var means, cpus ratios
	for _, round := range r.rounds {
		s.Submits += round.submits
		means = append(means, round.mean)
		cpus = append(cpus, round.cpu)
	}
	s.Mean, s.CPU = means.median(), cpus.median()
	return s
}

func gcCycles() uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.NumGC
}
