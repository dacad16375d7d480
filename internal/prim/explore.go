//go:build ste_explore

package prim

import (
	"context"
	"time"

	"github.com/ste-go/ste/internal/explore"
)

// Exploring is whether this build is for the exploration of interleavings.
const Exploring = true

// The types of the exploring build. They are plain memory, each access of which
// is a step of its own: package explore runs one goroutine at a time.
type (
	// A Word is an atomic number with few values.
	Word = number[uint32]
	// A Count is an atomic number with many.
	Count = number[int64]
)

type number[T uint32 | int64] struct{ v T }

func (n *number[T]) Load() T {
	explore.Point(explore.Look, "load", nil)
	return n.v
}

func (n *number[T]) Store(v T) {
	explore.Point(explore.Change, "store", nil)
	n.v = v
}

func (n *number[T]) Add(d T) T {
	explore.Point(explore.Change, "add", nil)
	n.v += d
	return n.v
}

func (n *number[T]) Swap(v T) (old T) {
	explore.Point(explore.Change, "swap", nil)
	old, n.v = n.v, v
	after()
	return old
}

func (n *number[T]) CompareAndSwap(old, v T) bool {
	explore.Point(explore.Change, "compare-swap", nil)
	if n.v != old {
		return false
	}
	n.v = v
	return true
}

// after lets others see what the exchanges that end something have published,
// before the code that follows them goes on.
func after() { explore.Point(explore.Look, "(after)", nil) }

// A Flag is an atomic bool.
type Flag struct{ v bool }

func (f *Flag) Load() bool {
	explore.Point(explore.Look, "load", nil)
	return f.v
}

func (f *Flag) Store(v bool) {
	explore.Point(explore.Change, "store", nil)
	f.v = v
	after()
}

func (f *Flag) CompareAndSwap(old, v bool) bool {
	explore.Point(explore.Change, "compare-swap", nil)
	if f.v != old {
		return false
	}
	f.v = v
	return true
}

// A Pointer is an atomic pointer.
type Pointer[T any] struct{ p *T }

func (a *Pointer[T]) Load() *T {
	explore.Point(explore.Look, "load", nil)
	return a.p
}

func (a *Pointer[T]) Store(p *T) {
	explore.Point(explore.Change, "store", nil)
	a.p = p
}

func (a *Pointer[T]) Swap(p *T) (old *T) {
	explore.Point(explore.Change, "swap", nil)
	old, a.p = a.p, p
	after()
	return old
}

func (a *Pointer[T]) CompareAndSwap(old, p *T) bool {
	explore.Point(explore.Change, "compare-swap", nil)
	if a.p != old {
		return false
	}
	a.p = p
	return true
}

// A Mutex guards what is off the hot path.
type Mutex struct{ locked bool }

func (m *Mutex) Lock() {
	explore.Point(explore.Change, "lock", func() bool { return !m.locked })
	m.locked = true
}

func (m *Mutex) TryLock() bool {
	explore.Point(explore.Change, "try lock", nil)
	if m.locked {
		return false
	}
	m.locked = true
	return true
}

func (m *Mutex) Unlock() {
	explore.Point(explore.Change, "unlock", nil)
	if !m.locked {
		panic("unlock of an unlocked Mutex")
	}
	m.locked = false
}

// A Bell is where one goroutine parks.
type Bell struct {
	b *bell
	s *sleeper
}

type bell struct {
	rung  int
	waits bool // somebody parks there
}

// queued has, for each goroutine, whom it has woken since it let others run: they are in
// its processor's queue.
var queued = map[any]*bell{}

// NewBell makes a Bell.
func NewBell() Bell { return Bell{b: new(bell)} }

// NewKernelBell makes one for a thread that sleeps in the kernel.
func NewKernelBell() Bell { return Bell{s: &sleeper{other: new(sleeper)}} }

// Ring wakes the waiting goroutine, now or when it comes to wait.
func (b Bell) Ring() {
	if b.s != nil {
		b.s.ring()
		return
	}
	explore.Point(explore.Change, "ring", nil)
	if b.b.rung++; b.b.rung > 1 {
		panic("a Bell is rung twice") // the real one would block
	}
	if b.b.waits {
		queued[explore.Self()] = b.b
	}
}

// Wait parks until somebody rings.
func (b Bell) Wait() {
	if b.s != nil {
		b.s.waitUntil(Never)
		return
	}
	b.b.waits = true
	explore.Point(explore.Change, "wait", func() bool { return b.b.rung > 0 })
	b.b.heard()
}

func (b *bell) heard() {
	b.rung--
	b.waits = false
}

