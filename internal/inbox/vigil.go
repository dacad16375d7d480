package inbox

import "github.com/ste-go/ste/internal/prim"

// Measured as those of pace.go.
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
	streamPauses = looks
	// callerPauses and workerPauses lie before a spinning side's first look: the
	// other side cannot be there before, and a look takes the line away that it is
	// about to write. Without them a hot round trip takes a quarter longer; two
	// more or less make no difference.
	callerPauses = 4
	workerPauses = 2
	looks        = prim.Looks
)

// A vigil is what the worker remembers of its own waiting. It lies apart from the
// pace, which the callers read.
type vigil struct {
	luck int8 // tasks that came in while the worker spun, as long as they can be spent
	// stream is how often in a row a sleep after a posted task was so short that
	// spinning would have saved it.
	stream uint8
	tried  bool  // the worker has spun for stealFor in this trial
	sleeps uint8 // modulo 256
}

// sleep notes when the worker falls asleep, at least every fourth time, and
// returns that for wake.
func (p *pace) sleep(v *vigil, after After) (from int64) {
	if p.wait == Spin {
		p.spin() // GOMAXPROCS may have changed
	}
	if v.sleeps++; p.wait == Adaptive && (after == Posted || v.sleeps%4 == 1) {
		from = prim.Now()
	}
	return from
}

func (p *pace) wake(v *vigil, after After, from int64) {
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
		v.stream = min(v.stream+1, streamLeast)
	default:
		v.stream = 0
	}
}

// watch spins for a while if that is the way to wait. It reports whether the
// worker should look before it sleeps. The worker calls it.
func (q *Inbox) watch(after After) bool {
	if q.service.Nested {
		return false
	}
	p, v := &q.pace, &q.vigil
	arm := p.arm.Load()
	if arm&trial == 0 {
		v.tried = false
	}
	patience, pauses := int64(spinFor), 1
	switch {
	case p.wait == Spin:
		if arm&spinning == 0 {
			return false
		}
	case after == Posted && v.stream >= streamLeast:
		patience, pauses = spinFor/2, streamPauses
	case arm&spinning == 0:
		return false
	case after != Rang:
	case arm&trial != 0 && !v.tried:
		v.tried = true
		patience = stealFor
	case v.luck >= stealPrice:
		v.luck -= stealPrice
		patience = stealFor
	default:
		return false
	}
	prim.Delay(workerPauses)
	for from := int64(0); ; {
		for range max(looks/pauses, 1) {
			prim.Delay(pauses - 1)
			if q.handed() || q.head.Load() != nil {
				v.luck = min(v.luck+1, 4*stealPrice)
				return true
			}
			prim.Pause()
		}
		now := prim.Now()
		switch {
		case now >= q.until.Load():
			return true
		case from == 0:
			from = now
		case now-from < patience:
		case p.wait == Spin && several():
			return true // maybe: a Cancel has moved it from head to the list
		default:
			p.missed()
			v.stream = 0
			if patience == stealFor {
				p.lost(now)
			}
			return false
		}
	}
}
