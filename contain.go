package ste

import (
	"fmt"
	"iter"
	"runtime"

	"github.com/ste-go/ste/internal/here"
	"github.com/ste-go/ste/internal/pin"
)

// resume is what a coroutine panics with while runtime.Goexit unwinds it, so
// that iter.Pull hands a panic and not the Goexit to the goroutine below.
type resume struct{}

// coroutine runs f, on the Thread, in an iter.Pull coroutine of its own. It reports
// whether f returned: if not, a Goexit has ended it. Meanwhile the Thread's
// goroutine is the coroutine, unless it is called from an iter.Pull body of the
// user's, whose place on the Thread is known by the OS thread's number.
//
// The runtime ends the process unless f ends with the lock count with which it began.
func (c *core) coroutine(f func()) (returned bool) {
	defer func() {
		if v := recover(); v != nil && v != (resume{}) {
			panic(v)
		}
	}()
	tid := c.id.OSThread()
	first := tid == 0
	mine := first || c.id.OnGoroutine() || !here.Known
	if !first {
		c.worker.checkIs(tid) // who takes the identity takes the OS thread on which it is
		defer c.worker.checkIs(tid)
	}
	if mine && !first {
		c.id.Forget()
		defer c.id.Adopt()
	}
	// What this closure holds is held for the life of a Thread.
	next, _ := iter.Pull(func(func(struct{}) bool) {
		if mine {
			c.id.Adopt()
		}
		returned := false
		defer func() {
			if mine {
				c.id.Forget()
			}
			if v := recover(); v != nil {
				panic(v) // a mistake of this package's: user code is called with care
			}
			if !returned {
				panic(resume{})
			}
		}()
		f()
		returned = true
	})
	next()
	return true
}

// contain calls f, a hook or handler in the middle of something else, and returns
// its error; a panic becomes a *PanicError, and a Goexit an error too. A Goexit cannot
// be stopped, it ends its goroutine; so f gets a coroutine of its own to end.
//
// In the middle of a user's task the lock count is the user's: other coroutines
// may rely on it, and f must leave it as it is, or the runtime ends the process.
// settled says that f is not in the middle of one, so that the count may be set
// right before and after, which costs some 10 us.
func (c *core) contain(what string, settled bool, f func() error) (err error) {
	outer := c.worker.shut
	c.worker.shut = true
	defer func() { c.worker.shut = outer }()
	settled = settled && !c.worker.guest
	if settled {
		pin.Reset()
	}
	var pe *PanicError
	ended := c.coroutine(func() {
		if settled {
			defer pin.Reset()
		}
		var returned bool
		if returned, err = c.attempt(f, &pe); !returned && pe == nil {
			pe = newPanicError(tagOf(c.id), new(runtime.PanicNilError)) // GODEBUG=panicnil=1
		}
	})
	switch {
	case pe != nil:
		return pe // in a deferred call, maybe, while Goexit unwound
	case !ended:
		return fmt.Errorf("ste: %s on %v called runtime.Goexit", what, tagOf(c.id))
	}
	return err
}

// attempt calls f and reports whether it returned. A panic of it is stored in pe.
func (c *core) attempt(f func() error, pe **PanicError) (returned bool, err error) {
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			*pe = newPanicError(tagOf(c.id), v)
		}
	}()
	err = f()
	return true, err
}
