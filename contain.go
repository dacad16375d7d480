package ste

import (
	"fmt"
	"iter"
	"runtime"

	"github.com/ste-go/ste/internal/here"
)

// contain calls f, user code on the Thread, and returns its error; a panic
// becomes a *PanicError, and a Goexit an error too. Nothing but the end of a
// goroutine ends with a Goexit, so f gets a coroutine of its own, as the loop has
// one.
//
// A coroutine must end with the lock count it began with. In the middle of a
// user's task that count is the user's: other coroutines may rely on it, and f
// must leave it as it is, or the runtime ends the process. settled says that f is
// not in the middle of one, so that the count may be set right before and after,
// which costs some 10 us.
func (c *core) contain(what string, settled bool, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil && v != (resume{}) {
			panic(v)
		}
	}()
	outer := c.id.onGoroutine() || !here.Known
	if outer {
		c.id.forget()
		defer c.id.adopt()
	}
	if settled {
		resetLocks()
	}
	next, _ := iter.Pull(func(func(struct{}) bool) {
		var pe *PanicError
		ended := false
		if outer {
			c.id.adopt()
		}
		defer func() {
			if outer {
				c.id.forget()
			}
			if settled {
				resetLocks()
			}
			if !ended {
				err = fmt.Errorf("ste: %s on %v called runtime.Goexit", what, tagOf(c.id))
			}
			if pe != nil {
				err = pe // in a deferred call, maybe, while Goexit unwound
			}
			if !ended {
				panic(resume{})
			}
		}()
		var returned bool
		if returned, err = c.attempt(f, &pe); !returned && pe == nil {
			pe = newPanicError(tagOf(c.id), new(runtime.PanicNilError)) // GODEBUG=panicnil=1
		}
		ended = true
	})
	next()
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
