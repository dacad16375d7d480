package oslocal

import (
	"slices"
	"sync"
	"sync/atomic"
)

// A thread is an OS thread that has asked for a value.
type thread struct {
	number uint64
	ended  bool // guarded by registry.mu; set by the releasing goroutine

	// edge tells the race detector, in its builds only, that what the thread did
	// with its values before its last Get happens before they are closed.
	// Everybody adds.
	edge atomic.Uint64

	mu sync.Mutex // taken after a core's mu
	// newest is the value made last, of whatever object; its node leads on.
	newest *node
	// opening are the objects in whose open the thread is.
	opening []any
}

// A node links a thread's values in the order in which they were made.
type node struct {
	releaser     releaser
	older, newer *node
	linked       bool // these three guarded by the thread's mu
}

// enter notes that the thread is in c's open, and reports false if it already is.
func (t *thread) enter(c any) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.opening, c) {
		return false
	}
	t.opening = append(t.opening, c)
	return true
}

func (t *thread) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.opening) - 1
	t.opening[last] = nil
	t.opening = t.opening[:last]
}

// add makes a node the thread's newest.
func (t *thread) add(n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n.linked = true
	if n.older = t.newest; n.older != nil {
		n.older.newer = n
	}
	t.newest = n
}

// remove takes a node out, wherever it is, if it is in.
func (t *thread) remove(n *node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !n.linked {
		return
	}
	if n.older != nil {
		n.older.newer = n.newer
	}
	if n.newer != nil {
		n.newer.older = n.older
	} else {
		t.newest = n.older
	}
	n.linked, n.older, n.newer = false, nil, nil
}

// first returns the newest node, or nil.
func (t *thread) first() *node {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest
}

// release closes the values of a thread that has ended, the newest first. It runs
// aside and stands for the thread meanwhile: a close may use the others.
func (t *thread) release() {
	defer standFor(t.number)()
	for n := t.first(); n != nil; n = t.first() {
		t.remove(n)
		n.releaser.release()
	}
}
