package main

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// climit compares ste in the hot cell with the physical limit: two C threads
// that pass a word back and forth, by spinning on it or through a futex. Where
// the hypervisor puts the two cores changes the limit tenfold from one minute to
// the next, so each pair of threads is fresh, C and ste take turns, and medians
// are compared.
type climit struct {
	Missing string  `json:"missing,omitempty"` // why there is none
	Pairs   int     `json:"pairs,omitempty"`
	Spin    float64 `json:"c_spin_ns,omitempty"`
	Futex   float64 `json:"c_futex_ns,omitempty"`
	Ste     float64 `json:"ste_ns,omitempty"`
	Ratio   float64 `json:"ste_over_spin,omitempty"`
}

// sound says that the limit is one. Two threads that spin at the same time beat
// the futex by far; where they do not, something else held one of the two cores,
// and a comparison with that would flatter ste.
func (l *climit) sound() bool { return l.Missing == "" && l.Spin < l.Futex/2 }

// measureLimit returns nil if it was interrupted before the first pair.
func measureLimit(ctx context.Context, who contestant, p pace) (*climit, error) {
	if cMissing != "" {
		return &climit{Missing: cMissing}, nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(hotCell.procs))
	var spin, futex, own ratios
	measurements := []func() error{
		func() error {
			ns, err := cSpin(p.round)
			spin = append(spin, ns)
			return err
		},
		func() error {
			ns, err := cFutex(p.round)
			futex = append(futex, ns)
			return err
		},
		func() error {
			ns, err := backToBack(who, p.round)
			own = append(own, ns)
			return err
		},
	}
	order := make([]func() error, len(measurements))
	for pair := 0; pair < p.pairs && ctx.Err() == nil; pair++ {
		turn(order, measurements, pair)
		for _, f := range order {
			if err := f(); err != nil {
				return nil, err
			}
		}
	}
	if len(own) == 0 {
		return nil, nil
	}
	return &climit{Pairs: len(own), Spin: spin.median(), Futex: futex.median(), Ste: own.median(),
		Ratio: own.median() / spin.median()}, nil
}

// cFutexName is the contestant that is two C threads.
const cFutexName = "C futex"

// measurePause compares one call after a pause with that of two C threads that wait in
// the kernel, which is as quick as a strategy without spinning can be. What C sleeps is
// the pause and 0.1 ms at most; a time.Sleep of less than 1 ms takes that long if
// nothing else runs.
func measurePause(ctx context.Context, g gap, who []contestant, p pace) (*cellResult, error) {
	c := hotCell
	c.gap = g
	if cMissing == "" {
		who = append(slices.Clip(who), contestant{name: cFutexName, locked: true})
	}
	rec := newRecorder()
	took := make([]int64, max(int(4*p.round/(g.sleep+100*time.Microsecond)), 3))
	return contest(ctx, newRow("a call after "+g.name, c), who, p.rounds, p.extra, func(who contestant, total *hdrhistogram.Histogram) (sample, error) {
		if who.name != cFutexName {
			return rec.run(who, c, 4*p.round, total)
		}
		cpu := cpuTime()
		if err := cPaused(g.sleep, took); err != nil {
			return sample{}, err
		}
		cpu = cpuTime() - cpu
		rec.round.Reset()
		var sum int64
		for _, ns := range took {
			sum += ns
			record(rec.round, ns)
		}
		return rec.sample(len(took), sum, cpu, total), nil
	})
}

// backToBack is the mean round trip of a fresh executor without a pause and
// without a clock read for each: beside C's 25 ns that would be half of it.
func backToBack(who contestant, d time.Duration) (float64, error) {
	x, err := who.open()
	if err != nil {
		return 0, err
	}
	defer x.close()
	task := func() {}
	x.submit(task)
	n, from := 0, clock()
	for {
		const batch = 16
		for range batch {
			x.submit(task)
		}
		n += batch
		if took := clock() - from; took >= int64(d) {
			return float64(took) / float64(n), nil
		}
	}
}
