// Package who tells which Thread the running code is on, and which Threads wait for
// which.
//
// It has the part of a Thread that outlives it (ID), finds that for the code that runs
// (Current), and keeps the waits of Threads for each other, to see that no ring of them
// closes (Enter). It knows nothing of what a Thread does.
package who

import (
	"errors"
	"math"
	"strconv"
	"sync/atomic"

	"github.com/ste-go/ste/internal/here"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/prim"
)

// An ID is the part of a Thread that outlives it. Make it with New.
type ID struct {
	number uint64
	name   string

	// Thread is whatever the maker wants to find again. Set before the ID is used, and
	// read by anyone.
	Thread any
	// Home is what runs the Thread, nil when it has ended. The Thread's.
	Home any

	// g is the address of the goroutine that runs the Thread's code, 0 for none.
	// Written by that goroutine only: 0 to its address before it runs the first task,
	// back to 0 before it ends (T9 replaces it, Close ends it), because the runtime
	// gives the address to another goroutine afterwards. A hook in the middle of a task,
	// RunPending and Run hand it to a coroutine and back, by way of 0. Read by anyone;
	// only the goroutine itself can find its own address in it.
	g atomic.Uintptr

	// tid is the OS thread's number, 0 for none. Written together with g and
	// for the same reason: the system gives the number of an ended thread to
	// another. Read by anyone; only code on the thread finds its own number.
	tid atomic.Uint64

	// ended turns true before the last code of the Thread has ended. Written by the
	// Thread; read by anyone.
	ended atomic.Bool

	// waiting is the wait this Thread's code is in. Guarded by ring.mu.
	waiting edge
}

// Last is the newest number given out. Only New adds to it; it stops short of wrapping.
var Last atomic.Uint64

// New makes an ID with a number that no other one in this process has or had.
func New(name string) (*ID, error) {
	if !prim.Exploring { // where each goroutine passes for a thread
		osthread.Learn()
	}
	for {
		last := Last.Load()
		if last == math.MaxUint64 {
			return nil, errors.New("ste: all Thread ids of this process are used up")
		}
		if Last.CompareAndSwap(last, last+1) {
			return &ID{number: last + 1, name: name}, nil
		}
	}
}

// Number is the Thread's number, never 0.
func (id *ID) Number() uint64 { return id.number }

// Name is what New was given.
func (id *ID) Name() string { return id.name }

// String returns number and name for messages. id may be nil.
func (id *ID) String() string {
	switch {
	case id == nil:
		return "no Thread"
	case id.name == "":
		return "Thread " + strconv.FormatUint(id.number, 10)
	}
	return "Thread " + strconv.FormatUint(id.number, 10) + " (" + id.name + ")"
}

// End notes that the Thread has ended.
func (id *ID) End() { id.ended.Store(true) }

// Ended reports whether it has.
func (id *ID) Ended() bool { return id.ended.Load() }

// OnThread reports whether the caller is on the Thread (G1).
func (id *ID) OnThread() bool {
	// G1: exact, for Forget has erased both marks before anybody else can have them.
	return id.OnGoroutine() || id.OnOSThread()
}

// OnGoroutine is the first look: the Thread's own goroutine runs.
func (id *ID) OnGoroutine() bool {
	// G5: two loads and a comparison.
	return here.Known && id.g.Load() == here.Goroutine()
}

// OnOSThread is the second look: another goroutine may run on the Thread's
// OS thread, the body of an iter.Pull for one. A locked thread runs nothing
// that the Thread's code did not start there, so its number is proof.
//
// Code that is not on the Thread may be moved from one OS thread to another between
// any two lines, and a number that it has read may be another thread's by now, or of
// none. So the Thread must have had the number before the caller asked for its own,
// and after that.
func (id *ID) OnOSThread() bool {
	tid := id.tid.Load()
	return tid != 0 && tid == osthread.Self() && tid == id.tid.Load()
}

// OSThread is the number of the OS thread that the Thread's code runs on, and 0 while
// it runs none.
func (id *ID) OSThread() uint64 { return id.tid.Load() }

// Goroutine is the address of the goroutine that runs the Thread's code, and 0 while
// none does or addresses are not known.
func (id *ID) Goroutine() uintptr { return id.g.Load() }

// Adopt makes the calling goroutine, on the calling OS thread, the Thread's.
func (id *ID) Adopt() {
	g, tid := here.Goroutine(), osthread.Self()
	id.g.Store(g)
	id.tid.Store(tid)
	if here.Known {
		byGoroutine.put(uint64(g), id)
	}
	byOSThread.put(tid, id)
}

// Forget undoes Adopt. It must run on the goroutine that adopted, before it
// ends: from then on its address and its thread's number may be anyone's.
func (id *ID) Forget() {
	g, tid := id.g.Load(), id.tid.Load()
	if here.Known {
		byGoroutine.drop(uint64(g))
	}
	byOSThread.drop(tid)
	id.g.Store(0)
	id.tid.Store(0)
}

// Current returns the ID of the Thread that the caller is on, and nil off every Thread.
func Current() *ID {
	if here.Known {
		if id := byGoroutine.get(uint64(here.Goroutine())); id != nil {
			return id
		}
	}
	// A caller that is on no Thread may be moved after it has asked for its OS thread's
	// number, and a new Thread may settle there: what is found is only a guess.
	if id := byOSThread.get(osthread.Self()); id != nil && id.OnOSThread() {
		return id
	}
	return nil
}
