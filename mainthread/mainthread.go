// Package mainthread makes a Thread of the process's main OS thread, the one that
// called the program's entry point: for AppKit, for GLFW and SDL on macOS, and for
// whatever else refuses to work on another.
//
//	func main() {
//		mainthread.Run(program) // func program(t *ste.Thread), on another goroutine
//	}
//
// Importing this package locks the main goroutine to the main thread, and it stays
// locked until the program ends. Nothing that func main does by itself could come in
// time: only while package initialisers run does Go keep the main goroutine on that
// thread. Afterwards it moves like any goroutine: after ordinary waiting (a sleep, a
// channel, a collection) it was found elsewhere in 0.5 to 30 % of all starts, and after
// a dozen such waits in this package's own test, without the lock, in 251 of 300.
//
// The lock has a price, and every program that imports the package pays it, even if
// only one of its dependencies does: a locked goroutine runs on one thread only, so
// each time that the main goroutine waits for another goroutine, or that one for it,
// the system switches threads. A round trip over a channel takes the main goroutine
// 8 to 40 us instead of 0.7 (Go 1.26, a 2-core x86-64 virtual machine). Other
// goroutines are as quick as ever. So a library should leave the import to the
// program, and a program that needs some thread but not this one is served better by
// ste.New.
//
// On js/wasm and wasip1 there is only one thread, and Run works like anywhere else.
// On OpenBSD, Solaris, illumos, AIX and Plan 9 Run cannot check on which thread it is.
package mainthread

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"

	"github.com/ste-go/ste"
)

func init() {
	// M1: while initialisers run, the main goroutine is on the main thread; later it may not be.
	runtime.LockOSThread()
}

// Run makes the main OS thread a Thread that serves while f runs on a goroutine of
// its own. It is called by func main, or by what func main calls on its goroutine,
// and may be called again when it has returned.
//
// Run is ste.Attach with f beside it, so the options, the hooks and the Thread are as
// described there: all that is submitted runs on the main OS thread, which keeps its
// name. When f has returned, the Thread is closed as by Close: it accepts no more
// work, drops the timers that are not due, runs what was accepted, closes the Bounds
// and the values of Locals that are left, newest first, and runs its teardowns. Then
// Run returns. What f did happens before that.
//
// f may Close the Thread itself, off the Thread or in a task; Run still waits for f.
//
// A panic of f reaches Run's caller, after the closing, as a *ste.PanicError with the
// value that f panicked with, the stack of f's goroutine, and the zero Tag, since that
// goroutine is on no Thread. A *ste.PanicError stays the same value. A runtime.Goexit
// of f becomes one of Run's caller. Panics and Goexits of tasks are not f's: they
// end nothing but their task.
//
// Run has no error to return, so it panics with one: with the error of a bad option
// or of a failed init, when f does not run, and with the errors of the closing, when f
// has ended. It begins with "ste: mainthread.Run: " and wraps them. If f has panicked
// or called Goexit, that goes on, and the errors of the closing go to slog. A Goexit of
// an init ends Run's caller.
//
// Run panics, saying how to cure it, on a Thread, in a package initialiser, on any
// goroutine but func main's, in a library (-buildmode=c-archive or c-shared), where
// func main never runs, and if func main has unlocked itself and left the main OS
// thread.
func Run(f func(*ste.Thread), opts ...ste.Option) {
	if f == nil {
		panic("ste: mainthread.Run with a nil func")
	}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("ste: mainthread.Run with a nil Option (number %d)", i+1))
		}
	}
	mustBeMain()

	var g *guest
	ctx, ended := context.WithCancel(context.Background())
	defer ended()
	err := ste.Attach(func(t *ste.Thread) error {
		g = new(guest)
		go func() {
			defer ended()
			g.run(func() { f(t) })
		}()
		t.Run(ctx) // says when it ends and not why: either f has ended or the Thread is closed
		return nil
	}, opts...)
	if err != nil {
		err = fmt.Errorf("ste: mainthread.Run: %w", err)
	}
	if g == nil {
		panic(err)
	}
	// M2: f has ended too. Not in the body: an f that is in Close waits for the body's end.
	<-ctx.Done()
	if err != nil && (g.panicked != nil || g.exited) {
		slog.Error("ste: mainthread.Run: the closing failed, after f had panicked or exited", "err", err)
	}
	switch {
	case g.panicked != nil:
		panic(g.panicked)
	case g.exited:
		runtime.Goexit()
	case err != nil:
		panic(err)
	}
}

// A guest is how f ends. Written by f's goroutine, read when that has ended.
type guest struct {
	panicked *ste.PanicError // nil unless f has panicked
	exited   bool            // f has called runtime.Goexit
}

// run calls f and notes how it ends.
func (g *guest) run(f func()) {
	var silent *ste.PanicError
	g.exited = true
	g.protect(f, &silent)
	// Not after a Goexit, which protect cannot hold up.
	g.exited = false
	if g.panicked == nil {
		g.panicked = silent
	}
}

// protect calls f and recovers its panic. One that recover cannot tell from a
// Goexit, panic(nil) under GODEBUG=panicnil=1, is in silent.
func (g *guest) protect(f func(), silent **ste.PanicError) {
	returned := false
	defer func() {
		if returned {
			return
		}
		switch v := recover().(type) {
		case nil:
			*silent = &ste.PanicError{Value: new(runtime.PanicNilError), Stack: debug.Stack()}
		case *ste.PanicError:
			g.panicked = v
			if v == nil {
				g.panicked = &ste.PanicError{Value: v, Stack: debug.Stack()}
			}
		default:
			g.panicked = &ste.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	f()
	returned = true
}
