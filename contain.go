package ste

import (
	"fmt"
	"iter"

	"github.com/ste-go/ste/internal/here"
)

// contain calls f, user code on the Thread, and returns its error; a panic
// becomes a *PanicError, and a Goexit an error too. Nothing but the end of a
// goroutine ends with a Goexit, so f gets a coroutine of its own, as the loop has
// one; that costs some 10 us.
func (c *core) contain(what string, f func() error) (err error) {
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
	resetLocks()
	next, _ := iter.Pull(func(func(struct{}) bool) {
		var pe *PanicError
		returned := false
		if outer {
			c.id.adopt()
		}
		defer func() {
			if outer {
				c.id.forget()
			}
			resetLocks()
			if !returned {
				err = fmt.Errorf("ste: %s on %v called runtime.Goexit", what, tagOf(c.id))
			}
			if pe != nil {
				err = pe // in a deferred call, maybe, while Goexit unwound
			}
			if !returned {
				panic(resume{})
			}
		}()
		err = c.attempt(f, &pe)
		returned = true
	})
	next()
	return err
}

// attempt calls f. A panic of it is stored in pe.
func (c *core) attempt(f func() error, pe **PanicError) error {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			*pe = newPanicError(tagOf(c.id), v)
		}
	}()
	err := f()
	returned = true
	return err
}
