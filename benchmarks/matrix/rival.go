package main

import (
	"github.com/alitto/pond/v2"
	"github.com/gammazero/workerpool"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc/pool"
)

// rivals are what people use in ste's place. The idioms by hand are locked to
// an OS thread and do the same job. The pools have one worker, so their closures
// too run one at a time; but on any thread, which is cheaper.
var rivals = []contestant{
	{"channel, new done each time", true, openByHand},
	{"mutex + cond", true, openCond},
	{"channel", false, func() (executor, error) { return newChannelThread(false), nil }},
	{"alitto/pond", false, func() (executor, error) { return pondPool{pond.NewPool(1)}, nil }},
	{"gammazero/workerpool", false, func() (executor, error) { return workerPool{workerpool.New(1)}, nil }},
	{"panjf2000/ants", false, openAnts},
	{"sourcegraph/conc", false, openConc},
}

type pondPool struct{ pond.Pool }

func (p pondPool) submit(f func()) { _ = p.Submit(f).Wait() }
func (p pondPool) close()          { p.StopAndWait() }

type workerPool struct{ *workerpool.WorkerPool }

func (p workerPool) submit(f func()) { p.SubmitWait(f) }
func (p workerPool) close()          { p.StopWait() }

// A waiter adds the wait to a pool that has none for a single closure.
type waiter struct {
	start func(f func())
	end   func()
}

func (w waiter) submit(f func()) {
	done := make(chan struct{})
	w.start(func() {
		f()
		close(done)
	})
	<-done
}

func (w waiter) close() { w.end() }

func openAnts() (executor, error) {
	p, err := ants.NewPool(1)
	if err != nil {
		return nil, err
	}
	return waiter{func(f func()) {
		if err := p.Submit(f); err != nil {
			panic(err) // the pool is open and waits for room: cannot be
		}
	}, p.Release}, nil
}

func openConc() (executor, error) {
	p := pool.New().WithMaxGoroutines(1)
	return waiter{p.Go, p.Wait}, nil
}
