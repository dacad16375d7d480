package ste

import (
	"bytes"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/who"
)

// A Tagged holds a value that only the Thread on which it was made may open:
// a GL texture, a Lua state, a handle that must not travel.
//
// Make one with NewTagged; the zero Tagged belongs to no Thread and opens for
// nobody. The pointer may be copied, stored and passed anywhere; a Tagged must
// not be copied. Once its Thread has ended, the value cannot be reached any
// more. Nothing runs when a Tagged becomes garbage.
//
// A value is only ever touched by its own Thread, whose tasks run one after
// another, so it needs no further synchronization. Printing, logging, marshaling
// and comparing a Tagged neither reads nor shows the value, from anywhere.
//
// A passing check costs a few nanoseconds. In builds without assembly, and in
// the body of an iter.Pull except on Linux on amd64, it costs a system call (100
// to 500 ns).
type Tagged[T any] struct {
	_   noCopy
	box opaque.Ref[box[T]]
}

// box lies behind an opaque pointer so that reflection finds neither the value
// nor the Thread's atomics (G4).
type box[T any] struct {
	owner   *who.ID
	value   T
	created []byte
}

// stacks says that each Tagged remembers where it was made. STE_DEBUG is a
// comma-separated list.
var stacks = slices.Contains(strings.Split(os.Getenv("STE_DEBUG"), ","), "stacks")

// NewTagged returns v bound to the current Thread. It panics off every Thread.
func NewTagged[T any](v T) *Tagged[T] {
	owner := who.Current()
	if owner == nil {
		panic("ste: NewTagged[" + reflect.TypeFor[T]().String() + "] on no Thread; call it in a task (goroutines that a task starts are on no Thread)")
	}
	b := &box[T]{owner: owner, value: v}
	if stacks {
		b.created = bytes.TrimSpace(debug.Stack())
	}
	return &Tagged[T]{box: opaque.To(b)}
}

// Get returns the value. It panics with a *WrongThreadError off the value's
// Thread, before the value is read.
func (g *Tagged[T]) Get() T { return *g.Ptr() }

// TryGet is Get with an error, a *WrongThreadError, instead of a panic off the value's
// Thread. The zero Tagged panics here too.
func (g *Tagged[T]) TryGet() (T, error) {
	b := g.must()
	// G2: b.value is read below, after this has passed.
	if !b.owner.OnThread() {
		var zero T
		return zero, b.refusal()
	}
	return b.value, nil
}

// Ptr returns a pointer to the value, for changing it in place. The pointer is
// not checked any further: it must not leave the Thread. Off the value's Thread
// Ptr panics with a *WrongThreadError.
func (g *Tagged[T]) Ptr() *T {
	// The passing check stands here whole, small enough to be inlined, as Get then is.
	if g != nil {
		if b := g.box.Get(); b != nil && b.owner.OnGoroutine() {
			return &b.value
		}
	}
	return &g.open().value
}

// OnThread reports whether the value can be opened here.
func (g *Tagged[T]) OnThread() bool { return g.Tag().OnThread() }

// Tag returns the Tag of the Thread that owns the value; the zero Tag for the
// zero Tagged.
func (g *Tagged[T]) Tag() Tag {
	if g == nil {
		g.must()
	}
	if b := g.box.Get(); b != nil {
		return tagOf(b.owner)
	}
	return Tag{}
}

// open is the check in full: it returns the box or panics.
func (g *Tagged[T]) open() *box[T] {
	b := g.must()
	if !b.owner.OnThread() {
		panic(b.refusal())
	}
	return b
}

func (g *Tagged[T]) must() *box[T] {
	what := "nil"
	if g != nil {
		if b := g.box.Get(); b != nil {
			return b
		}
		what = "zero"
	}
	panic("ste: use of a " + what + " Tagged[" + reflect.TypeFor[T]().String() + "]; make it with NewTagged")
}

func (b *box[T]) refusal() error {
	return newWrongThreadError(b.owner, reflect.TypeFor[T](), b.created)
}

// noCopy lets go vet report copies of the struct that holds it.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
