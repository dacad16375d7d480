package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ste-go/ste"
)

// A soak is one run. Its load is a sequence of lives: each is decided by the seed
// and its number, several run at a time. They share a few Threads that live as long as
// the soak.
type soak struct {
	*tally
	seed      uint64
	length    time.Duration
	begun     time.Time
	residents []handle // by rank
	locals    []*ste.Local[*token]
	exhibits  exhibits
	byTag     sync.Map // of ste.Tag to *subject
	lives     atomic.Uint64
	samples   []sample // the driver's
	patience  time.Duration
}

var droppedText = regexp.MustCompile(`dropped: \d+`)

func newSoak(seed uint64, length time.Duration) *soak {
	return &soak{tally: newTally(), seed: seed, length: length, begun: time.Now(), patience: time.Minute}
}

const lanes = 8 // lives at a time; with fewer the processors are idle half of the time

// run soaks until the time is over, ctx ends or something was wrong.
func (s *soak) run(ctx context.Context, tell func()) {
	stop := make(chan struct{})
	var helpers sync.WaitGroup
	helpers.Go(func() { s.watch(stop) })
	helpers.Go(func() { s.report(stop, tell) })
	s.begin()
	// Long enough for much to happen between two quiet points, short enough for
	// many of those.
	epoch := min(s.length/12, 5*time.Second)
	for time.Since(s.begun) < s.length && ctx.Err() == nil && !s.hasFailed() {
		s.load(ctx, min(epoch, s.length-time.Since(s.begun)))
		s.quiet()
	}
	if !s.hasFailed() {
		s.close()
	}
	close(stop)
	helpers.Wait()
}

// begin makes what lives as long as the soak.
func (s *soak) begin() {
	for range 3 {
		s.locals = append(s.locals, s.newLocal())
	}
	for rank := 1; rank <= 3; rank++ {
		s.residents = append(s.residents, s.open(0, rank, rand.New(rand.NewPCG(s.seed, ^uint64(rank)))))
	}
}

// close ends it.
func (s *soak) close() {
	for _, h := range s.residents {
		h.closing.Store(true)
		if err := h.th.Close(); err != nil && !hears(err) && !exitInHook(err) {
			h.failed("Close: %v", err)
		}
		s.settle(h.subject, true, 0, 0)
		s.add(ended)
	}
	for _, l := range s.locals {
		if err := l.Close(); err != nil {
			s.fail("Local.Close: %v", err)
		}
	}
	if a, b := s.n[made].Load(), s.n[ended].Load(); a != b {
		s.fail("Threads made, ended: %d, %d", a, b)
	}
}

// load lives for a while, in all weathers.
func (s *soak) load(ctx context.Context, d time.Duration) {
	until := time.Now().Add(d)
	var lives, weather sync.WaitGroup
	for range lanes {
		lives.Go(func() {
			for time.Now().Before(until) && ctx.Err() == nil && !s.hasFailed() {
				s.live(s.lives.Add(1))
			}
		})
	}
	calm := make(chan struct{})
	weather.Go(func() { s.weather(calm) })
	lives.Wait()
	close(calm)
	weather.Wait()
}

// mostProcs is the highest GOMAXPROCS of a soak.
func mostProcs() int { return 2 * runtime.NumCPU() }

// weather changes the number of processors and makes storms of collections.
func (s *soak) weather(calm chan struct{}) {
	procs := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(procs)
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	r := rand.New(rand.NewPCG(s.seed, s.lives.Load()))
	for {
		select {
		case <-calm:
			return
		case <-time.After(time.Duration(5+r.IntN(60)) * time.Millisecond):
		}
		switch r.IntN(4) {
		case 0:
			s.add(resized)
			runtime.GOMAXPROCS(1 + r.IntN(mostProcs()))
		case 1:
			debug.SetGCPercent(10 + r.IntN(200))
		default:
			for range 1 + r.IntN(4) {
				s.add(collections)
				runtime.GC()
			}
		}
	}
}

// settle waits until all of a Thread's figures come out even. What is garbage is
// closed some time after a collection.
func (s *soak) settle(sub *subject, ended bool, drops, live int64) {
	begun, wrong := time.Now(), ""
	for {
		if wrong = sub.balance(ended, drops, live); wrong == "" || s.hasFailed() {
			return
		}
		if time.Since(begun) > s.patience/2 {
			sub.failed("after %v: %s", s.patience/2, wrong)
			return
		}
		time.Sleep(time.Millisecond)
		runtime.GC()
	}
}

// watch ends the process when nothing happens any more. It counts its looks and not
// the time: a machine that sleeps, or is kept from running, does nothing either.
func (s *soak) watch(stop chan struct{}) {
	const look = 100 * time.Millisecond
	last, idle := int64(-1), time.Duration(0)
	for {
		select {
		case <-stop:
			return
		case <-time.After(look):
		}
		// Who has failed may leave others waiting for ever.
		patience := s.patience
		if s.hasFailed() {
			patience = min(patience, 10*time.Second)
		}
		if n := s.progress(); n != last {
			last, idle = n, 0
		} else if idle += look; idle > patience {
			buf := make([]byte, 16<<20)
			fmt.Fprintf(os.Stderr, "FAILED: no progress for %v; seed %d\n\n%s\n", patience, s.seed, buf[:runtime.Stack(buf, true)])
			os.Exit(1)
		}
	}
}
