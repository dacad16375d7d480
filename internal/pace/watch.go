package pace

import (
	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/prim"
)

const (
	// spinFor is how long either side spins before it sleeps, in ns, at most; the worker
	// four times as long as it took lately until a task came, and at least spinLeast.
	spinFor   = 100e3
	spinLeast = 20e3
	// streamLeast is how many short sleeps in a row say that posts come in a
	// stream. Nobody waits for those, so there is nothing to compare.
	streamLeast = 2
	// streamPauses is how many pauses lie between two looks in a stream, 1.6 us of
	// them: each look takes head's line from the posters. Four and twelve times as
	// many made no difference to posts, but a Submit in between would wait longer.
	streamPauses = prim.Looks
	// callerPauses and workerPauses lie before a spinning side's first look: the
	// other side cannot be there before, and a look takes the line away that it is
	// about to write. Without them a hot round trip takes a quarter longer; two
	// more or less make no difference.
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

// A Worker is what the worker remembers of its own waiting. It lies apart from the
// Pace, which the callers read.
type Worker struct {
	// stream is how often in a row a sleep after a posted task was so short that
	// spinning would have saved it.
	stream uint8
	fresh  bool // no watch since the last sleep
}

// Next is called before the worker looks for its next task. after says how the last one
// ended, empty that it has to take over what has come in.
func (p *Pace) Next(w *Worker, after After, empty bool) {
	if after == Posted {
		if empty && w.stream >= streamLeast {
			prim.Delay(streamPauses) // till then there is more to take at once
		}
	} else if m := p.measured(); m != nil {
		p.called(m)
	}
}

// Sleep notes when the worker falls asleep, and returns that for Wake.
func (p *Pace) Sleep(after After) (from int64) {
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
	switch {
	case after != Posted:
	case slept < spinFor/2 && p.several():
		w.stream = min(w.stream+1, streamLeast)
	default:
		w.stream = 0
	}
}

// A Watch is one spin of either side: it looks a number of times (Looks), with a Pause
// between two, and then asks whether to go on (Goes).
type Watch struct {
	pace     *Pace
	worker   *Worker // nil for a caller
	patience int64   // ns
	pauses   int     // between two looks; 0 to let others run there
	from     int64   // when it began; 0 before the first Goes
	now      int64   // of the last Goes
}

// CallerWatch begins to spin. crowd says that the caller is not the only one: then it
// lets others run between its looks, who may have work for the worker.
func (p *Pace) CallerWatch(crowd bool) Watch {
	if crowd {
		return Watch{pace: p, patience: spinFor}
	}
	prim.Delay(callerPauses)
	return Watch{pace: p, patience: spinFor, pauses: 1}
}

// WorkerWatch begins to spin after a task that ended so, if that is the way to wait.
func (p *Pace) WorkerWatch(w *Worker, after After) (watch Watch, spins bool) {
	patience, pauses := int64(spinFor), 1
	switch {
	case after == Posted && w.stream >= streamLeast && p.wait != Spin:
		patience, pauses = spinFor/2, streamPauses
	case !p.spins.Load():
		return watch, false
	case p.wait == Spin:
	case after == Rang:
		return watch, false
	default:
		if m := p.meter.Load(); m != nil && !w.fresh {
			patience = min(max(4*m.found, spinLeast), spinFor)
		}
	}
	w.fresh = false
	prim.Delay(workerPauses)
	return Watch{pace: p, worker: w, patience: patience, pauses: pauses}, true
}

// Looks is how often to look before Goes is asked.
func (w *Watch) Looks() int { return max(prim.Looks/max(w.pauses, 1), 1) }

// Pause lies between two looks.
func (w *Watch) Pause() {
	if w.pauses == 0 {
		prim.Yield()
	} else {
		prim.Delay(w.pauses - 1)
		prim.Pause()
	}
}

// Goes reports whether to look on, now. If not, elsewhere says that there may be
// something where this side has not looked.
func (w *Watch) Goes(now int64) (on, elsewhere bool) {
	p := w.pace
	switch {
	case w.from == 0:
		w.from, w.now = now, now
		return w.worker != nil || !bubble.Here(), false // a bubble's clock would never say that it is enough
	case now-w.from < w.patience:
		w.now = now
		return true, false
	case w.worker == nil:
		p.several()
		return false, false
	case p.wait == Spin && p.several():
		return false, true
	}
	p.several()
	w.worker.stream = 0
	if m := p.measured(); m != nil && m.spin.quick {
		p.settle(m, now) // what it has spun for nothing
	}
	return false, false
}

// Found notes that a task came in while the worker spun.
func (w *Watch) Found() {
	if m := w.pace.meter.Load(); m != nil {
		m.found += (w.now - w.from - m.found) / 8
	}
}
