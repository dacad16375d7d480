package ste

import (
	"errors"
	"math"
	"strconv"
	"sync/atomic"
	"weak"

	"github.com/ste-go/ste/internal/here"
	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/osthread"
)

// A Tag is the identity of a Thread: a number never used again in this process,
// and a name.
//
// The zero Tag belongs to no Thread. Tags are comparable, may be copied, kept
// and used from anywhere, and do not keep their Thread alive. OnThread costs a few
// nanoseconds on the Thread itself. Off the Thread it costs twice that on Linux on
// amd64, and a system call (100 to 500 ns) elsewhere and without assembly.
type Tag struct {
	id opaque.Ref[identity]
}

// identity is the part of a Thread that outlives it.
type identity struct {
	id     uint64
	name   string
	thread weak.Pointer[Thread]

	// g is the address of the goroutine that runs the Thread's code, 0 for none.
	// Written by that goroutine only: 0 to its address before it runs the first task,
	// back to 0 before it ends (T9 replaces it, Close ends it), because the runtime
	// gives the address to another goroutine afterwards. contain, RunPending and Run
	// hand it to a coroutine and back, by way of 0. Read by anyone; only the goroutine
	// itself can find its own address in it.
	g atomic.Uintptr

	// tid is the OS thread's number, 0 for none. Written together with g and
	// for the same reason: the system gives the number of an ended thread to
	// another. Read by anyone; only code on the thread finds its own number.
	tid atomic.Uint64

	// ended turns true before the last code of the Thread has ended. Written by the
	// Thread; read for messages, and by Tag.Thread, which returns nil from then on.
	ended atomic.Bool

	// core is the Thread, nil when it has ended. The Thread's.
	core *core

	// waiting is the wait this Thread's code is in. Guarded by ring.mu.
	waiting edge
}

// lastID is the newest id given out. Only New and Attach add to it; it stops short of
// wrapping.
var lastID atomic.Uint64

func newIdentity(name string) (*identity, error) {
	for {
		last := lastID.Load()
		if last == math.MaxUint64 {
			return nil, errors.New("ste: all Thread ids of this process are used up")
		}
		if lastID.CompareAndSwap(last, last+1) {
			return &identity{id: last + 1, name: name}, nil
		}
	}
}

// onThread reports whether the caller is on the identity's Thread (G1).
func (id *identity) onThread() bool {
	return id.onGoroutine() || id.onSameOSThread()
}

// onGoroutine is the first look: the Thread's own goroutine runs.
func (id *identity) onGoroutine() bool {
	return here.Known && id.g.Load() == here.Goroutine()
}

// onSameOSThread is the second look: another goroutine may run on the Thread's
// OS thread, the body of an iter.Pull for one. A locked thread runs nothing
// that the Thread's code did not start there, so its number is proof.
//
// Code that is not on the Thread may be moved from one OS thread to another between
// any two lines, and a number that it has read may be another thread's by now, or of
// none. So the Thread must have had the number before the caller asked for its own,
// and after that.
func (id *identity) onSameOSThread() bool {
	tid := id.tid.Load()
	return tid != 0 && tid == osthread.Self() && tid == id.tid.Load()
}

// adopt makes the calling goroutine, on the calling OS thread, the Thread's.
func (id *identity) adopt() {
	g, tid := here.Goroutine(), osthread.Self()
	id.g.Store(g)
	id.tid.Store(tid)
	if here.Known {
		byGoroutine.put(uint64(g), id)
	}
	byOSThread.put(tid, id)
}

// forget undoes adopt. It must run on the goroutine that adopted, before it
// ends: from then on its address and its thread's number may be anyone's.
func (id *identity) forget() {
	g, tid := id.g.Load(), id.tid.Load()
	if here.Known {
		byGoroutine.drop(uint64(g))
	}
	byOSThread.drop(tid)
	id.g.Store(0)
	id.tid.Store(0)
}

func tagOf(id *identity) Tag { return Tag{opaque.To(id)} }

// Current returns the Tag of the Thread that the calling code is on, and the
// zero Tag off every Thread. It takes no lock and some 10 ns; off every Thread,
// except on Linux on amd64, also a system call.
func Current() Tag { return tagOf(currentIdentity()) }

func currentIdentity() *identity {
	if here.Known {
		if id := byGoroutine.get(uint64(here.Goroutine())); id != nil {
			return id
		}
	}
	// A caller that is on no Thread may be moved after it has asked for its OS thread's
	// number, and a new Thread may settle there: what is found is only a guess.
	if id := byOSThread.get(osthread.Self()); id != nil && id.onSameOSThread() {
		return id
	}
	return nil
}

// ID returns the Thread's number: 1, 2, 3 and so on in the order of New and Attach, and
// 0 for the zero Tag.
func (g Tag) ID() uint64 {
	if id := g.id.Get(); id != nil {
		return id.id
	}
	return 0
}

// Name returns the name that WithName gave, or "".
func (g Tag) Name() string {
	if id := g.id.Get(); id != nil {
		return id.name
	}
	return ""
}

// Thread returns the Thread, or nil when it has ended, when nobody holds it any
// more, and for the zero Tag.
func (g Tag) Thread() *Thread {
	id := g.id.Get()
	if id == nil || id.ended.Load() {
		return nil
	}
	return id.thread.Value()
}

// OnThread reports whether the calling code is on the Tag's Thread. For the
// zero Tag it is false.
func (g Tag) OnThread() bool {
	// The first look stands here whole, small enough to be inlined.
	if id := g.id.Get(); id != nil && id.onGoroutine() {
		return true
	}
	return g.onSameOSThread()
}

func (g Tag) onSameOSThread() bool {
	id := g.id.Get()
	return id != nil && id.onSameOSThread()
}

// Check panics with a *WrongThreadError when the calling code is not on the
// Tag's Thread.
func (g Tag) Check() {
	id := g.id.Get()
	if id == nil {
		panic("ste: Check of the zero Tag, which belongs to no Thread")
	}
	if !id.onThread() {
		panic(newWrongThreadError(id, nil, nil))
	}
}

// String returns the Thread's number and name for messages.
func (g Tag) String() string {
	id := g.id.Get()
	switch {
	case id == nil:
		return "no Thread"
	case id.name == "":
		return "Thread " + strconv.FormatUint(id.id, 10)
	}
	return "Thread " + strconv.FormatUint(id.id, 10) + " (" + id.name + ")"
}
