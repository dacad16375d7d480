package pace

import (
	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/prim"
)

const (
	// spinFor is how long either side spins before it sleeps, in ns.
	spinFor = 100e3
	// stealFor is how long the worker spins when it has just woken its caller.
	// The caller then sits in the run queue of the worker's own processor until
	// another one comes and steals it. Waking one that has gone idle takes
	// 30 to 100 us; a worker that sleeps before that makes it start over.
	// A trial has one attempt; after that each is paid for by stealPrice tasks
	// that came in while the worker spun. A worker that cannot pay sleeps at once,
	// so that its processor runs the caller.
	stealFor   = 200e3
	stealPrice = 4
	// streamLeast is how many short sleeps in a row say that posts come in a
	// stream. Nobody waits for those, so there are no round trips to compare.
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
	credit int8 // tasks that came in while the worker spun, as long as they can be spent
	// stream is how often in a row a sleep after a posted task was so short that
	// spinning would have saved it.
	stream uint8
	tried  bool  // the worker has spun for stealFor in this trial
	sleeps uint8 // modulo 256
}

// Sleep notes when the worker falls asleep, at least every fourth time, and
// returns that for Wake.
func (p *Pace) Sleep(w *Worker, after After) (from int64) {
	if p.wait == Spin {
		p.spin() // GOMAXPROCS may have changed
	}
	if w.sleeps++; p.wait == Adaptive && (after == Posted || w.sleeps%4 == 1) {
		from = prim.Now()
	}
	return from
}

// Wake takes the length of the sleep.
func (p *Pace) Wake(w *Worker, after After, from int64) {
	if from == 0 {
		return
	}
	slept := min(prim.Now()-from, 4*gapMost) // a long pause is soon forgotten
	gap := p.gap.Load()
	if gap == 0 {
		gap = slept
	}
	p.gap.Store(gap + (slept-gap)/4)
	switch {
	case after != Posted:
	case slept < spinFor/2 && several():
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
	arm := p.inForce()
	if arm&trial == 0 {
		w.tried = false
	}
	patience, pauses := int64(spinFor), 1
	switch {
	case p.wait == Spin:
		if !arm.Spins() {
			return watch, false
		}
	case after == Posted && w.stream >= streamLeast:
		patience, pauses = spinFor/2, streamPauses
	case !arm.Spins():
		return watch, false
	case after != Rang:
	case arm&trial != 0 && !w.tried:
		w.tried = true
		patience = stealFor
	case w.credit >= stealPrice:
		w.credit -= stealPrice
		patience = stealFor
	default:
		return watch, false
	}
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
		w.from = now
		return w.worker != nil || !bubble.Here(), false // a bubble's clock would never say that it is enough
	case now-w.from < w.patience:
		return true, false
	case w.worker == nil:
		p.missed()
		return false, false
	case p.wait == Spin && several():
		return false, true
	}
	p.missed()
	w.worker.stream = 0
	if w.patience == stealFor {
		p.lost(now)
	}
	return false, false
}

// Found notes that a task came in while the worker spun.
func (w *Worker) Found() { w.credit = min(w.credit+1, 4*stealPrice) }
