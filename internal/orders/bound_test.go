//go:build ste_explore

package orders_test

import (
	"errors"

	"github.com/ste-go/ste"
)

// bind makes a Bound that notices a second close, and a use after it.
func (w *world) bind(th *ste.Thread) (b *ste.Bound[*int], closed *int) {
	closed = new(int)
	b, err := ste.Bind(th, func() (*int, error) { return closed, nil }, func(c *int) error {
		step("in close")
		*c++
		w.check(*c == 1, "B1: closed %d times", *c)
		return errClosing
	})
	w.check(err == nil, "Bind: %v", err)
	return b, closed
}

var errClosing = errors.New("the error of close")

func (w *world) use(b *ste.Bound[*int]) {
	ran := false
	err := b.Do(func(c *int) error {
		w.check(*c == 0, "B1: used after close")
		step("in use")
		w.check(*c == 0, "B1: closed in use")
		ran = true
		return nil
	})
	w.check(closedOrNil(err) && ran == (err == nil), "Do: %v, ran %v", err, ran)
}

func (w *world) closeBound(b *ste.Bound[*int], closed *int) {
	err := b.Close()
	w.check(err == errClosing, "Close of the Bound: %v", err)
	w.check(*closed == 1, "B1: closed %d times when Close returns", *closed)
}

// handler is for closes whose error nobody has asked for.
func (w *world) handler() ste.Option {
	return ste.WithErrorHandler(func(err error) { w.check(errors.Is(err, errClosing), "told %v", err) })
}

// init adds what is about values that live on a Thread.
func init() {
	// B1, B2: uses, two Closes and the collector.
	scenarios["Bound"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait), w.handler())
		b, closed := w.bind(th)
		end := func() {
			w.closeBound(b, closed)
			w.check(th.Close() == nil, "Close failed")
		}
		w.caller("user", func() { w.use(b) }, end)
		w.caller("closer", func() { w.closeBound(b, closed) }, end)
		w.caller("collector", func() { ste.Collected(b) }, end)
	}
	// B1: a use, Close, and the Close of the Thread.
	scenarios["Bound and Close"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait), w.handler())
		b, closed := w.bind(th)
		end := func() { w.closeBound(b, closed) }
		w.caller("user", func() { w.use(b) }, end)
		w.caller("closer", func() { w.closeBound(b, closed) }, end)
		w.caller("end", func() {
			err := th.Close()
			w.check(err == nil || errors.Is(err, errClosing), "Close: %v", err)
			w.check(*closed == 1, "T13: closed %d times when the Thread has ended", *closed)
		}, end)
	}
	// B2: closed on the Thread inside its own use, by others, and used.
	scenarios["Bound closed in use"] = func(w *world, wait ste.WaitStrategy) {
		th := make1(w, ste.WithWaitStrategy(wait), w.handler())
		b, closed := w.bind(th)
		end := func() {
			w.closeBound(b, closed)
			w.check(th.Close() == nil, "Close failed")
		}
		w.caller("closes in use", func() {
			err := b.Do(func(c *int) error {
				w.check(b.Close() == nil && *c == 0, "B2: closed in use")
				step("in use")
				w.check(*c == 0, "B2: closed in use")
				return nil
			})
			w.check(closedOrNil(err), "Do: %v", err)
		}, end)
		w.caller("user", func() { w.use(b) }, end)
		w.caller("closer", func() { w.closeBound(b, closed) }, end)
	}
	// T11: a task closes a Bound of a Thread that turns to the task's own.
	scenarios["ring with a Bound"] = func(w *world, wait ste.WaitStrategy) {
		a, b := make1(w, ste.WithWaitStrategy(wait), w.handler()), make1(w, ste.WithWaitStrategy(wait), w.handler())
		onB, closed := w.bind(b)
		refused := 0
		see := func(err error) {
			if errors.Is(err, ste.ErrDeadlock) {
				refused++
			}
		}
		end := func() {
			w.check(refused <= 1, "T11: %d calls of one ring refused", refused)
			w.closeBound(onB, closed)
			w.check(a.Close() == nil && b.Close() == nil, "Close failed")
		}
		w.caller("a closes", func() { a.Submit(func() { see(onB.Close()) }) }, end)
		w.caller("b to a", func() { b.Submit(func() { see(w.submit(a, "a's task")) }) }, end)
	}
}

func init() {
	// T11: who closes a Bound that its own Thread has just closed waits for nobody.
	scenarios["no ring with a Bound"] = func(w *world, wait ste.WaitStrategy) {
		a, o := make1(w, ste.WithWaitStrategy(wait), w.handler()), make1(w, ste.WithWaitStrategy(wait), w.handler())
		onO, closed := w.bind(o)
		end := func() { w.check(a.Close() == nil && o.Close() == nil, "Close failed") }
		w.caller("a closes", func() { a.Submit(func() { w.closeBound(onO, closed) }) }, end)
		w.caller("o closes", func() {
			o.Submit(func() {
				w.closeBound(onO, closed)
				w.check(w.submit(a, "a's task") == nil, "T11: refused, but a waits for nobody")
			})
		}, end)
	}
	// T11: nor does who uses one; the refused call, if any, is the other one.
	scenarios["no ring with a use"] = func(w *world, wait ste.WaitStrategy) {
		a, o := make1(w, ste.WithWaitStrategy(wait), w.handler()), make1(w, ste.WithWaitStrategy(wait), w.handler())
		onO, closed := w.bind(o)
		end := func() { w.check(a.Close() == nil && o.Close() == nil, "Close failed") }
		w.caller("a uses", func() { a.Submit(func() { w.use(onO) }) }, end)
		w.caller("o closes", func() {
			o.Submit(func() {
				w.closeBound(onO, closed)
				err := w.submit(a, "a's task")
				w.check(err == nil || errors.Is(err, ste.ErrDeadlock), "Submit: %v", err)
			})
		}, end)
	}
}
