//go:build ste_explore

package orders_test

import (
	"context"
	"errors"

	"github.com/ste-go/ste"
)

// init adds what is about values of each Thread.
func init() {
	// T13, T11: a value is opened while the Local is closed, visited, and its Thread ends.
	scenarios["Local"] = func(w *world, wait ste.WaitStrategy) {
		opened, closed := 0, 0
		l := ste.NewLocal(func() (*int, error) {
			step("in open")
			opened++
			return new(int), nil
		}, func(n **int) error {
			step("in close")
			**n++
			w.check(**n == 1, "closed %d times", **n)
			closed++
			return errClosing
		})
		th := make1(w, ste.WithWaitStrategy(wait), w.handler())
		end := func() {
			err := th.Close()
			w.check(err == nil || errors.Is(err, errClosing), "Close: %v", err)
			err = l.Close()
			w.check(err == nil || errors.Is(err, errClosing), "Close of the Local: %v", err)
			w.check(opened == closed, "%d opened, %d closed", opened, closed)
		}
		w.caller("gets", func() {
			err := th.Submit(func() {
				if n, err := l.TryGet(); err == nil {
					w.check(**n == 0, "got after close")
				} else {
					w.check(errors.Is(err, ste.ErrClosed), "TryGet: %v", err)
				}
			})
			w.check(closedOrNil(err), "Submit: %v", err)
		}, end)
		w.caller("closes", func() {
			before := opened
			err := l.Close()
			w.check(err == nil || errors.Is(err, errClosing), "Close of the Local: %v", err)
			w.check(closed >= before || opened > before, "Close has not waited")
		}, end)
		w.caller("visits", func() {
			err := l.Each(context.Background(), func(_ ste.Tag, n **int) error {
				w.check(**n == 0, "visited after close")
				return nil
			})
			w.check(err == nil, "Each: %v", err)
		}, end)
	}
	// The same with the end of the Thread instead of Each.
	scenarios["Local and Close"] = func(w *world, wait ste.WaitStrategy) {
		closed := 0
		l := ste.NewLocal(func() (int, error) { return 7, nil }, func(*int) error {
			step("in close")
			closed++
			return errClosing
		})
		th := make1(w, ste.WithWaitStrategy(wait), w.handler())
		w.check(th.Submit(func() { l.Get() }) == nil, "not accepted")
		w.caller("closes", func() {
			err := l.Close()
			w.check(err == errClosing || err == nil, "Close of the Local: %v", err)
			w.check(closed == 1, "closed %d times when Close returns", closed)
		}, nil)
		w.caller("ends", func() {
			err := th.Close()
			w.check(err == nil || errors.Is(err, errClosing), "Close: %v", err)
			w.check(closed == 1, "closed %d times when the Thread has ended", closed)
		}, nil)
	}
}
