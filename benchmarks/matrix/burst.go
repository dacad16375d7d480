package main

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A burstCell is a condition for bursts: a lone caller sleeps for the cell's gap,
// and then submits n times in a row.
type burstCell struct {
	cell
	n      int
	bursts int           // of a round, those that are dropped included
	time   time.Duration // for all contestants, when all cells are measured
}

const (
	// A fresh Thread has to learn what its bursts are like: of each round the
	// first ones do not count.
	burstsDropped = 3
	// A burst ends after that time, if need be before it is complete: beside
	// goroutines that compute a single call may take 20 ms.
	burstLimit = 50 * time.Millisecond
	// A cell in which the baseline differs from itself by more does not count.
	burstSpread = 1.1
)

// burstGoals are the ratios to reach on an idle machine; with goroutines that
// compute it is busyBurstGoal for all.
var burstGoals = []struct {
	n    int
	want float64
}{{2, 0.95}, {5, 1.2}, {10, 1.8}, {30, 3.5}, {100, 6}, {1000, 12}}

const busyBurstGoal = 0.95

// burstCells are all conditions. Two rounds of long pauses take their time however
// short it should be.
func burstCells() (cells []burstCell) {
	for _, procs := range []int{2, 4} {
		for _, busy := range []int{0, 1, 2} {
			for _, pause := range []struct {
				gap
				bursts int
				time   time.Duration
			}{
				{gap{"2ms-sleep", 0, 2 * time.Millisecond}, 20, 2200 * time.Millisecond},
				{gap{"20ms-sleep", 0, 20 * time.Millisecond}, 12, 4 * time.Second},
				{gap{"200ms-sleep", 0, 200 * time.Millisecond}, 8, 14 * time.Second},
			} {
				for _, goal := range burstGoals {
					c := cell{procs: procs, busy: busy, gap: pause.gap, callers: 1}
					cells = append(cells, burstCell{c, goal.n, pause.bursts, pause.time})
				}
			}
		}
	}
	return cells
}

// usual says that a cell is measured when no cell was asked for. The others, long
// pauses with a load or more processors, would take seven minutes more and scatter too
// much to count.
func (c burstCell) usual() bool {
	return c.gap.sleep < 200*time.Millisecond || c.procs == 2 && c.busy == 0
}

// quick says that it is measured to see that it works.
func (c burstCell) quick() bool {
	return c.procs == 2 && c.busy < 2 && c.gap.sleep < 20*time.Millisecond && c.n == 10
}

// String is the name that -cells matches.
func (c burstCell) String() string {
	return fmt.Sprintf("burst=%d/procs=%d/busy=%d/gap=%s", c.n, c.procs, c.busy, c.gap.name)
}

func measureBursts(ctx context.Context, c burstCell, who []contestant, budget time.Duration) (*cellResult, error) {
	rec := newRecorder()
	return contest(ctx, newRow(c.String(), c.cell), who, 2, budget, func(who contestant, total *hdrhistogram.Histogram) (sample, error) {
		return rec.bursts(who, c, total)
	})
}

// bursts is one round: its mean is that of all calls, its p50 that of the bursts.
func (r *recorder) bursts(who contestant, c burstCell, total *hdrhistogram.Histogram) (sample, error) {
	x, err := who.open()
	if err != nil {
		return sample{}, fmt.Errorf("cannot open %s: %w", who.name, err)
	}
	defer x.close()
	ran := 0
	task := func() { ran++ }
	x.submit(task)
	ran = 0

	r.round.Reset()
	var took int64
	all, counted := 0, 0
	var cpu time.Duration
	for i := range c.bursts {
		if i == burstsDropped {
			cpu = cpuTime()
		}
		c.gap.pass()
		from, made := clock(), 0
		for made < c.n {
			x.submit(task)
			if made++; made%4 == 0 && clock()-from > int64(burstLimit) {
				break
			}
		}
		ns := clock() - from
		all += made
		if i >= burstsDropped {
			counted += made
			took += ns
			record(r.round, ns/int64(made))
		}
	}
	if ran != all {
		return sample{}, fmt.Errorf("%s ran %d closures, its caller submitted %d", who.name, ran, all)
	}
	return r.sample(counted, took, cpuTime()-cpu, total), nil
}

// burstFigures holds the bursts of each length against what must be reached, in
// each cell that is quiet enough to tell.
func (r *report) burstFigures(who string) (all []figure) {
	for _, busy := range []bool{false, true} {
		for _, goal := range burstGoals {
			name, want := fmt.Sprintf("bursts of %d, idle", goal.n), goal.want
			if busy {
				name, want = fmt.Sprintf("bursts of %d, 1 or 2 goroutines that compute", goal.n), busyBurstGoal
			}
			var rows []*cellResult
			for _, c := range burstCells() {
				if c.n == goal.n && (c.busy > 0) == busy {
					if row := find(r.Bursts, c.String()); row != nil {
						rows = append(rows, row)
					}
				}
			}
			all = append(all, judgedBursts(name, want, who, rows))
		}
	}
	return all
}

// judgedBursts asks that all cells that count reach what is wanted, by the mean of a
// call.
func judgedBursts(name string, want float64, who string, rows []*cellResult) figure {
	reaching, counting, measured, worst, least := 0, 0, 0, "", 0.0
	for _, row := range rows {
		s, ok := row.find(who)
		if !ok {
			continue
		}
		measured++
		if row.Spread > burstSpread {
			continue
		}
		counting++
		if s.Median >= want {
			reaching++
		}
		if worst == "" || s.Median < least {
			worst, least = row.Cell, s.Median
		}
	}
	text := fmt.Sprintf(">= %gx", want)
	switch {
	case measured == 0:
		return figure{name, text, "-", notMeasured}
	case counting == 0:
		return figure{name, text, fmt.Sprintf("A/A beyond %g in all %d cells", burstSpread, measured), notMeasured}
	}
	return judged(name, text, reaching == counting, "in %d of %d cells that count (%d measured), least %.2fx: %s",
		reaching, counting, measured, least, worst)
}
