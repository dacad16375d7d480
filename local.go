package ste

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"weak"

	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/prim"
	"github.com/ste-go/ste/internal/slots"
	"github.com/ste-go/ste/internal/who"
)

// A Local is a value for each Thread: a scratch buffer, a connection, a handle of a C
// library that wants one for each thread. A Thread's value is opened there when the
// Thread first asks for it, and closed there when the Thread ends, when the Local is
// closed, or when nobody holds the Local any more.
//
// Make one with NewLocal; the methods of the zero Local panic. There may be any
// number. All methods may be called from anywhere; Get, TryGet and Take are about the
// Thread they run on. A Local must not be copied. It does not keep Threads alive. If
// open or close refers to the Local itself, it never becomes garbage while a Thread has
// a value, and must be closed.
//
// A value is only touched by its own Thread, so it needs no further synchronization;
// what Get returns must not leave the Thread. Get takes no lock and some 10 ns, and
// allocates on first use only. A Thread that has ended keeps nothing.
type Local[T any] struct {
	_    noCopy
	core opaque.Ref[local[T]]
}

// NewLocal makes a Local whose values open makes and close closes, both on the Thread
// that asks; close may be nil. They may use other Locals. An open that asks for its own
// value gets an error; so does a task that runs in a RunPending of open. If open fails
// there is no value, and the next Get tries again. close may still use values that are
// older than its own. It must leave runtime.LockOSThread as it found it.
func NewLocal[T any](open func() (T, error), close func(*T) error) *Local[T] {
	need(open != nil, "NewLocal", "open func")
	slot := slots.Take()
	c := &local[T]{open: open, close: close, slot: slot}
	l := &Local[T]{core: opaque.To(c)}
	if !prim.Exploring {
		c.cleanup = runtime.AddCleanup(l, func(c weak.Pointer[local[T]]) { c.Value().collected(slot) }, weak.Make(c))
	}
	return l
}

// must returns the core, or panics for a nil or zero Local (T8).
func (l *Local[T]) must(call string) *local[T] {
	if l == nil {
		panic("ste: " + call + " of a nil Local")
	} else if l.core.Get() == nil {
		panic(unusable(call, false, "Local", "NewLocal"))
	}
	return l.core.Get()
}

// Get returns this Thread's value, which it opens if there is none. It panics where
// TryGet returns an error. A panic or Goexit of open goes on. The pointer is good until
// the value is taken or closed, so hold the Local for as long.
func (l *Local[T]) Get() *T {
	if l != nil && l.core.Get() != nil {
		if id := who.Current(); id != nil {
			if lv := l.core.Get().valueOn(id); lv != nil && lv.state == alive {
				return &lv.v
			}
		}
	}
	v, err := l.tryGet("Get")
	if err != nil {
		panic(err)
	}
	return v
}

// TryGet is Get with an error instead of a panic: a *WrongThreadError off every
// Thread; open's error; one that wraps ErrClosed once the Local is closed, and, at the
// end of the Thread, during the value's close and after it. After Local.Close has
// begun, a Thread whose value is not closed yet can still get it.
func (l *Local[T]) TryGet() (*T, error) { return l.tryGet("TryGet") }

func (l *Local[T]) tryGet(call string) (*T, error) {
	c := l.must(call)
	id := who.Current()
	if id == nil {
		return nil, &WrongThreadError{Type: reflect.TypeFor[Local[T]]()}
	}
	lv := c.valueOn(id)
	if lv == nil {
		v, err := c.make(id.Home.(*core))
		runtime.KeepAlive(l)
		return v, err
	}
	switch lv.state {
	case opening:
		return nil, fmt.Errorf("ste: Local[%v]: open asks for its own value on %v, which it is about to make", reflect.TypeFor[T](), tagOf(id))
	case gone:
		return nil, c.refusal(id)
	}
	return &lv.v, nil
}

// Take removes this Thread's value without closing it and returns it; false if there is
// none. The next Get opens another; what an earlier Get returned points to the zero value
// now. Take panics off every Thread.
func (l *Local[T]) Take() (T, bool) {
	c := l.must("Take")
	id := who.Current()
	if id == nil {
		panic(&WrongThreadError{Type: reflect.TypeFor[Local[T]]()})
	}
	lv := c.valueOn(id)
	if lv == nil || lv.state != alive {
		var zero T
		return zero, false
	}
	v := lv.v
	lv.disown()
	lv.end()
	lv.vacate()
	return v, true
}

// Each calls f with every live value, one after the other, each on its own Thread,
// by the Threads' numbers. It stops at the first error of f and returns that, and at
// the end of ctx, whose cause it returns. A Thread that is closing is left out, and so
// is one that ends or begins meanwhile. Waiting, rings, panics and Goexit are as for
// SubmitContext. From outside a testing/synctest bubble, Each does not see the Threads
// inside.
func (l *Local[T]) Each(ctx context.Context, f func(Tag, *T) error) error {
	c := l.must("Each")
	need(ctx != nil, "Each", "context")
	need(f != nil, "Each", "func")
	inside := bubble.Number()
	c.mu.Lock()
	all := c.all(inside)
	c.mu.Unlock()
	from := who.Current()
	for _, lv := range all {
		if ctx.Err() != nil {
			return cause(ctx)
		}
		var err error
		visit := func() {
			// L5: on its Thread, where nothing can end it meanwhile; it may have ended before.
			if lv.state == alive {
				err = f(tagOf(lv.owner.id), &lv.v)
			}
		}
		if lv.owner.id == from {
			visit()
		} else if refused := lv.owner.submit(from, ctx, visit); refused != nil {
			if ctx.Err() != nil {
				return cause(ctx)
			}
			if refused != ErrClosed {
				return refused
			}
		}
		if err != nil {
			return err
		}
	}
	runtime.KeepAlive(l)
	return nil
}

