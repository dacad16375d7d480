//go:build !ste_explore

package prim

import (
	"time"

	"github.com/ste-go/ste/internal/futex"
)

// A Bell wakes the one goroutine that waits for it. One ring is remembered; who
// rings makes sure that there are never two.
//
// It is a channel because the Go scheduler runs a goroutine that a channel woke
// next on the waker's own processor, before anything else that is queued there; or, made
// with NewKernelBell, an OS thread's sleep in the kernel, which wakes faster on an idle
// machine and is 10 to 1,000 times slower where a processor is missing.
type Bell struct {
	c chan struct{}
	s *sleeper // in place of c
}

// NewBell makes a Bell. In a synctest bubble it belongs to the bubble.
func NewBell() Bell { return Bell{c: make(chan struct{}, 1)} }

// NewKernelBell makes one for a thread that sleeps in the kernel; where it cannot, it is
// NewBell. It has no WaitOr.
func NewKernelBell() Bell {
	if !futex.Works {
		return NewBell()
	}
	return Bell{s: &sleeper{other: new(sleeper)}}
}

// Ring wakes the waiting goroutine, now or when it comes to wait.
func (b Bell) Ring() {
	if b.s != nil {
		b.s.ring()
		return
	}
	b.c <- struct{}{}
}

// Wait parks until somebody rings.
func (b Bell) Wait() {
	if b.s != nil {
		b.s.waitUntil(Never)
		return
	}
	<-b.c
}

// WaitOr parks until somebody rings or done is closed. It reports whether
// somebody rang.
func (b Bell) WaitOr(done <-chan struct{}) bool {
	select {
	case <-b.c:
		return true
	case <-done:
		return false
	}
}

// A bed is where a sleeper sleeps.
type bed struct{}

func (bed) sleep(w *Word, v uint32, d int64) { futex.Wait(w, v, d) }
func (bed) wake(w *Word)                     { futex.Wake(w) }

// An Alarm is a timer of the runtime's, used again: always for WaitUntil, or always for
// At and the same f. It belongs to one goroutine. The zero Alarm is ready for use.
type Alarm struct{ t *time.Timer }

// WaitUntil parks until somebody rings or the clock has come to at. It reports
// whether somebody rang.
func (b Bell) WaitUntil(a *Alarm, at int64) bool {
	if b.s != nil {
		return b.s.waitUntil(at)
	}
	d := time.Duration(at - Now())
	if a.t == nil {
		a.t = time.NewTimer(d)
	} else {
		a.t.Reset(d)
	}
	select {
	case <-b.c:
		a.t.Stop()
		return true
	case <-a.t.C:
		return false
	}
}

// At lets f be called, on a goroutine of its own, when the clock has come to at, and
// not at the time that was said before.
func (a *Alarm) At(at int64, f func()) {
	d := time.Duration(at - Now())
	if a.t == nil {
		a.t = time.AfterFunc(d, f)
	} else {
		a.t.Reset(d)
	}
}

// Stop undoes At.
func (a *Alarm) Stop() {
	if a.t != nil {
		a.t.Stop()
	}
}