// WaitOr parks until somebody rings or done is closed. It reports whether
// somebody rang.
func (b Bell) WaitOr(done <-chan struct{}) bool {
	b.b.waits = true
	explore.Point(explore.Change, "wait", func() bool { return b.b.rung > 0 || isClosed(done) })
	if b.b.rung == 0 || isClosed(done) && explore.Choose(2) == 1 {
		b.b.waits = false
		return false
	}
	b.b.heard()
	return true
}

// A bed is where a sleeper sleeps.
type bed struct {
	woken *bool
	noisy bool // it has woken for no reason; once is enough
}

// sleep looks and falls asleep in one step, and then takes another to wake: when it is
// woken, for no reason, or when its time has come, which may be whenever somebody else has taken a
// step.
func (b *bed) sleep(w *Word, v uint32, d int64) {
	if q := queued[explore.Self()]; q != nil && q.waits {
		explore.Fail("a thread sleeps in the kernel with a goroutine in its queue")
	}
	explore.Point(explore.Change, "sleep", nil)
	if w.v != v {
		return
	}
	woken := false
	b.woken = &woken
	at := explore.Now() + d
	switch {
	case !b.noisy && explore.Choose(2) == 1:
		b.noisy = true
		explore.Point(explore.Look, "no reason", nil)
	case d < 0:
		explore.Point(explore.Change, "woken", func() bool { return woken })
	default:
		explore.Point(explore.Spin, "wait until", nil)
		if !woken {
			explore.Advance(at)
		}
	}
	b.woken = nil
}

func (b *bed) wake(*Word) {
	explore.Point(explore.Change, "wake", nil)
	if b.woken != nil {
		*b.woken = true
	}
}

// An Alarm ends a wait or calls a function at a time.
type Alarm struct{ number int }

// WaitUntil parks until somebody rings or the clock has come to at. It reports
// whether somebody rang. The clock may go on to at whenever somebody else has
// taken a step: the others are just slow then.
func (b Bell) WaitUntil(_ *Alarm, at int64) bool {
	if b.s != nil {
		return b.s.waitUntil(at)
	}
	explore.Point(explore.Spin, "wait until", nil)
	if b.b.rung > 0 {
		b.b.heard()
		return true
	}
	explore.Advance(at)
	return false
}

// At lets f be called when the clock has come to at, and not at the time that was
// said before. Like the end of WaitUntil, that may come whenever somebody else has
// taken a step.
func (a *Alarm) At(at int64, f func()) {
	a.number++
	n := a.number
	explore.Go("call", func() {
		explore.Point(explore.Spin, "wait until", nil)
		if n == a.number {
			explore.Advance(at)
			f()
		}
	})
}

// Stop undoes At.
func (a *Alarm) Stop() {
	explore.Point(explore.Change, "stop", nil)
	a.number++
}

// Now reads the clock, in nanoseconds.
func Now() int64 { return explore.Now() }

// At returns Now: time is the model's.
func At(time.Time) int64 { return explore.Now() }

// Pause is one turn of a loop that watches an atomic.
func Pause() { explore.Point(explore.Spin, "pause", nil) }

// Delay does nothing: how long something takes is no step.
func Delay(int) {}

// Looks is how often a spinning side looks between two readings of the clock.
const Looks = 1

// Room is how much room a queue begins with.
const Room = 2

// Yield lets other goroutines run.
func Yield() {
	delete(queued, explore.Self())
	explore.Point(explore.Spin, "yield", nil)
}

// Processors is how many processors may run Go code.
func Processors() int { return 2 }

// Go starts a goroutine.
func Go(name string, f func()) { explore.Go(name, f) }

// Await returns when c is closed.
func Await(c <-chan struct{}) {
	explore.Point(explore.Look, "await", func() bool { return isClosed(c) })
}

// AwaitEither returns when one of them is closed, and whether that is a.
func AwaitEither(a, b <-chan struct{}) bool {
	explore.Point(explore.Look, "await", func() bool { return isClosed(a) || isClosed(b) })
	return isClosed(a) && !(isClosed(b) && explore.Choose(2) == 1)
}

// Closed reports whether c is closed.
func Closed(c <-chan struct{}) bool {
	explore.Point(explore.Look, "look", nil)
	return isClosed(c)
}

// Close closes c.
func Close(c chan struct{}) {
	explore.Point(explore.Change, "close", nil)
	close(c)
}

// AfterFunc is context.AfterFunc.
func AfterFunc(ctx context.Context, f func()) (stop func() bool) {
	stopped, started := false, false
	explore.Go("after", func() {
		explore.Point(explore.Change, "await", func() bool { return stopped || isClosed(ctx.Done()) })
		if !stopped {
			started = true
			f()
		}
	})
	return func() bool {
		explore.Point(explore.Change, "stop", nil)
		if stopped || started {
			return false
		}
		stopped = true
		return true
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
