//go:build !ste_explore

package prim

import "time"

// A Bell wakes the one goroutine that waits for it. One ring is remembered; who
// rings makes sure that there are never two.
//
// It is a channel because the Go scheduler runs a goroutine that a channel woke
// next on the waker's own processor, before anything else that is queued there.
// A system call to sleep in (a futex) wakes faster on an idle machine, but is
// 10 to 1,000 times slower where a processor is missing, and blind to synctest.
type Bell struct{ c chan struct{} }

// NewBell makes a Bell. In a synctest bubble it belongs to the bubble.
func NewBell() Bell { return Bell{make(chan struct{}, 1)} }

// Ring wakes the waiting goroutine, now or when it comes to wait.
func (b Bell) Ring() { b.c <- struct{}{} }

// Wait parks until somebody rings.
func (b Bell) Wait() { <-b.c }

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

// An Alarm is a timer of the runtime's, used again: always for WaitUntil, or always for
// At and the same f. It belongs to one goroutine. The zero Alarm is ready for use.
type Alarm struct{ t *time.Timer }

// WaitUntil parks until somebody rings or the clock has come to at. It reports
// whether somebody rang.
func (b Bell) WaitUntil(a *Alarm, at int64) bool {
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
