package ste

import (
	"fmt"
	"log/slog"
)

// handle gives the panic of a posted task to the error handler, on the Thread.
func (w *worker) handle(pe *PanicError) {
	if w.extras.handler == nil {
		crash(pe)
	}
	w.run(job{kind: aHandler, f: func() error { w.extras.handler(pe); return nil }})
}

// report gives an error to the error handler when the Thread has ended, or to
// slog without one.
func (c *core) report(err error) {
	if err == nil {
		return
	}
	if c.extras.handler == nil {
		slog.Error("ste: error of a Thread that nobody waits for", "thread", tagOf(c.id).String(), "err", err)
		return
	}
	go c.extras.handler(err)
}

// tell gives an error that nobody can receive to the error handler, on the
// Thread, or to slog without one.
func (c *core) tell(err error) {
	herr := c.contain("the error handler", false, func() error {
		if c.extras.handler != nil {
			c.extras.handler(err)
		} else {
			c.report(err)
		}
		return nil
	})
	if pe, ok := herr.(*PanicError); ok {
		crash(handlerPanicked(c, pe))
	}
}

func handlerPanicked(c *core, pe *PanicError) error {
	return fmt.Errorf("ste: the error handler of %v panicked: %w", tagOf(c.id), pe)
}

// crash ends the process with err as a panic that nothing can recover, not even
// the loop's own coroutine, and does not return. The stack that matters is in
// err.
func crash(err error) {
	go panic(err)
	select {}
}
