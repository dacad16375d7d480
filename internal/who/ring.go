package who

import "github.com/ste-go/ste/internal/prim"

// An edge says that the code of one Thread waits for another Thread. It exists
// until the wait is over, which is not when the waiter wakes: Over turns true
// the moment the awaited thing has ended, before the other Thread does anything
// else (T11).
type edge struct {
	to   *ID
	wait Wait
}

// A Wait is what a Thread waits for.
type Wait interface{ Over() bool }

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

// Enter records that from's code (nil for code on no Thread, which cannot be part of a
// ring) is about to wait for to. It returns the ring that this would close, from
// first, and then records nothing; nor does it if begin, which may be nil and sets going what is waited
// for, returns an error. To other walks the wait begins as it is recorded: what begin set
// going may already have reached the next Threads of a ring, but they find this edge; and
// a refused wait was never there.
func Enter(from, to *ID, wait Wait, begin func() error) ([]*ID, error) {
	if from == nil {
		return nil, nil
	}
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if begin == nil && wait.Over() {
		return nil, nil // meanwhile; what has ended waits for nobody
	}
	e := edge{to, wait}
	// T11: the call whose wait would lead back to its own Thread closes the ring.
	for at := e; at.to != nil; {
		if at.to == from {
			r := []*ID{from}
			for ; to != from; to = to.waiting.to {
				r = append(r, to)
			}
			return r, nil
		}
		if at = at.to.waiting; !at.holds() {
			break
		}
	}
	if begin != nil {
		if err := begin(); err != nil {
			return nil, err
		}
	}
	from.waiting = e
	return nil, nil
}

// Leave removes what Enter recorded.
func Leave(from *ID) {
	if from == nil {
		return
	}
	ring.mu.Lock()
	from.waiting = edge{}
	ring.mu.Unlock()
}

// Waits reports whether a wait of the Thread is on record, over or not.
func (id *ID) Waits() bool {
	ring.mu.Lock()
	defer ring.mu.Unlock()
	return id.waiting.to != nil
}
