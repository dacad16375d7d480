package main

import (
	"context"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/ste-go/ste"
)

// A client is a goroutine that gives work to Threads.
type client struct {
	*soak
	own  handle
	r    *rand.Rand
	mine map[*subject]*stream
}

func (c *client) job(h handle, ordered bool) *job {
	var of *stream
	if ordered {
		if of = c.mine[h.subject]; of == nil {
			of = new(stream)
			c.mine[h.subject] = of
		}
	}
	return newJob(h, c.r, of)
}

func (c *client) work() {
	for range 5 + c.r.IntN(40) {
		if c.hasFailed() || c.own.closing.Load() && c.r.IntN(4) == 0 {
			break
		}
		h := c.own
		if c.r.IntN(4) == 0 {
			h = c.residents[c.r.IntN(len(c.residents))]
		}
		c.step(h)
	}
	if h := c.own; !h.closable && h.rank == 0 {
		c.own = handle{}
		c.lastCall(h.subject, h.th)
	}
	c.own = handle{} // who is forgotten is not held here
}

// lastCall is maybe all that holds the Thread: what runs in it does not.
func (c *client) lastCall(sub *subject, th *ste.Thread) {
	c.add(submits)
	in := func() {
		nested := sub.enter("a last call")
		defer sub.leave(nested)
		runtime.GC()
		runtime.GC() // the second finds what the first has left on the stacks
		if sub.tag.Thread() == nil {
			sub.failed("T14: it is forgotten during a call")
		}
	}
	var err error
	switch c.r.IntN(3) {
	case 0:
		err = th.Submit(in)
	case 1:
		err = th.SubmitContext(context.Background(), in)
	case 2:
		_, err = ste.Call(th, func() (int, error) { in(); return 0, nil })
	}
	sub.allows("the last call", err, nil)
}

func (c *client) step(h handle) {
	r := c.r
	switch r.IntN(24) {
	case 0, 1, 2, 3:
		c.submit(h)
	case 4, 5:
		c.submitContext(h)
	case 6, 7:
		c.call(h)
	case 8, 9, 10:
		c.job(h, true).post()
	case 11:
		for range r.IntN(200) {
			j := c.job(h, true)
			j.depth = 4 // it does nothing
			j.post()
		}
	case 12, 13, 14:
		c.async(h)
	case 15, 16:
		useBound(h, r)
	case 17:
		c.job(h, false).after()
	case 18:
		every(h, r)
	case 19:
		c.tryExhibits(nil, r)
	case 20:
		if h.closable {
			c.visit(c.locals[r.IntN(len(c.locals))], r)
		} else {
			useLocal(h, r)
		}
	case 21:
		h.idle()
		time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
	case 22:
		h.tag.Thread() // may be nil: it is not held by its Tag
	case 23:
		if h.closable {
			useLocal(h, r)
		}
	}
}

// idle checks what is known from outside.
func (h handle) idle() {
	if h.th.OnThread() || h.tag.OnThread() || ste.Current() != (ste.Tag{}) {
		h.failed("G1: a client is on the Thread")
	}
	if t := h.tag.Thread(); t != nil && t != h.th {
		h.failed("a Tag's Thread is another one")
	}
	if !h.closing.Load() && h.th.Closed() && !h.closing.Load() {
		h.failed("T14: closed, and nobody did it")
	}
}

func (c *client) submit(h handle) {
	exits := c.r.IntN(4) == 0
	j := c.job(h, !exits)
	j.mayExit = exits
	c.add(submits)
	begun := time.Now()
	o := outcomeOf(exits, func() error { return h.th.Submit(j.run) }, func() { j.returned.Store(true) })
	c.took(time.Since(begun))
	j.check("Submit", o, nil)
}

func (c *client) submitContext(h handle) {
	exits := c.r.IntN(4) == 0
	j := c.job(h, !exits)
	j.mayExit = exits
	c.add(submitContexts)
	ended := newGiveUp(c.r)
	defer ended.cancel()
	o := outcomeOf(exits, func() error { return h.th.SubmitContext(ended.ctx, j.run) }, func() { j.returned.Store(true) })
	j.check("SubmitContext", o, ended)
}

func (c *client) call(h handle) {
	exits := c.r.IntN(4) == 0
	j := c.job(h, !exits)
	j.mayExit = exits
	c.add(calls)
	var v int
	o := outcomeOf(exits, func() (err error) {
		v, err = ste.Call(h.th, func() (int, error) { j.run(); return int(j.number) + 1, nil })
		return err
	}, func() { j.returned.Store(true) })
	if o == (outcome{}) && v != int(j.number)+1 {
		h.failed("Call returned %d, not %d", v, j.number+1)
	}
	j.check("Call", o, nil)
}

func (c *client) async(h handle) {
	j := c.job(h, true)
	j.mayExit = c.r.IntN(4) == 0
	f := j.async()
	if f == nil {
		return
	}
	ctx := context.Background()
	switch c.r.IntN(4) {
	case 0:
		return // a panic of it is for the handler, some day
	case 1:
		ended := newGiveUp(c.r)
		defer ended.cancel()
		ctx = ended.ctx
	case 2:
		c.job(h, true).post()
	}
	c.add(waits)
	var v int
	o := outcomeOf(j.mayExit, func() (err error) { v, err = f.Wait(ctx); return err }, func() {})
	switch {
	case o.err != nil && ctx.Err() != nil && o.err == errGivenUp:
		c.add(gaveUp) // and the task runs on, or will
	case o.err != nil && j.times.Load() != 0:
		h.failed("T6: Wait returned %v, and its task has run", o.err)
	case o == (outcome{}) && (v != 42 || j.times.Load() != 1):
		h.failed("T6: Wait returned %d; its task ran %d times", v, j.times.Load())
	case o.panicked != nil && !hears(o.panicked):
		h.failed("T8: Wait panics with %v", o.panicked)
	default:
		h.allows("Wait", o.err, nil)
	}
}
