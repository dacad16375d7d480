package main

import (
	"context"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A rate is how often a lone caller submits, at a steady pace.
type rate struct {
	perSecond int
	round     time.Duration // of one contestant
	most      float64       // processor time to that by hand, 0 for no figure
}

var rates = []rate{
	{1, 3 * time.Second, 0},
	{10, time.Second, 1.1},
	{100, 500 * time.Millisecond, 1.1},
	{1000, 500 * time.Millisecond, 1.2},
}

func (r rate) String() string { return fmt.Sprintf("%d submits a second", r.perSecond) }

// quick says that it is measured to see that it works.
func (r rate) quick() bool { return r.perSecond >= 100 }

// measureRate compares the processor time of the whole process. The pace itself
// costs the same on all sides.
func measureRate(ctx context.Context, rate rate, who []contestant, p pace) (*cellResult, error) {
	length, rounds := rate.round, 3
	if p.quick {
		length, rounds = length/10, 2
	}
	rec := newRecorder()
	c := cell{procs: 2, callers: 1}
	return contest(ctx, newRow(rate.String(), c), who, rounds, 3*p.extra, func(who contestant, total *hdrhistogram.Histogram) (sample, error) {
		return rec.paced(who, rate.perSecond, length, total)
	})
}

func (r *recorder) paced(who contestant, perSecond int, length time.Duration, total *hdrhistogram.Histogram) (sample, error) {
	x, err := who.open()
	if err != nil {
		return sample{}, fmt.Errorf("cannot open %s: %w", who.name, err)
	}
	defer x.close()
	task := func() {}
	x.submit(task)

	r.round.Reset()
	var sum int64
	n, period := 0, time.Second/time.Duration(perSecond)
	cpu := cpuTime()
	from := time.Now()
	for at := from; at.Sub(from) < length; n++ {
		at = at.Add(period)
		time.Sleep(time.Until(at))
		before := clock()
		x.submit(task)
		ns := clock() - before
		sum += ns
		record(r.round, ns)
	}
	return r.sample(n, sum, cpuTime()-cpu, total), nil
}

// rateFigures holds the processor time against what must be reached.
func (r *report) rateFigures(who string) (all []figure) {
	for _, rate := range rates {
		if rate.most == 0 {
			continue
		}
		name, want := fmt.Sprintf("processor time at %v", rate), fmt.Sprintf("<= %gx", rate.most)
		if row := find(r.Rates, rate.String()); row != nil && cpuKnown {
			if s, ok := row.find(who); ok {
				all = append(all, judged(name, want, 1/s.CPUs <= rate.most, "%.2fx (A/A spread %.2f)", 1/s.CPUs, row.CPU))
				continue
			}
		}
		all = append(all, figure{name, want, "-", notMeasured})
	}
	return all
}
