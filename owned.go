package ste

import (
	"container/list"
	"fmt"

	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/slots"
	"github.com/ste-go/ste/internal/who"
)

// An owned is what a Bound and a Thread's value of a Local have in common: it was opened
// on a Thread and is closed there exactly once, by whoever comes first: its user, the
// Thread as it ends, or a task that the runtime queues when nobody holds it any more.
type owned struct {
	of    closable // immutable
	owner *core    // immutable

	place *list.Element // in owns.open, while it is open; the Thread's

	// closers counts the calls of Close that wait for the end. Added to by Close before
	// the closing is queued, and subtracted from by a Local's that may not wait; read by
	// the Thread when close has failed.
	closers prim.Count
	// over is false to true by the Thread, after err and before done; read by Close and
	// the ring check.
	over prim.Flag
	err  error         // of close; written by the Thread before over, read after that
	done chan struct{} // closed by the Thread when the value has ended
}

// A closable is what an owned stands for. On the Thread.
type closable interface {
	name() string          // for messages
	closing() func() error // begins the closing; what it returns calls the user's close, nil if there is none
	leave(err error)       // is called after that, or if there was nothing to close
}

// owns is all that a Thread owns. The Thread's.
type owns struct {
	open list.List // of *owned, newest last
	slots.Table
}

// allOwned returns what the Thread owns.
func (c *core) allOwned() *owns {
	if c.owns == nil {
		c.owns = new(owns)
	}
	return c.owns
}

// own adds o to what the Thread closes at its end.
func (c *core) own(o *owned) { o.place = c.allOwned().open.PushBack(o) }

// disown takes o out.
func (o *owned) disown() {
	o.owner.owns.open.Remove(o.place)
	o.place = nil
}

// newest returns what must be closed next, or nil (T13).
func (c *core) newest() *owned {
	if c.owns == nil || c.owns.open.Len() == 0 {
		return nil
	}
	// L2: newest first, Bounds and values of Locals in one list.
	return c.owns.open.Back().Value.(*owned)
}

// finish closes the value unless that has begun already, and returns close's error (B1).
// heard says that the caller hands the error on; settled is as for contain. On the Thread.
func (o *owned) finish(heard, settled bool) error {
	// B1: whoever finds it open closes it, here on the Thread, and nobody else does.
	if o.place == nil {
		return o.err // nil inside of close
	}
	c := o.owner
	o.disown()
	if f := o.of.closing(); f != nil {
		o.err = c.contain("the close of "+o.of.name(), settled, f)
	}
	o.end()
	if o.err != nil && !heard && o.closers.Load() == 0 {
		c.tell(fmt.Errorf("ste: the close of %s on %v: %w", o.of.name(), tagOf(c.id), o.err))
	}
	return o.err
}

// release is finish when the Thread ends.
func (o *owned) release() error { return o.finish(true, true) }

// end says that the value has ended.
func (o *owned) end() {
	o.of.leave(o.err)
	o.over.Store(true)
	prim.Close(o.done)
}

// Over reports whether a wait for the end of the value is over.
func (o *owned) Over() bool { return o.over.Load() }

// await waits for the end of the value, which begin, unless nil, sets going.
func (o *owned) await(from *who.ID, begin func()) error {
	if err := enterWait(from, o.owner.id, o); err != nil {
		return err
	}
	defer who.Leave(from)
	if begin != nil {
		begin()
	}
	prim.Await(o.done)
	return nil
}
