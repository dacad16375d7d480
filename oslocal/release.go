package oslocal

import (
	"errors"
	"runtime"
)

var errGoexit = errors.New("oslocal: close called runtime.Goexit")

// A releaser is a core or a cell of whatever type.
type releaser interface{ release() }

// release closes the value of a thread that has ended, unless Close has come
// first. It runs aside, standing for that thread.
func (v *cell[T]) release() {
	c := v.core
	c.releasing.Lock()
	defer c.releasing.Unlock()
	c.mu.Lock()
	claimed := c.claim(v)
	c.mu.Unlock()
	if claimed {
		c.closeOne(v, c.report)
	}
}

// release closes a core that is no longer in use: nobody holds its Local.
func (c *core[T]) release() {
	if err := c.shut(); err != nil {
		c.report(err)
	}
}

// forget is what the runtime calls when a Local is garbage. It must not run
// users' code, nor wait for long, on the goroutine of all cleanups.
func (c *core[T]) forget() {
	c.mu.Lock()
	counted := c.counted
	if !counted && !c.closed {
		c.closed = true
		c.freeKey()
	}
	c.mu.Unlock()
	if counted {
		hand(c)
	}
}

// shut closes all values and returns the errors. It does so once.
func (c *core[T]) shut() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	var claimed []*cell[T]
	if cells := c.cells.Swap(nil); cells != nil {
		for i := range *cells {
			if v := (*cells)[i].Load(); v != nil {
				v.thread.remove(&v.node)
				claimed = append(claimed, v)
			}
		}
	}
	c.freeKey()
	counted := c.counted
	c.mu.Unlock()

	err := c.closeAll(claimed...)
	if !releasingHere() {
		c.awaitRelease()
	}
	if counted {
		goOut()
	}
	return err
}

// freeKey gives the object's own key back. Under mu, once.
func (c *core[T]) freeKey() {
	if c.word != nil {
		deleteKey(c.key)
	}
}

// awaitRelease waits for the releasing goroutine to be done with a value of c.
func (c *core[T]) awaitRelease() {
	c.releasing.Lock()
	defer c.releasing.Unlock()
}

// closeAll closes values that have been claimed, aside, and returns the errors.
func (c *core[T]) closeAll(claimed ...*cell[T]) error {
	var errs []error
	for len(claimed) > 0 { // more than once if a close calls Goexit
		aside(func() {
			for len(claimed) > 0 {
				v := claimed[0]
				claimed = claimed[1:]
				c.closeOne(v, func(err error) { errs = append(errs, err) })
			}
		})
	}
	return errors.Join(errs...)
}

// closeOne closes a value that has been claimed.
func (c *core[T]) closeOne(v *cell[T], report func(error)) {
	v.visit.Lock()
	err := errGoexit
	defer func() {
		if p := recover(); p != nil {
			err = newPanicError(p)
		}
		v.visit.Unlock()
		if err != nil {
			report(err)
		}
	}()
	if racing {
		v.thread.edge.Add(1)
	}
	if c.close == nil {
		err = nil
		return
	}
	err = c.close(&v.value)
}

// aside runs f on a goroutine of its own, which stands for no thread that lives,
// and waits for its end: f runs users' code, which may call Goexit.
func aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer standFor(ended)()
		f()
	}()
	<-done
}
