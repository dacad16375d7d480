package main

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/ste-go/ste"
)

// An item is the value of a Bound. It does not refer to the Bound or the Thread.
type item struct {
	of       *subject
	inUse    int          // the Thread's
	closes   atomic.Int32 // B1: at most one
	explicit atomic.Bool  // set before anybody calls Close
	posted   atomic.Int64
	ran      atomic.Int64 // of these
	fails    byte         // how close ends
}

// bind opens a Bound on h.
func bind(h handle, r *rand.Rand) (*item, *ste.Bound[*item]) {
	s := h.subject
	s.add(binds)
	it := &item{of: s, fails: byte(r.IntN(24))}
	b, err := ste.Bind(h.th, func() (*item, error) {
		s.here("open")
		s.opened.Add(1)
		return it, nil
	}, (*item).close)
	s.allows("Bind", err, nil)
	return it, b
}

func (it *item) close() error {
	s := it.of
	s.here("the close of a Bound")
	if it.closes.Add(1) != 1 || it.inUse != 0 {
		s.failed("B1: a Bound's close, number %d, in %d uses", it.closes.Load(), it.inUse)
	}
	// Nobody holds it, so all its posts have been accepted; and so they run before.
	if a, b := it.posted.Load(), it.ran.Load(); !it.explicit.Load() && !s.closing.Load() && a > b {
		s.failed("B1: a Bound that nobody has closed is closed after %d of %d posts", b, a)
	}
	s.closed.Add(1)
	switch it.fails {
	case 0:
		return s.newBoom(true)
	case 1:
		panic(s.newBoom(true))
	case 2:
		s.add(exits)
		runtime.Goexit()
	}
	return nil
}

func (it *item) use() {
	it.of.here("the use of a Bound")
	it.of.add(uses)
	if it.closes.Load() != 0 {
		it.of.failed("B1: a Bound is used after its close")
	}
	it.inUse++
}

func (it *item) unuse() {
	if it.closes.Load() != 0 {
		it.of.failed("B1: a Bound is closed in use")
	}
	it.inUse--
}

// refused checks what a use was refused with.
func (it *item) refused(call string, err error) {
	if err != nil && it.explicit.Load() && errors.Is(err, ste.ErrClosed) {
		it.of.add(refused)
		return
	}
	it.of.allows(call, err, nil)
}

// closeBound calls Close, maybe from several goroutines, and takes the errors.
func closeBound(b *ste.Bound[*item], it *item) {
	it.explicit.Store(true)
	it.of.add(boundCloses)
	if err := b.Close(); err != nil && !hears(err) && !exitInHook(err) {
		it.of.failed("Close of a Bound: %v", err)
	}
}

// useBound uses a Bound from no Thread; its last call may be the last to hold it.
func useBound(h handle, r *rand.Rand) {
	s := h.subject
	it, b := bind(h, r)
	if b == nil {
		return
	}
	for range r.IntN(4) {
		postBound(b, it, h, r)
	}
	switch r.IntN(6) {
	case 0: // left to the garbage collector, or to the Thread's end
		s.add(boundsForgotten)
		v, err := ste.Use(b, func(it *item) (int, error) { it.use(); defer it.unuse(); runtime.GC(); return 7, nil })
		if it.refused("Use of a Bound", err); err == nil && v != 7 {
			s.failed("Use of a Bound: %d", v)
		}
	case 1:
		s.add(boundsForgotten)
		postBound(b, it, h, r)
	case 2:
		closeBound(b, it)
		if it.closes.Load() != 1 {
			s.failed("B1: Close of a Bound has returned, closes: %d", it.closes.Load())
		}
		if err := b.Do(func(*item) error { s.failed("B1: a use after Close"); return nil }); !errors.Is(err, ste.ErrClosed) {
			s.failed("B1: Do after Close: %v", err)
		}
	case 3:
		s.add(raced)
		var wg sync.WaitGroup
		wg.Go(func() { closeBound(b, it) })
		wg.Go(func() { closeBound(b, it) })
		wg.Go(func() { it.refused("Do", b.Do(func(it *item) error { it.use(); it.unuse(); return nil })) })
		wg.Go(func() { h.th.Post(func() { s.here("a task that closes a Bound"); closeBound(b, it) }) })
		wg.Wait()
	case 4:
		it.explicit.Store(true)
		it.refused("Do", b.Do(func(it *item) error {
			it.use()
			defer it.unuse()
			closeBound(b, it) // when the use returns
			return nil
		}))
	case 5:
		s.add(boundsForgotten)
		it.refused("Do", b.Do(func(it *item) error { it.use(); it.unuse(); return nil }))
	}
}

func postBound(b *ste.Bound[*item], it *item, h handle, r *rand.Rand) {
	s := it.of
	nests, gc := r.IntN(3) == 0, r.IntN(8) == 0
	err := b.Post(func(it *item) {
		nested := s.enter("a posted use")
		defer s.leave(nested)
		it.use()
		defer it.unuse()
		it.ran.Add(1)
		if gc {
			runtime.GC()
		}
		if nests {
			s.add(pendings)
			s.letIn(func() { h.th.RunPending() })
		}
	})
	s.add(uses)
	if it.refusedPost(err) {
		return
	}
	it.posted.Add(1)
}

func (it *item) refusedPost(err error) bool {
	if errors.Is(err, ste.ErrQueueFull) && it.of.limited {
		it.of.add(full)
		return true
	}
	it.refused("Post to a Bound", err)
	return err != nil
}

// bound is a Bound's whole life in a task.
func (j *job) bound() {
	it, b := bind(j.h, j.r)
	if b == nil {
		return
	}
	if j.r.IntN(2) == 0 {
		j.h.allows("Do on the Thread", b.Do(func(it *item) error {
			it.use()
			defer it.unuse()
			if j.r.IntN(2) == 0 {
				j.h.letIn(func() { j.h.th.RunPending() })
			}
			return nil
		}), nil)
	}
	if j.r.IntN(2) == 0 {
		closeBound(b, it)
		return
	}
	j.h.add(boundsForgotten)
}
