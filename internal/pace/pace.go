// Package pace decides how the two sides of a hand-off wait for each other: whether they spin
// before they sleep, and for how long. It knows no queue and no task. A Pace says what is in force,
// a Meter measures what pays, and Turns lets others run while both sides sleep.
package pace

import "github.com/ste-go/ste/internal/prim"

// Wait says how the two sides wait for each other. ste.WaitStrategy has the same numbers.
type Wait uint8

const (
	Adaptive Wait = iota // spin while measurements say that it pays
	Park                 // never spin
	Spin                 // the worker never sleeps
	Kernel               // never spin, and the worker sleeps in the kernel
)

// A Pace is how the two sides wait. Begin it with Init.
type Pace struct {
	wait Wait // immutable

	// spins is whether the sides spin before they sleep. Written by the worker; a side that has
	// spun for nothing where there is one processor turns it off. Read by both before each wait.
	// It publishes nothing.
	spins prim.Flag

	// meter is nil before there is a caller, and if nothing is to be measured. Set once, by the
	// first caller, which publishes it.
	meter prim.Pointer[Meter]
}

// Init sets the way to wait.
func (p *Pace) Init(w Wait) {
	p.wait = w
	p.several()
}

// UseMeter gives the Pace its Meter, once, with the first caller.
func (p *Pace) UseMeter(m *Meter) {
	if p.wait == Adaptive || p.wait == Kernel {
		p.meter.Store(m)
	}
}

// Spins reports whether the sides spin before they sleep.
func (p *Pace) Spins() bool { return p.spins.Load() }

// ForceSpin makes them. For tests.
func (p *Pace) ForceSpin() { p.spins.Store(true) }

// several reports whether more than one processor may run Go code. With one, nothing can happen
// while somebody spins.
func (p *Pace) several() bool {
	several := prim.Processors() > 1
	if spins := several && (p.wait == Spin || p.spins.Load()); p.spins.Load() != spins {
		p.spins.Store(spins)
	}
	return several
}

// Turns lets others run now and then, while callers sleep and the worker wakes them. With one
// processor the two always stand first in its queue, and whoever stands behind them would starve: a
// goroutine was seen to wait for 30 s. Beside one that computes all the time the scheduler does see
// to it, and a yield would only cost time; so it is made only if nobody seems to have had a turn.
//
// The zero Turns is ready for use. Times in ns. All are written and read by callers; a mistake
// between two of them moves a turn, no more.
type Turns struct {
	made prim.Count // when others were let run
	last prim.Count // when they seem to have had a turn, or were let run
	seen prim.Count // when somebody last looked
}

const (
	slice = 100e6 // for how long others may have to wait; a yield may cost 20 ms
	lull  = 5e6   // so long between two looks, others had a turn: the calls alone take 0.5 ms
	sure  = 1e9   // after this in any case: long tasks look like somebody else's turn
)

// Give is called by a caller that has slept; uses counts how often. One in sixteen reads the clock.
func (u *Turns) Give(uses uint8) {
	if uses%16 != 0 {
		return
	}
	now := prim.Now()
	if u.due(now) {
		prim.Yield()
		now = prim.Now()
		u.made.Store(now)
	}
	u.seen.Store(now)
}

// due reports whether others must be let run. It begins to count with the first look.
func (u *Turns) due(now int64) bool {
	turn := u.made.CompareAndSwap(0, now) || now-u.seen.Load() > lull
	due := now-u.made.Load() > sure || !turn && now-u.last.Load() > slice
	if turn || due {
		u.last.Store(now)
	}
	return due
}
