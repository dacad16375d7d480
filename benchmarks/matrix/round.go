package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// epoch makes a clock that reads the monotonic time only, half the price of
// time.Now.
var epoch = time.Now()

func clock() int64 { return int64(time.Since(epoch)) }

// newHistogram holds nanoseconds up to ten seconds, 1 % apart. It is kept
// small: what is alive here is what the storm's collections have to mark.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(10*time.Second), 2)
}

// record clips: a submit may take longer than the histogram reaches when the
// whole machine is stopped.
func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns, 1), h.HighestTrackableValue()))
}

// A recorder is the memory of a round, reused so that rounds leave no garbage.
type recorder struct {
	callers []*hdrhistogram.Histogram
	sums    []int64
	round   *hdrhistogram.Histogram
}

func newRecorder() *recorder { return &recorder{round: newHistogram()} }

// A sample is the outcome of one round of one contestant.
type sample struct {
	submits int
	mean    float64 // ns
	p50     float64 // ns
	p90     float64 // ns
	cpu     float64 // ns of the process, load included, for each submit
}

// run makes a fresh executor, lets the cell's callers submit to it for the time
// d, and adds what they saw to total.
func (r *recorder) run(who contestant, c cell, d time.Duration, total *hdrhistogram.Histogram) (sample, error) {
	for len(r.callers) < c.callers {
		r.callers = append(r.callers, newHistogram())
		r.sums = append(r.sums, 0)
	}
	x, err := who.open()
	if err != nil {
		return sample{}, fmt.Errorf("cannot open %s: %w", who.name, err)
	}
	ran := 0
	task := func() { ran++ } // all executors run one task at a time
	x.submit(task)           // the thread's start is not a hand-off
	ran = 0

	var ready, over sync.WaitGroup
	ready.Add(c.callers)
	start := make(chan struct{})
	var end int64
	for i := range c.callers {
		over.Go(func() {
			h := r.callers[i]
			h.Reset()
			ready.Done()
			<-start
			r.sums[i] = call(x, task, c.gap, end, h)
		})
	}
	ready.Wait()
	cpu := cpuTime()
	end = clock() + int64(d)
	close(start)
	over.Wait()
	cpu = cpuTime() - cpu
	x.close()

	r.round.Reset()
	var sum int64
	for i, h := range r.callers[:c.callers] {
		r.round.Merge(h)
		sum += r.sums[i]
	}
	n := int(r.round.TotalCount())
	if ran != n {
		return sample{}, fmt.Errorf("%s ran %d closures, its callers submitted %d", who.name, ran, n)
	}
	return r.sample(n, sum, cpu, total), nil
}

// sample sums up what the round's histogram has, and adds it to total: n submits,
// which took sum and that much processor time.
func (r *recorder) sample(n int, sum int64, cpu time.Duration, total *hdrhistogram.Histogram) sample {
	total.Merge(r.round)
	return sample{
		submits: n,
		mean:    float64(sum) / float64(n),
		p50:     float64(r.round.ValueAtQuantile(50)),
		p90:     float64(r.round.ValueAtQuantile(90)),
		cpu:     max(float64(cpu)/float64(n), 1), // the kernel's clock may not have moved
	}
}

// call is one caller: it submits, at least once, until the time is up. It
// returns the sum of its latencies, which the histogram knows only roughly.
func call(x executor, task func(), g gap, end int64, h *hdrhistogram.Histogram) (sum int64) {
	for {
		g.pass()
		from := clock()
		x.submit(task)
		to := clock()
		record(h, to-from)
		sum += to - from
		if to >= end {
			return sum
		}
	}
}

func (g gap) pass() {
	switch {
	case g.work > 0:
		for until := clock() + int64(g.work); clock() < until; {
		}
	case g.sleep > 0:
		time.Sleep(g.sleep)
	}
}
