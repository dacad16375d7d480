package oslocal

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// A core is the Local without the handle that users hold, so that it can be
// noticed when nobody does.
type core[T any] struct {
	open   func() (T, error)
	close  func(*T) error // may be nil
	report func(error)
	word   func(*T) uintptr // nil without a key of its own
	key    uintptr

	// cells holds the value of thread number n in place n; nil in the beginning
	// and after Close. The slice is written under mu and replaced, never
	// shortened, when a number is too high for it. A place is set by its thread,
	// under mu, and cleared under mu by whoever will close or take the value
	// (the claim: who cleared it, and nobody else, has it). Read by anyone
	// without a lock. A thread reads its own place, which nobody else sets; a
	// value that it reads while Close clears the place was got before Close.
	cells atomic.Pointer[[]atomic.Pointer[cell[T]]]

	// releasing is held by the releasing goroutine from before it claims a cell
	// until that is closed: Close waits for it. Taken before mu.
	releasing sync.Mutex

	mu       sync.Mutex
	closed   bool
	counted  bool      // as one of registry.users
	visitors []uintptr // the goroutines inside each
}

// A cell is the place of one thread's value.
type cell[T any] struct {
	node
	core   *core[T]
	thread *thread
	// visit is held while each is at the value, and while it is closed or taken.
	visit sync.Mutex
	value T
}

func newCell[T any](c *core[T], t *thread) *cell[T] {
	made := &cell[T]{core: c, thread: t}
	made.releaser = made
	return made
}

// at returns the value's cell of the thread with this word, or nil.
func (c *core[T]) at(word uint64) *cell[T] {
	if cells := c.cells.Load(); cells != nil && word < uint64(len(*cells)) {
		return (*cells)[word].Load()
	}
	return nil
}

// make returns the calling thread's value, and makes it if there is none.
func (c *core[T]) make() (*T, error) {
	if debugging && !locked() {
		return nil, ErrNotLocked
	}
	word := current()
	if cell := c.at(word); cell != nil {
		if racing {
			cell.thread.edge.Add(1)
		}
		return &cell.value, nil
	}
	if err := c.begin(); err != nil {
		return nil, err
	}
	t, err := threadOf(word)
	if err != nil {
		return nil, err
	}
	if !t.enter(c) {
		panic(fmt.Sprintf("oslocal: open of a Local of %T asks for that Local's value, which it is to make", *new(T)))
	}
	defer t.leave()
	cell := newCell(c, t)
	if cell.value, err = c.open(); err != nil {
		return nil, err
	}
	if err := c.publish(cell); err != nil {
		return nil, err
	}
	return &cell.value, nil
}

// begin sees to it that somebody will release values.
func (c *core[T]) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.counted:
		return nil
	}
	if err := comeIn(); err != nil {
		return err
	}
	c.counted = true
	return nil
}

// publish puts a value that open has made where it is found. If it cannot, it
// closes the value.
func (c *core[T]) publish(cell *cell[T]) error {
	var word uintptr
	if c.word != nil {
		returned := false
		defer func() {
			if !returned {
				if err := c.closeAll(cell); err != nil {
					c.report(err)
				}
			}
		}()
		word = c.word(&cell.value)
		returned = true
	}
	if err := c.put(cell, word); err != nil {
		return errors.Join(err, c.closeAll(cell))
	}
	return nil
}

// put puts a cell in its place.
func (c *core[T]) put(made *cell[T], word uintptr) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	if c.word != nil {
		// Under mu: after Close the key may be somebody else's.
		if err := setKey(c.key, word); err != nil {
			return err
		}
	}
	n := made.thread.number
	cells := c.cells.Load()
	if cells == nil || n >= uint64(len(*cells)) {
		var old []atomic.Pointer[cell[T]]
		if cells != nil {
			old = *cells
		}
		grown := make([]atomic.Pointer[cell[T]], max(n+1, 2*uint64(len(old))))
		for i := range old {
			grown[i].Store(old[i].Load())
		}
		cells = &grown
		c.cells.Store(cells)
	}
	(*cells)[n].Store(made)
	made.thread.add(&made.node)
	return nil
}

// claim takes a cell from its place, and reports whether it was there. Under mu.
func (c *core[T]) claim(cell *cell[T]) bool {
	cells := c.cells.Load()
	return cells != nil && (*cells)[cell.thread.number].CompareAndSwap(cell, nil)
}

// take is Take, for the thread with this word.
func (c *core[T]) take(word uint64) (v T, ok bool) {
	c.notInEach("Take")
	c.mu.Lock()
	cells := c.cells.Load()
	if cells == nil || word >= uint64(len(*cells)) {
		c.mu.Unlock()
		return v, false
	}
	cell := (*cells)[word].Swap(nil)
	if cell == nil {
		c.mu.Unlock()
		return v, false
	}
	cell.thread.remove(&cell.node)
	if c.word != nil && !hasEnded(cell.thread) {
		// NULL takes no memory, so this does not fail.
		_ = setKey(c.key, 0)
	}
	c.mu.Unlock()
	cell.visit.Lock()
	defer cell.visit.Unlock()
	return cell.value, true
}
