package main

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/ste-go/ste"
)

// act is what a task does before it ends: anything that may be done on a Thread.
func (j *job) act() {
	s, th, r := j.h.subject, j.h.th, j.r
	if j.depth > 3 || s.depth > 30 {
		return
	}
	switch r.IntN(24) {
	case 0, 1:
		s.exhibit(r)
	case 2:
		s.add(inPlaces)
		c := j.child(j.h, nil)
		s.letIn(func() { s.allows("Submit in place", th.Submit(c.run), nil) })
	case 3:
		s.add(inPlaces)
		c := j.child(j.h, nil)
		s.letIn(func() {
			if v, err := ste.Call(th, func() (int, error) { c.run(); return 7, nil }); v != 7 || err != nil {
				s.failed("T10: Call in place: %d, %v", v, err)
			}
		})
	case 4, 5:
		for range 1 + r.IntN(3) {
			j.child(j.h, &s.own).post()
		}
	case 6:
		j.child(j.h, &s.own).post()
		s.add(pendings)
		s.letIn(func() { th.RunPending() })
	case 7:
		s.add(runs)
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(300))*time.Microsecond)
		defer cancel()
		s.letIn(func() {
			if err := th.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) || err == nil && !s.closing.Load() {
				s.failed("Run: %v", err)
			}
		})
	case 8:
		j.child(j.h, nil).after()
	case 9:
		every(j.h, r)
	case 10:
		j.bound()
	case 11, 12:
		s.localOnThread(r)
	case 13, 14:
		j.cross()
	case 15:
		j.ringOfOne()
	case 16:
		s.add(goroutines)
		over := make(chan struct{})
		go func() {
			defer close(over)
			if ste.Current() != (ste.Tag{}) || s.tag.OnThread() || th.OnThread() {
				s.failed("G1: a goroutine that a task starts is on %v", ste.Current())
			}
			s.soak.tryExhibits(nil, rand.New(rand.NewPCG(1, uint64(s.depth))))
		}()
		<-over
	case 17:
		s.soak.tryExhibits(s, r)
	case 18:
		if s.closable && r.IntN(8) == 0 {
			s.closing.Store(true)
			if err := th.Close(); err != nil {
				s.failed("Close on the Thread: %v", err)
			}
		}
	}
}

// pull runs f in the body of an iter.Pull: another goroutine, the same OS thread.
func (s *subject) pull(f func()) {
	s.add(pulls)
	next, stop := iter.Pull(func(yield func(int) bool) {
		s.here("the body of an iter.Pull")
		f()
		yield(1)
	})
	defer stop()
	next()
}

// cross waits for another Thread, of a higher rank, so there is no ring.
func (j *job) cross() {
	s := j.h.subject
	up := s.residents[j.r.IntN(len(s.residents)):]
	if up[0].rank <= s.rank {
		return
	}
	s.add(crossings)
	c := j.child(up[0], nil)
	defer c.returned.Store(true)
	switch j.r.IntN(4) {
	case 0:
		if f := c.async(); f != nil {
			_, err := f.Wait(context.Background())
			s.allows("Wait on a Thread", err, nil)
		}
	case 1:
		_, err := ste.Call(c.h.th, func() (int, error) { c.run(); return 0, nil })
		s.allows("Call on a Thread", err, nil)
	case 2:
		ended := newGiveUp(j.r)
		defer ended.cancel()
		err := c.h.th.SubmitContext(ended.ctx, c.run)
		s.allows("SubmitContext on a Thread", err, ended.ctx)
		if err != nil && c.times.Load() != 0 {
			s.failed("T12: SubmitContext: %v, and its task runs", err)
		}
	default:
		s.allows("Submit on a Thread", c.h.th.Submit(c.run), nil)
	}
}

// ringOfOne waits for its own Thread.
func (j *job) ringOfOne() {
	s := j.h.subject
	c := j.child(j.h, &s.own)
	c.quiet = true
	f := c.async()
	if f == nil {
		return
	}
	s.add(ownRings)
	if _, err := f.Wait(context.Background()); !errors.Is(err, ste.ErrDeadlock) && !(s.closing.Load() && errors.Is(err, ste.ErrClosed)) {
		s.failed("T11: Wait for the own Thread: %v", err)
	}
}

// every starts an Every that stops itself.
func every(h handle, r *rand.Rand) {
	s := h.subject
	s.add(timers)
	left, stopped := 1+r.IntN(4), false
	var tm *ste.Timer
	ready := make(chan struct{})
	tm, err := h.th.Every(time.Duration(50+r.IntN(500))*time.Microsecond, func(t ste.Tick) {
		nested := s.enter("a tick")
		defer s.leave(nested)
		s.add(ticks)
		if stopped || t.Missed < 0 || t.Due.After(t.Start) {
			s.failed("an Every ticks wrongly: stopped %v, %+v", stopped, t)
		}
		if left--; left > 0 {
			return
		}
		<-ready
		s.add(stops)
		stopped = true
		if !tm.Stop() && !s.closing.Load() {
			s.failed("Stop of an Every: false")
		}
	})
	close(ready)
	s.allows("Every", err, nil)
}

// A giveUp is a context that ends, sooner or later, with a cause of its own.
type giveUp struct {
	ctx    context.Context
	cancel context.CancelFunc
}

var errGivenUp = errors.New("given up")

func newGiveUp(r *rand.Rand) *giveUp {
	g := new(giveUp)
	g.ctx, g.cancel = context.WithTimeoutCause(context.Background(), time.Duration(r.IntN(400)-20)*time.Microsecond, errGivenUp)
	return g
}

func (g *giveUp) context() context.Context {
	if g == nil {
		return nil
	}
	return g.ctx
}
