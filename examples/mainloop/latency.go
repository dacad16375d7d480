//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// A row is what one way to reach a loop costs.
type row struct {
	name string
	poll time.Duration // 0 with a waker
	took []time.Duration
	idle usage // in the time for which the loop had nothing to do
}

// compare runs a loop of each way at once: first idle, then with somebody who
// submits now and then.
func compare(idle, busy time.Duration) (rows []*row, err error) {
	rows = []*row{
		{name: "waker"},
		{name: "poll, 1 ms", poll: time.Millisecond},
		{name: "poll, 10 ms", poll: 10 * time.Millisecond},
	}
	var hosts []*host
	defer func() {
		for _, h := range hosts {
			err = errors.Join(err, h.end())
		}
	}()
	for _, r := range rows {
		h, err := startHost(r.name, r.poll, nil)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, h)
	}
	before := make([]usage, len(rows))
	for i, h := range hosts {
		if before[i], err = h.usage(); err != nil {
			return nil, err
		}
	}
	time.Sleep(idle)
	for i, h := range hosts {
		after, err := h.usage()
		if err != nil {
			return nil, err
		}
		rows[i].idle = usage{after.cpu - before[i].cpu, after.rounds - before[i].rounds}
	}
	var senders errgroup.Group
	end := time.Now().Add(busy)
	for i, h := range hosts {
		senders.Go(func() error {
			for time.Now().Before(end) {
				time.Sleep(rand.N(10 * time.Millisecond)) // at any moment of a poll's period
				var began time.Time
				asked := time.Now()
				if err := h.thread.Submit(func() { began = time.Now() }); err != nil {
					return err
				}
				rows[i].took = append(rows[i].took, began.Sub(asked))
			}
			slices.Sort(rows[i].took)
			return nil
		})
	}
	return rows, senders.Wait()
}

// at returns the time that p per cent of the Submits did not exceed.
func (r *row) at(p float64) time.Duration {
	return r.took[max(int(math.Ceil(p/100*float64(len(r.took))))-1, 0)]
}

const decades, perDecade = 4, 9

// bounds begin at 10 µs.
func bounds() []time.Duration {
	b := make([]time.Duration, decades*perDecade)
	for i := range b {
		b[i] = time.Duration(1e4 * math.Pow(10, float64(i)/perDecade))
	}
	return b
}

func printRows(w io.Writer, rows []*row, idle time.Duration) {
	fmt.Fprintf(w, "From Submit until it runs, three loops at a time; and what they use in %v of idleness.\n\n", idle)
	fmt.Fprintf(w, "%-12s ", "")
	for i := range decades {
		fmt.Fprintf(w, "%-*v", perDecade, 10*time.Microsecond*time.Duration(math.Pow10(i)))
	}
	fmt.Fprintf(w, "  %6s %6s %6s %7s %8s %9s\n", "times", "p50", "p99", "max", "idle CPU", "wake-ups")
	for _, r := range rows {
		fmt.Fprintf(w, "%-12s|%s| %6d %6s %6s %7s %8s %9d\n", r.name, spread(r.took, bounds()),
			len(r.took), ms(r.at(50)), ms(r.at(99)), ms(r.at(100)), ms(r.idle.cpu), r.idle.rounds)
	}
	fmt.Fprintf(w, "\nThe chart: how long Submits took, on a logarithmic scale; %s is from few to the most of a row.\n"+
		"The columns beside it: times in ms, and how often a loop woke up.\n", shades)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()*1000) }
