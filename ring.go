package ste

import (
	"fmt"
	"strings"

	"github.com/ste-go/ste/internal/prim"
)

// An edge says that the code of one Thread waits for another Thread. It exists
// until the wait is over, which is not when the waiter wakes: over turns true
// the moment the awaited thing has ended, before the other Thread does anything
// else (T11).
type edge struct {
	to   *identity
	wait waitable
}

// waitable is what an edge waits for.
type waitable interface{ Over() bool }

func (e edge) holds() bool { return e.to != nil && !e.wait.Over() }

// ring guards the edges of all Threads. A Thread runs one thing at a time, so it
// has at most one edge, and a ring is found by walking from edge to edge.
//
// One lock for all makes the answer exact. Edges are added only under it, each right
// after a walk, so the call that would close a ring finds it, and only that one. An
// edge may end while a walk goes on; but every edge that a walk sees holding was there
// before the walk began and has held since, so at the walk's first look all of them
// did: a reported ring was really there.
var ring struct{ mu prim.Mutex }

// enterWait records that from's code is about to wait for to. It returns an
// error, and records nothing, if that closes a ring of waits. from may be nil:
// code on no Thread cannot be part of a ring.
func enterWait(from, to *identity, wait waitable) error {
	if from == nil {
		return nil
	}
	return enterWaitIf(from, to, wait, nil)
}

// enterWaitIf is enterWait for a wait that begin, unless nil, starts or refuses with an
// error; from is not nil. To other walks the wait begins at the moment it is recorded: what
// begin set going may already have reached the next Threads of a ring, but they
// find this edge; and a refused wait was never there.
func enterWaitIf(from, to *identity, wait waitable, begin func() error) error {
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if begin == nil && wait.Over() {
		return nil // meanwhile; what has ended waits for nobody
	}
	e := edge{to, wait}
	for at := e; at.to != nil; {
		if at.to == from {
			return ringError(from, e)
		}
		if at = at.to.waiting; !at.holds() {
			break
		}
	}
	if begin != nil {
		if err := begin(); err != nil {
			return err
		}
	}
	from.waiting = e
	return nil
}

// leaveWait removes what enterWait recorded.
func leaveWait(from *identity) {
	if from == nil {
		return
	}
	ring.mu.Lock()
	from.waiting = edge{}
	ring.mu.Unlock()
}

// ringError names the Threads of the ring that e closes.
func ringError(from *identity, e edge) error {
	if e.to == from {
		return fmt.Errorf("%w: a task of %v waits for its own Thread, which can do nothing else before the task ends", ErrDeadlock, tagOf(from))
	}
	var b strings.Builder
	fmt.Fprint(&b, tagOf(from))
	for at := e; ; at = at.to.waiting {
		fmt.Fprintf(&b, " waits for %v", tagOf(at.to))
		if at.to == from {
			return fmt.Errorf("%w: %s; use Post in one direction", ErrDeadlock, b.String())
		}
		b.WriteString(", which")
	}
}
