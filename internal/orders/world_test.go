//go:build ste_explore

package orders_test

import (
	"errors"
	"fmt"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/explore"
)

// A world is what the goroutines of a run share. Only one of them runs at a time,
// so nothing in it needs care.
type world struct {
	wrong []error
	live  int // callers that have not ended
}

func (w *world) check(ok bool, format string, args ...any) {
	if !ok {
		w.wrong = append(w.wrong, fmt.Errorf(format, args...))
	}
}

// caller starts a goroutine. after runs when the last of them has ended.
func (w *world) caller(name string, f func(), after func()) {
	w.live++
	explore.Go(name, func() {
		defer func() {
			if w.live--; w.live == 0 && after != nil {
				after()
			}
		}()
		f()
	})
}

func (w *world) end() error { return errors.Join(w.wrong...) }

// step lets the scheduler in before something that is no step of the library's.
func step(what string) { explore.Point(explore.Change, what, nil) }

func make1(w *world, opts ...ste.Option) *ste.Thread {
	th, err := ste.New(opts...)
	w.check(err == nil, "New: %v", err)
	return th
}

// noPanic is for posts that do not panic.
func (w *world) noPanic() ste.Option {
	return ste.WithErrorHandler(func(err error) { w.check(false, "%v", err) })
}

// closing closes th and checks T13: all that it had accepted has run.
func (w *world) closing(th *ste.Thread) func() {
	return func() {
		err := th.Close()
		w.check(err == nil, "Close: %v", err)
	}
}

// A call is one Submit or the like of which the end is watched.
type call struct {
	w        *world
	name     string
	ran      int
	running  bool
	returned bool
}

func (w *world) call(name string) *call { return &call{w: w, name: name} }

// f is the task's body.
func (c *call) f() {
	c.w.check(!c.returned, "T4: %s starts after the call has returned", c.name)
	c.running = true
	step("in the task")
	c.running = false
	c.ran++
}

// ended checks what a call that returned err must have done (T4, T6).
func (c *call) ended(err error) {
	c.returned = true
	c.w.check(!c.running, "T4: %s still runs when the call returns", c.name)
	if err == nil {
		c.w.check(c.ran == 1, "T6: %s returned nil and ran %d times", c.name, c.ran)
	} else {
		c.w.check(c.ran == 0, "T6: %s returned %v and ran %d times", c.name, err, c.ran)
	}
}

func (w *world) submit(th *ste.Thread, name string) error {
	c := w.call(name)
	err := th.Submit(c.f)
	c.ended(err)
	return err
}

func closedOrNil(err error) bool { return err == nil || errors.Is(err, ste.ErrClosed) }
