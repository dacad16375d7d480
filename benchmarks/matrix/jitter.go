package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/ste-go/ste"
)

// How late ticks are: an Every of a Thread against what one would write by hand, a
// locked goroutine that ranges over a time.Ticker.
const (
	tickPeriod = 5 * time.Millisecond
	tickRound  = 5 * time.Second // then it is the other's turn
	tickRounds = 12              // a minute for each, idle and loaded
)

// byHandTicks is the one that is not ste's.
const byHandTicks = "by hand"

// A ticker is one of the two. It calls late for each tick, from one goroutine, and
// end stops that.
type ticker struct {
	name  string
	start func(late func(ns int64)) (end func(), err error)
}

var tickers = []ticker{
	{byHandTicks, func(late func(int64)) (func(), error) {
		stop, ended := make(chan struct{}), make(chan struct{})
		go func() {
			runtime.LockOSThread()
			defer close(ended)
			t := time.NewTicker(tickPeriod)
			defer t.Stop()
			begun := time.Now()
			for {
				select {
				case <-t.C:
					late(int64(time.Since(begun) % tickPeriod))
				case <-stop:
					return
				}
			}
		}()
		return func() { close(stop); <-ended }, nil
	}},
	{"ste", func(late func(int64)) (func(), error) {
		t, err := ste.New()
		if err != nil {
			return nil, err
		}
		_, err = t.Every(tickPeriod, func(k ste.Tick) { late(int64(k.Start.Sub(k.Due))) })
		return func() { t.Close() }, err
	}},
}

// A jitterRow is how late the ticks of each were under one load.
type jitterRow struct {
	load string
	late []*hdrhistogram.Histogram // as tickers
}

func measureJitter(ctx context.Context, c cell, rounds int, step func(string)) (*jitterRow, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(c.procs))
	row := &jitterRow{load: fmt.Sprintf("%d busy", c.busy)}
	for range tickers {
		row.late = append(row.late, newHistogram())
	}
	l := startLoad(c)
	defer l.end()
	for round := range rounds {
		for i := range tickers {
			i = (i + round) % len(tickers)
			step(fmt.Sprintf("%s, %s", row.load, tickers[i].name))
			h := row.late[i]
			end, err := tickers[i].start(func(ns int64) { _ = h.RecordValue(max(ns, 1)) })
			if err != nil {
				return nil, err
			}
			select {
			case <-time.After(tickRound):
			case <-ctx.Done():
			}
			end()
			if ctx.Err() != nil {
				return row, ctx.Err()
			}
		}
	}
	return row, nil
}

// jitterName is that of the file about a load.
func jitterName(busy int) string {
	if busy == 0 {
		return "jitter-idle"
	}
	return fmt.Sprintf("jitter-%d-busy", busy)
}

// jitter measures, prints and draws all that.
func jitter(ctx context.Context, f flags, w io.Writer) error {
	rounds := tickRounds
	if f.quick {
		rounds = 1
	}
	loads := []cell{{procs: 2}, {procs: 2, busy: 2}}
	bar := newBar(len(loads) * rounds * len(tickers))
	defer bar.Clear()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	m := thisMachine()
	fmt.Fprintf(w, "How late the ticks of %v are; %s, %d cores, %s, %s\n\n", tickPeriod, m.CPU, m.Cores, m.System, m.Go)
	fmt.Fprintln(table, "load\twho\tticks\tp50\tp99\tp99.9\tmax\t")
	for _, c := range loads {
		row, err := measureJitter(ctx, c, rounds, func(what string) {
			bar.Describe(fmt.Sprintf("%-58s", what))
			_ = bar.Add(1)
		})
		if err != nil {
			return err
		}
		for i, h := range row.late {
			fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t\n", row.load, tickers[i].name, h.TotalCount(),
				short(float64(h.ValueAtPercentile(50))), short(float64(h.ValueAtPercentile(99))),
				short(float64(h.ValueAtPercentile(99.9))), short(float64(h.Max())))
		}
		if f.pictures != "" {
			p := &jitterPicture{Busy: c.busy}
			for i, h := range row.late {
				p.Curves = append(p.Curves, newCurve(tickers[i].name, h))
			}
			if err := (picture{Machine: m.where(), Jitter: p}).write(f.pictures, jitterName(c.busy)); err != nil {
				return err
			}
		}
	}
	return table.Flush()
}
