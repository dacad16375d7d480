package main

import (
	"context"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// threadsInTurn is how many Threads a caller goes round.
const threadsInTurn = 8

// A series is several executors of one kind. Each submit goes to the next.
type series struct {
	all  []executor
	next int
}

func (s *series) submit(f func()) {
	s.all[s.next].submit(f)
	s.next = (s.next + 1) % len(s.all)
}

func (s *series) close() {
	for _, x := range s.all {
		x.close()
	}
}

// inSeries makes a contestant of threadsInTurn executors.
func inSeries(who contestant) contestant {
	open := who.open
	who.open = func() (executor, error) {
		s := new(series)
		for range threadsInTurn {
			x, err := open()
			if err != nil {
				s.close()
				return nil, err
			}
			x.submit(func() {}) // it has started
			s.all = append(s.all, x)
		}
		return s, nil
	}
	return who
}

// measureSeries is a caller that submits to one Thread after the other, without a
// gap.
func measureSeries(ctx context.Context, procs int, who []contestant, p pace) (*cellResult, error) {
	var all []contestant
	for _, w := range who {
		all = append(all, inSeries(w))
	}
	c := hotCell
	c.procs = procs
	rec := newRecorder()
	name := fmt.Sprintf("%d threads in turn/procs=%d", threadsInTurn, procs)
	return contest(ctx, newRow(name, c), all, p.rounds, p.extra, func(who contestant, total *hdrhistogram.Histogram) (sample, error) {
		return rec.run(who, c, p.round, total)
	})
}
