package ste

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"weak"

	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/slots"
	"github.com/ste-go/ste/internal/who"
)

// A local is the Local without the handle that users hold, so that it can be noticed
// when nobody does.
type local[T any] struct {
	open  func() (T, error)
	close func(*T) error // may be nil
	slot  int

	// cleanup is that of the handle; Close stops it. It does not keep the local, or an
	// open that refers to its own Local would keep that for ever.
	cleanup runtime.Cleanup

	mu prim.Mutex
	// Guarded by mu.
	closed bool           // no value is made any more; slot is somebody else's
	newest *localValue[T] // of those that are opened, alive or being closed
	errs   []error        // of values that ended since it was closed
}

// A localValue is one Thread's.
type localValue[T any] struct {
	// The Thread's.
	v     T
	state valueState
	hold  estate

	local *local[T] // immutable
	owner *core     // immutable

	older, newer *localValue[T] // guarded by local.mu

	// closers counts the calls of Close that wait for the end. Added to by Close before
	// it waits, and subtracted from by one that may not; read by the Thread when close
	// has failed.
	closers prim.Count
	over    prim.Flag     // false to true by the Thread, before done; read by the ring check
	done    chan struct{} // closed by the Thread when the value has ended
}

type valueState uint8

const (
	opening valueState = iota
	alive
	gone // or about to be
)

// here returns this Thread's value, or nil.
func (c *local[T]) here(id *who.ID) *localValue[T] {
	if o := id.Home.(*core).owned; o != nil {
		if lv, ok := o.At(c.slot).(*localValue[T]); ok && lv.local == c {
			return lv
		}
	}
	return nil
}

func (c *local[T]) refusal(id *who.ID) error {
	return fmt.Errorf("ste: Local[%v]: closed, or its value on %v is: %w", reflect.TypeFor[T](), tagOf(id), ErrClosed)
}

// make opens this Thread's value.
func (c *local[T]) make(owner *core) (*T, error) {
	lv := &localValue[T]{local: c, owner: owner, done: make(chan struct{})}
	if !c.enlist(lv) {
		return nil, c.refusal(owner.id)
	}
	owner.owns().Set(c.slot, lv)
	defer func() {
		if lv.state == opening {
			lv.leave(nil)
			lv.vacate()
		}
	}()
	v, err := c.open()
	if err != nil {
		return nil, err
	}
	lv.v, lv.state = v, alive
	owner.own(&lv.hold, func() error { return lv.end(true, true) })
	if c.isClosed() { // meanwhile; that Close waits for this
		return nil, errors.Join(c.refusal(owner.id), lv.end(true, false))
	}
	return &lv.v, nil
}

func (c *local[T]) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// enlist adds lv unless the Local is closed.
func (c *local[T]) enlist(lv *localValue[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if lv.older = c.newest; lv.older != nil {
		lv.older.newer = lv
	}
	c.newest = lv
	return true
}

// unlist takes lv out, which has ended with err, and reports whether the Local is
// closed.
func (c *local[T]) unlist(lv *localValue[T], err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case lv.newer != nil:
		lv.newer.older = lv.older
	case c.newest == lv:
		c.newest = lv.older
	}
	if lv.older != nil {
		lv.older.newer = lv.newer
	}
	lv.older, lv.newer = nil, nil
	if c.closed {
		if err != nil {
			c.errs = append(c.errs, err)
		}
		if c.newest == nil {
			slots.Give(c.slot)
		}
	}
	return c.closed
}

// all returns the values, but for those that were made in other synctest bubbles and
// must not be touched from here (T16), by the Threads' numbers.
func (c *local[T]) all(inside uint32) (all []*localValue[T]) {
	for lv := c.newest; lv != nil; lv = lv.older {
		if b := lv.owner.inbox.Bubble(); b == 0 || b == inside {
			all = append(all, lv)
		}
	}
	slices.SortFunc(all, func(a, b *localValue[T]) int { return cmp.Compare(a.owner.id.Number(), b.owner.id.Number()) })
	return all
}

// leave tells the Local and those who wait that the value has ended, with err. It
// reports whether the Local is closed.
func (lv *localValue[T]) leave(err error) (closed bool) {
	lv.state = gone
	closed = lv.local.unlist(lv, err)
	lv.over.Store(true)
	prim.Close(lv.done)
	return closed
}

// vacate empties the slot. On the Thread.
func (lv *localValue[T]) vacate() {
	if o := lv.owner.owned; o != nil && o.At(lv.local.slot) == any(lv) {
		o.Set(lv.local.slot, nil)
	}
}

// end closes the value unless that has begun already, and returns close's error.
// taken says that the caller hands that on; settled is as for contain. On the Thread.
func (lv *localValue[T]) end(taken, settled bool) (err error) {
	if !lv.hold.held() {
		return nil
	}
	c := lv.owner
	lv.state = gone
	lv.hold.disown()
	if f := lv.local.close; f != nil {
		err = c.contain("the close of a Local's value", settled, func() error { return f(&lv.v) })
	}
	var zero T
	lv.v = zero // T7
	if lv.leave(err) {
		lv.vacate() // else it stays, to say that the value is gone
	}
	if err != nil && !taken && lv.closers.Load() == 0 {
		c.tell(fmt.Errorf("ste: the close of a Local's value on %v: %w", tagOf(c.id), err))
	}
	return err
}

// endUnheard is end as a task of its own.
func (lv *localValue[T]) endUnheard() { lv.end(false, true) }

// Over reports whether a wait for the end of the value is over.
func (lv *localValue[T]) Over() bool { return lv.over.Load() }

// await waits for the end of the value.
func (lv *localValue[T]) await(from *who.ID) error {
	if err := enterWait(from, lv.owner.id, lv); err != nil {
		lv.closers.Add(-1)
		return err
	}
	defer who.Leave(from)
	prim.Await(lv.done)
	return nil
}

// shut lets no value be made any more, and returns those there are.
func (c *local[T]) shut(inside uint32) []*localValue[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		if c.newest == nil {
			slots.Give(c.slot)
		}
	}
	return c.all(inside)
}

// forgotten is what the cleanup of a Local that nobody holds any more has.
type forgotten[T any] struct {
	c    weak.Pointer[local[T]]
	slot int
}

// collected is that cleanup. It runs on a goroutine of the runtime, outside of all
// bubbles, and must not wait.
func (f forgotten[T]) collected() {
	c := f.c.Value()
	if c == nil { // no Thread has a value
		slots.Give(f.slot)
		return
	}
	for _, lv := range c.shut(0) {
		_ = lv.owner.postOwn(lv.endUnheard)
	}
}
