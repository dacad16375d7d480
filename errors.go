package ste

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/ste-go/ste/internal/who"
)

// ErrClosed is returned for work given to a Thread that is closed or closing, for
// queued work that Shutdown dropped, and for uses of a closed Bound. The error of a
// Local that is closed, or whose value is, wraps it. On the Thread itself Submit,
// SubmitContext, Call, Bind, and Do and Use of a Bound that is open, still run their
// closure, until the last teardown has ended. errors.Is(ErrClosed, os.ErrClosed)
// holds.
var ErrClosed error = closedError{}

// ErrQueueFull is returned by Post and Async when WithQueueLimit's limit is
// reached. Nothing was queued.
var ErrQueueFull = errors.New("ste: queue full")

// ErrDeadlock is wrapped by the error of a call that would have closed a ring
// of Threads waiting for each other. The full error names every Thread of the
// ring.
var ErrDeadlock = errors.New("ste: deadlock")

type closedError struct{}

func (closedError) Error() string        { return "ste: closed" }
func (closedError) Is(target error) bool { return target == os.ErrClosed }

// A PanicError carries a panic of a task or hook to whoever waited for it: the
// waiting call panics with the *PanicError itself, and the error handler and
// the errors of New and Close hold it.
//
// errors.Is and errors.As look through it when the panic's value is an error.
// A *PanicError that crosses another Thread on its way stays the same value, so
// Tag and Stack name the place where the panic began.
type PanicError struct {
	Tag   Tag    // the Thread on which the panic happened
	Value any    // what the code panicked with
	Stack []byte // the Thread's stack at the panic, as debug.Stack prints it
}

// Error returns the panic's value and the stack of the Thread at the panic.
func (e *PanicError) Error() string {
	return fmt.Sprintf("ste: panic on %v: %v\n\n%s", e.Tag, e.Value, e.Stack)
}

// Unwrap returns Value when it is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// newPanicError wraps what recover returned. Called by the deferred function that
// recovered, it has the stack of the frames that panicked.
func newPanicError(tag Tag, v any) *PanicError {
	if pe, ok := v.(*PanicError); ok && pe != nil {
		return pe
	}
	return &PanicError{Tag: tag, Value: v, Stack: debug.Stack()}
}

// A WrongThreadError tells of a value or a piece of code that was used off the
// Thread it belongs to.
type WrongThreadError struct {
	Type    reflect.Type // type of the value; nil when the rule is about code (Tag.Check)
	Want    Tag          // the Thread it belongs to; the zero Tag for a Local, which belongs on any
	Got     Tag          // the Thread the code runs on; the zero Tag for no Thread
	Ended   bool         // whether Want's Thread has ended
	Created []byte       // the stack that made the value, with STE_DEBUG=stacks in the environment
}

func newWrongThreadError(want *who.ID, typ reflect.Type, created []byte) *WrongThreadError {
	return &WrongThreadError{
		Type:    typ,
		Want:    tagOf(want),
		Got:     Current(),
		Ended:   want.Ended(),
		Created: created,
	}
}

// Error names the type, the Thread it belongs to, where the code runs instead,
// and whether the owner has ended.
func (e *WrongThreadError) Error() string {
	// G3: type, owner, whether that has ended, and where the code is instead.
	var b strings.Builder
	b.WriteString("ste: wrong thread: ")
	what := "used"
	switch {
	case e.Want == (Tag{}):
		fmt.Fprintf(&b, "%v has a value for each Thread", e.Type)
	case e.Type != nil:
		fmt.Fprintf(&b, "%v belongs to %v", e.Type, e.Want)
	default:
		fmt.Fprintf(&b, "this code belongs on %v", e.Want)
		what = "run"
	}
	if e.Ended {
		b.WriteString(", which has ended")
	}
	switch {
	case e.Got != (Tag{}):
		fmt.Fprintf(&b, "; it was %s on %v", what, e.Got)
	case e.Ended:
		fmt.Fprintf(&b, "; it was %s on no Thread", what)
	default:
		fmt.Fprintf(&b, "; it was %s on no Thread (use Submit; goroutines that a task starts are on no Thread)", what)
	}
	if len(e.Created) > 0 {
		fmt.Fprintf(&b, "\n\nthe value was created at:\n%s", e.Created)
	}
	return b.String()
}

// enterWait records that code of from (nil for no Thread) is about to wait for to, until
// who.Leave. It returns an error, and records nothing, if that closes a ring of waits (T11).
func enterWait(from, to *who.ID, wait who.Wait) error {
	ring, _ := who.Enter(from, to, wait, nil)
	return ringError(ring)
}

// ringError names the Threads of the ring, each of which waits for the next one and the
// last for the first; nil if there is none.
func ringError(ring []*who.ID) error {
	switch len(ring) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("%w: a task of %v waits for its own Thread, which can do nothing else before the task ends", ErrDeadlock, ring[0])
	}
	var b strings.Builder
	b.WriteString(ring[0].String())
	for _, id := range ring[1:] {
		fmt.Fprintf(&b, " waits for %v, which", id)
	}
	return fmt.Errorf("%w: %s waits for %v; use Post in one direction", ErrDeadlock, b.String(), ring[0])
}

// unusable is the panic for a call of a nil or zero handle, which maker makes (T8).
func unusable(call string, isNil bool, noun, maker string) string {
	if isNil {
		return "ste: " + call + " of a nil " + noun + "; did " + maker + " return an error?"
	}
	return "ste: " + call + " of the zero " + noun + "; make " + noun + "s with " + maker
}

// need panics for a nil where a promise needs a value (T8).
func need(given bool, call, what string) {
	if !given {
		panic("ste: " + call + " with a nil " + what)
	}
}

// join is errors.Join that leaves a single error as it is.
func join(errs ...error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
