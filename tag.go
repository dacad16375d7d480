package ste

import (
	"weak"

	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/who"
)

// A Tag is the identity of a Thread: a number never used again in this process,
// and a name.
//
// The zero Tag belongs to no Thread. Tags are comparable, may be copied, kept
// and used from anywhere, and do not keep their Thread alive. OnThread costs a few
// nanoseconds on the Thread itself. Off the Thread it costs twice that on Linux on
// amd64, and a system call (100 to 500 ns) elsewhere and without assembly.
type Tag struct {
	id opaque.Ref[who.ID]
}

func tagOf(id *who.ID) Tag { return Tag{opaque.To(id)} }

// Current returns the Tag of the Thread that the calling code is on, and the
// zero Tag off every Thread. It takes no lock and some 10 ns; off every Thread,
// except on Linux on amd64, also a system call.
func Current() Tag { return tagOf(who.Current()) }

// ID returns the Thread's number: 1, 2, 3 and so on in the order of New and Attach, and
// 0 for the zero Tag.
func (g Tag) ID() uint64 {
	if id := g.id.Get(); id != nil {
		return id.Number()
	}
	return 0
}

// Name returns the name that WithName gave, or "".
func (g Tag) Name() string {
	if id := g.id.Get(); id != nil {
		return id.Name()
	}
	return ""
}

// Thread returns the Thread, or nil when it has ended, when nobody holds it any
// more, and for the zero Tag.
func (g Tag) Thread() *Thread {
	id := g.id.Get()
	if id == nil || id.Ended() {
		return nil
	}
	return id.Thread.(weak.Pointer[Thread]).Value()
}

// OnThread reports whether the calling code is on the Tag's Thread. For the
// zero Tag it is false.
func (g Tag) OnThread() bool {
	// The first look stands here whole, small enough to be inlined.
	if id := g.id.Get(); id != nil && id.OnGoroutine() {
		return true
	}
	return g.onOSThread()
}

func (g Tag) onOSThread() bool {
	id := g.id.Get()
	return id != nil && id.OnOSThread()
}

// Check panics with a *WrongThreadError when the calling code is not on the
// Tag's Thread.
func (g Tag) Check() {
	id := g.id.Get()
	if id == nil {
		panic("ste: Check of the zero Tag, which belongs to no Thread")
	}
	if !id.OnThread() {
		panic(newWrongThreadError(id, nil, nil))
	}
}

// String returns the Thread's number and name for messages.
func (g Tag) String() string { return g.id.Get().String() }