// Close closes every Thread's value, each on its Thread, and waits for that. No value
// is made from then on. It returns the errors of close, joined, a panic as a
// *PanicError; every Close returns the same. Where a wait would close a ring of
// Threads, that Thread's value is closed without a wait, and an error that wraps
// ErrDeadlock is part of the result. Called by open or close of the same Local, Close
// does not wait for that value. From outside a testing/synctest bubble, Close
// leaves the values inside to their Threads.
func (l *Local[T]) Close() error {
	c := l.must("Close")
	from := who.Current()
	if !prim.Exploring {
		c.cleanup.Stop()
	}
	all := c.closeAll(bubble.Number())
	for _, lv := range all {
		if lv.owner.id != from {
			lv.closers.Add(1)
			_ = lv.owner.postOwn(lv.finishUnheard) // a Thread that is closing refuses, and releases it itself
		}
	}
	var rings []error
	for _, lv := range all {
		if lv.owner.id == from {
			_ = lv.finish(true, false)
		} else if err := lv.await(from, nil); err != nil {
			lv.closers.Add(-1)
			rings = append(rings, err)
		}
	}
	runtime.KeepAlive(l)
	c.mu.Lock()
	defer c.mu.Unlock()
	return join(append(rings, c.errs...)...)
}

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
	closed bool      // no value is made any more; slot is somebody else's
	values list.List // of *localValue[T]: those that are opened, alive or being closed
	errs   []error   // of values that ended since it was closed
}

// A localValue is one Thread's.
type localValue[T any] struct {
	owned
	local *local[T] // immutable

	// The Thread's.
	v     T
	state valueState

	entry *list.Element // in local.values; guarded by local.mu
}

type valueState uint8

const (
	opening valueState = iota
	alive
	gone // or about to be
)

// valueOn returns this Thread's value, or nil.
func (c *local[T]) valueOn(id *who.ID) *localValue[T] {
	if o := id.Home.(*core).owns; o != nil {
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
	lv := &localValue[T]{owned: owned{owner: owner, done: make(chan struct{})}, local: c}
	lv.of = lv
	if !c.enlist(lv) {
		return nil, c.refusal(owner.id)
	}
	owner.allOwned().Set(c.slot, lv)
	defer func() {
		// L3: open has failed, panicked or exited: there is no value.
		if lv.state == opening {
			lv.end()
			lv.vacate()
		}
	}()
	v, err := c.open()
	if err != nil {
		return nil, err
	}
	lv.v, lv.state = v, alive
	// L1: from now on its Thread owns it, and closes it.
	owner.own(&lv.owned)
	c.mu.Lock()
	closed := c.closed
	c.mu.Unlock()
	// L6: closed meanwhile; that Close waits for this value too.
	if closed {
		return nil, errors.Join(c.refusal(owner.id), lv.finish(true, false))
	}
	return &lv.v, nil
}

// enlist adds lv unless the Local is closed.
func (c *local[T]) enlist(lv *localValue[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	lv.entry = c.values.PushBack(lv)
	return true
}

// unlist takes lv out, which has ended with err, and reports whether the Local is
// closed.
func (c *local[T]) unlist(lv *localValue[T], err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values.Remove(lv.entry)
	if c.closed {
		if err != nil {
			c.errs = append(c.errs, err)
		}
		if c.values.Len() == 0 {
			slots.Give(c.slot)
		}
	}
	return c.closed
}

// all returns the values, but for those that were made in other synctest bubbles and
// must not be touched from here (T16), by the Threads' numbers.
func (c *local[T]) all(inside uint32) (all []*localValue[T]) {
	for e := c.values.Front(); e != nil; e = e.Next() {
		lv := e.Value.(*localValue[T])
		if b := lv.owner.inbox.Bubble; b == 0 || b == inside {
			all = append(all, lv)
		}
	}
	slices.SortFunc(all, func(a, b *localValue[T]) int { return cmp.Compare(a.owner.id.Number(), b.owner.id.Number()) })
	return all
}

func (lv *localValue[T]) name() string { return "a Local's value" }

func (lv *localValue[T]) closing() func() error {
	lv.state = gone
	f := lv.local.close
	if f == nil {
		return nil
	}
	return func() error { return f(&lv.v) }
}

// leave tells the Local that the value has ended, with err.
func (lv *localValue[T]) leave(err error) {
	var zero T
	lv.v = zero // T7
	lv.state = gone
	if lv.local.unlist(lv, err) {
		lv.vacate()
	}
	// L4: else it stays in its slot, so that a Get finds it gone and opens no other.
}

// vacate empties the slot. On the Thread.
func (lv *localValue[T]) vacate() {
	if o := lv.owner.owns; o != nil && o.At(lv.local.slot) == any(lv) {
		o.Set(lv.local.slot, nil)
	}
}

// finishUnheard is finish as a task of its own.
func (lv *localValue[T]) finishUnheard() { _ = lv.finish(false, true) }

// closeAll lets no value be made any more, and returns those there are.
func (c *local[T]) closeAll(inside uint32) []*localValue[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		if c.values.Len() == 0 {
			slots.Give(c.slot)
		}
	}
	return c.all(inside)
}

// collected is the cleanup of a Local that nobody holds any more. It runs on a goroutine
// of the runtime, outside of all bubbles, and must not wait.
func (c *local[T]) collected(slot int) {
	if c == nil { // no Thread has a value
		slots.Give(slot)
		return
	}
	for _, lv := range c.closeAll(0) {
		_ = lv.owner.postOwn(lv.finishUnheard)
	}
}
