package pace

import (
	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/prim"
)

const (
	// spinFor is how long either side spins before it sleeps, in ns, at most; the worker four times
	// as long as it took lately until a task came, and at least spinLeast.
	spinFor   = 100e3
	spinLeast = 20e3
	// streamLeast is how many short sleeps in a row say that posts come in a stream. Nobody waits
	// for those, so there is nothing to compare.
	streamLeast = 2
	// streamPauses lie between two looks in a stream, 1.6 us: each look takes a line from the
	// posters. More made no difference to posts, but a Submit in between would wait longer.
	streamPauses = prim.Looks
	// callerPauses and workerPauses lie before a spinning side's first look, which takes the line
	// away that the other is about to write. Without them a hot round trip takes a quarter longer.
	callerPauses = 4
	workerPauses = 2
)

// After says how the worker's last task ended, for how it waits for the next.
type After uint8

const (
	Seen   After = iota // its caller saw it, or there was none
	Rang                // its caller slept and has been woken
	Posted              // nobody waited for it
)

// A Worker is what the worker remembers of its own waiting, apart from what the callers read.
type Worker struct {
	stream uint8 // how many sleeps in a row after a post spinning would have saved
	fresh  bool  // no watch since the last sleep
}

// Next is called before the worker looks for its next task. after says how the last one ended,
// empty that it has to take over what has come in.
func (p *Pace) Next(w *Worker, after After, empty bool) {
	if after == Posted {
		if empty && w.stream >= streamLeast {
			prim.Delay(streamPauses) // till then there is more to take at once
		}
	} else if m := p.measured(); m != nil {
		if m.calls++; m.spin.quick && m.calls >= window {
			p.settle(m, prim.Now())
		}
	}
}

// Sleep notes when the worker falls asleep, and returns that for Wake.
func (p *Pace) Sleep() (from int64) {
	if p.wait == Spin {
		p.several() // GOMAXPROCS may have changed
	}
	if p.wait != Adaptive {
		return 0
	}
	from = prim.Now()
	if m := p.measured(); m != nil {
		p.asleep(m, from)
	}
	return from
}

// Wake takes the length of the sleep.
func (p *Pace) Wake(w *Worker, after After, from int64) {
	if from == 0 {
		return
	}
	w.fresh = true
	slept := prim.Now() - from
	if m := p.meter.Load(); m != nil && slept > pause {
		m.since += slept
		m.calls--
	}
	if after == Posted {
		if w.stream = min(w.stream+1, streamLeast); slept >= spinFor/2 || !p.several() {
			w.stream = 0
		}
	}
}

// A watch is one spin of either side.
type watch struct {
	looks    int   // between two readings of the clock
	pauses   int   // after each look; 0 to let others run there
	patience int64 // for how long, in ns
	caller   bool  // who may be in a bubble, whose clock would never say that it is enough
}

// CallerWatch spins until over says that the call is, or for a while: it reports which. crowd says
// that the caller is not the only one: then it lets others run between its looks, who may have work
// for the worker.
func (p *Pace) CallerWatch(crowd bool, over func() bool) bool {
	w := watch{prim.Looks, 1, spinFor, true}
	if crowd {
		w.pauses = 0
	} else {
		prim.Delay(callerPauses)
	}
	seen, _ := w.look(over)
	if !seen {
		p.several()
	}
	return seen
}

// WorkerWatch spins, after a task that ended so, until found says that there is something to do, or
// for a while; not at all if that is not the way to wait. It reports whether there is something.
func (p *Pace) WorkerWatch(worker *Worker, after After, found func() bool) bool {
	w, m := watch{prim.Looks, 1, spinFor, false}, p.meter.Load()
	switch {
	case p.wait != Spin && after == Posted && worker.stream >= streamLeast:
		w = watch{1, streamPauses, spinFor / 2, false}
	case !p.spins.Load() || p.wait != Spin && after == Rang:
		return false
	case m != nil && !worker.fresh:
		w.patience = min(max(4*m.found, spinLeast), spinFor)
	}
	worker.fresh = false
	prim.Delay(workerPauses)
	seen, spun := w.look(found)
	if seen && m != nil {
		m.found += (spun - m.found) / 8
	} else if !seen && (!p.several() || p.wait != Spin) {
		worker.stream = 0
		if m = p.measured(); m != nil && m.spin.quick {
			p.settle(m, prim.Now()) // what it has spun for nothing
		}
	}
	return seen
}

// look looks until something is seen, or there is no more patience. It returns how long that took
// at the last reading of the clock.
func (w *watch) look(seen func() bool) (is bool, spun int64) {
	for from := int64(0); ; {
		for range w.looks {
			if seen() {
				return true, spun
			}
			if w.pauses == 0 {
				prim.Yield()
				continue
			}
			prim.Delay(w.pauses - 1)
			prim.Pause()
		}
		now := prim.Now()
		if from == 0 {
			if from = now; w.caller && bubble.Here() {
				return false, 0
			}
		} else if now-from >= w.patience {
			return false, now - from
		}
		spun = now - from
	}
}

// Stays reports whether the worker never sleeps, as things are.
func (p *Pace) Stays() bool { return p.wait == Spin && p.spins.Load() }
