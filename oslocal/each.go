package oslocal

import (
	"slices"

	"github.com/ste-go/ste/internal/here"
)

// each is Each.
func (c *core[T]) each(f func(*T)) {
	c.notInEach("Each")
	if here.Known {
		g := here.Goroutine()
		c.mu.Lock()
		c.visitors = append(c.visitors, g)
		c.mu.Unlock()
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			i := slices.Index(c.visitors, g)
			c.visitors = slices.Delete(c.visitors, i, i+1)
		}()
	}
	cells := c.cells.Load()
	if cells == nil {
		return
	}
	for i := range *cells {
		c.visit(i, f)
	}
}

// visit calls f with the value of thread number i, if it has one.
func (c *core[T]) visit(i int, f func(*T)) {
	cells := c.cells.Load() // a grown one holds what the old one does not
	if cells == nil {
		return
	}
	cell := (*cells)[i].Load()
	if cell == nil {
		return
	}
	cell.visit.Lock()
	defer cell.visit.Unlock()
	// Whoever claims the cell from now on waits for visit.
	if cells := c.cells.Load(); cells != nil && (*cells)[i].Load() == cell {
		f(&cell.value)
	}
}

// notInEach panics if the calling goroutine is inside each: it would wait for
// itself.
func (c *core[T]) notInEach(call string) {
	if !here.Known {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.visitors, here.Goroutine()) {
		panic("oslocal: " + call + " in Each of the same Local, for whose end it would wait")
	}
}
