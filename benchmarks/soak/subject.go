package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
)

// A subject is a Thread as the soak sees it: what must hold of it, and what was
// given to it. It does not refer to the Thread itself, since hooks refer to it: some
// Threads are to be forgotten.
type subject struct {
	*soak
	life uint64 // whose number repeats it
	rank int    // its tasks wait for subjects of a higher rank only: no ring
	tag  ste.Tag

	tid      atomic.Uint64 // its OS thread, from the first code on (T1)
	closing  atomic.Bool   // set before anybody closes it; ErrClosed before that is wrong
	over     atomic.Bool   // set by its last hook
	limited  bool          // has a queue limit; immutable
	closable bool          // its own tasks may close it; immutable

	// The Thread's.
	depth int    // tasks in tasks
	nests bool   // the innermost task lets others in
	own   stream // of what its tasks post to itself

	// The closed form: what was begun must be what was ended.
	accepted, ran              atomic.Int64 // Post and Async
	opened, closed             atomic.Int64 // Bounds
	localsOpened, localsClosed atomic.Int64 // or taken
	armed, fired, stopped      atomic.Int64 // AfterFunc
	raised, heard              atomic.Int64 // panics, and errors of hooks
	teardowns                  atomic.Int64
}

// A handle is a subject with its Thread, which it keeps alive.
type handle struct {
	*subject
	th *ste.Thread
}

// A stream is what one goroutine gives to one Thread (T3).
type stream struct {
	given uint64 // the goroutine's
	begun uint64 // the Thread's
}

// A boom is a panic's value, or an error of a hook, that somebody must hear of.
type boom struct {
	of     *subject
	shared bool // may be heard by several
	heard  atomic.Bool
}

func (b *boom) Error() string { return "boom" }

func (s *subject) newBoom(shared bool) *boom {
	s.raised.Add(1)
	s.add(panics)
	return &boom{of: s, shared: shared}
}

func (s *subject) failed(format string, args ...any) {
	s.fail("%v (life %d): "+format, append([]any{s.tag, s.life}, args...)...)
}

// hears takes what came to a caller or handler. It reports whether it was a boom.
func hears(v any) (found bool) {
	switch v := v.(type) {
	case *boom:
		if v.heard.CompareAndSwap(false, true) {
			v.of.heard.Add(1)
		} else if !v.shared {
			v.of.failed("T8: a panic was heard of twice")
		}
		return true
	case *ste.PanicError:
		return hears(v.Value)
	case interface{ Unwrap() []error }:
		for _, err := range v.Unwrap() {
			found = hears(err) || found
		}
	case interface{ Unwrap() error }:
		return hears(v.Unwrap())
	}
	return found
}

// handler is the Thread's error handler.
func (s *subject) handler(err error) {
	if !hears(err) && !exitInHook(err) {
		s.failed("the error handler got: %v", err)
	}
}

func exitInHook(err error) bool { return err != nil && strings.Contains(err.Error(), "runtime.Goexit") }

// here checks that the code runs where all code of the Thread must run.
func (s *subject) here(what string) {
	if s.over.Load() {
		s.failed("T13: %s runs after the last teardown", what)
	}
	if id := osthread.ID(); !s.tid.CompareAndSwap(0, id) && s.tid.Load() != id {
		s.failed("T1: %s runs on OS thread %d, not %d", what, id, s.tid.Load())
	}
	if !s.tag.OnThread() || ste.Current() != s.tag {
		s.failed("G1: %s believes to be on %v", what, ste.Current())
	}
}

// enter begins a task and leave ends it. Between them no other may begin but where
// the task lets it (T3).
func (s *subject) enter(what string) (nested bool) {
	s.here(what)
	if s.depth > 0 && !s.nests {
		s.failed("T3: %s begins inside of another task", what)
	}
	nested, s.nests = s.nests, false
	s.depth++
	return nested
}

func (s *subject) leave(nested bool) {
	s.depth--
	s.nests = nested
}

// letIn calls what lets other tasks in.
func (s *subject) letIn(f func()) {
	before := s.nests
	s.nests = true
	defer func() { s.nests = before }()
	f()
}

// allows checks the error of a call that was refused: a Thread that nobody closes
// refuses nothing, and no ring is there.
func (s *subject) allows(call string, err error, ended context.Context) {
	switch {
	case err == nil:
	case errors.Is(err, ste.ErrClosed) && s.closing.Load():
		s.add(refused)
	case errors.Is(err, ste.ErrQueueFull) && s.limited && (call == "Post" || call == "Async"):
		s.add(full)
	case ended != nil && ended.Err() != nil && errors.Is(err, context.Cause(ended)):
		s.add(gaveUp)
	default:
		s.failed("%s: %v", call, err)
	}
}

// balance names what does not come out even; "" if all does. ended says that timers
// may have been dropped with the Thread, dropped how many posts Shutdowns have told
// that they dropped, live how many Locals' values may be left.
func (s *subject) balance(ended bool, dropped, live int64) string {
	var wrong []string
	check := func(what string, a, b *atomic.Int64, within int64) {
		if x, y := a.Load(), b.Load(); x < y || x-y > within {
			wrong = append(wrong, fmt.Sprintf("%s: %d, %d", what, x, y))
		}
	}
	check("T6: posts accepted, run", &s.accepted, &s.ran, dropped)
	check("B1: Bounds opened, closed", &s.opened, &s.closed, 0)
	check("Locals' values opened, closed", &s.localsOpened, &s.localsClosed, live)
	check("T8: panics raised, heard of", &s.raised, &s.heard, 0)
	if x, y := s.armed.Load(), s.fired.Load()+s.stopped.Load(); x < y || !ended && x != y {
		wrong = append(wrong, fmt.Sprintf("timers armed, fired or stopped: %d, %d", x, y))
	}
	return strings.Join(wrong, "; ")
}
