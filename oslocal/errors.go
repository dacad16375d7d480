package oslocal

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
)

// ErrNotSupported is New's error in builds without cgo and on systems that are
// neither Unix nor Windows. errors.Is(ErrNotSupported, errors.ErrUnsupported) holds.
var ErrNotSupported error = &plainError{
	"oslocal: not supported: the end of an OS thread is noticed by C code, and this program is built without cgo, or for a system that has no threads of C",
	errors.ErrUnsupported,
}

// ErrNoKeys is wrapped by New's error when the process has no pthread key (or FLS
// index) left. All objects together take one key; an object with WithKey takes
// one more. Linux has 1,024 of them, other systems 128 and up.
var ErrNoKeys = errors.New("oslocal: the process has no thread-local keys left")

// ErrEnded is TryGet's error on a thread that is ending, once its values have been
// given up, and in a close function: while the values of an ended thread are
// closed, those among them that are not yet closed are found there, and nothing is
// opened.
var ErrEnded = errors.New("oslocal: the thread has ended, or its values are being closed: no value is opened any more")

// ErrClosed is TryGet's error for an object that has been closed.
// errors.Is(ErrClosed, os.ErrClosed) holds.
var ErrClosed error = &plainError{"oslocal: closed", os.ErrClosed}

// ErrNotLocked is TryGet's error, with STE_DEBUG=oslocal in the environment, on a
// goroutine that may change its thread at any moment.
var ErrNotLocked = errors.New("oslocal: the goroutine is not locked to its OS thread (runtime.LockOSThread), so no value is its thread's")

type plainError struct {
	text string
	is   error
}

func (e *plainError) Error() string        { return e.text }
func (e *plainError) Is(target error) bool { return target == e.is }

// A panicError carries a panic of a close function.
type panicError struct {
	value any
	stack []byte
}

func newPanicError(v any) *panicError { return &panicError{v, debug.Stack()} }

func (e *panicError) Error() string {
	return fmt.Sprintf("oslocal: close panicked: %v\n\n%s", e.value, e.stack)
}

func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}
