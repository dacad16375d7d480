package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/ste-go/ste"
)

// ring makes Threads wait for each other in a ring: of those calls exactly one must
// be refused, and nobody may hang (T11).
func (s *soak) ring(life uint64, r *rand.Rand) {
	hs := make([]handle, 2+r.IntN(4))
	items, bounds := make([]*item, len(hs)), make([]*ste.Bound[*item], len(hs))
	for i := range hs {
		hs[i] = s.open(life, 0, r)
		items[i], bounds[i] = bind(hs[i], r)
	}
	s.noRing(hs[0], hs[1], r)
	var refusals, ran, must atomic.Int64
	var there sync.WaitGroup // all tasks, so that each waits for a busy Thread
	there.Add(len(hs))
	var over sync.WaitGroup
	for i := range hs {
		next, how := (i+1)%len(hs), r.IntN(7)
		over.Go(func() {
			err := hs[i].th.Submit(func() {
				there.Done()
				there.Wait()
				err := waitFor(hs[next], bounds[next], items[next], how, func() { ran.Add(1) })
				switch {
				case errors.Is(err, ste.ErrDeadlock):
					refusals.Add(1)
					if how < 5 {
						must.Add(1)
					}
				case err != nil && !hears(err) && !exitInHook(err):
					hs[i].failed("in a ring: %v", err)
				}
			})
			hs[i].allows("Submit", err, nil)
		})
	}
	over.Wait()
	s.add(rings)
	if n := refusals.Load(); n != 1 {
		s.fail("T11 (life %d): of a ring of %d Threads %d calls were refused", life, len(hs), n)
	}
	for i, h := range hs {
		items[i].explicit.Store(true)
		h.closing.Store(true)
		s.add(closes)
		if err := h.th.Close(); err != nil && !hears(err) && !exitInHook(err) {
			h.failed("Close: %v", err)
		}
		s.add(ended)
		s.settle(h.subject, true, 0, 0)
		s.byTag.Delete(h.tag)
	}
	// Whose call was refused has not run, except where it was queued before the wait.
	if a, b := ran.Load(), int64(len(hs))-must.Load(); a != b {
		s.fail("T11 (life %d): in a ring of %d Threads %d closures ran, not %d", life, len(hs), a, b)
	}
}

// noRing lets b turn to a when a's wait for b is just over: what a waits for has ended
// before b's next task begins, though a may not have woken yet.
func (s *soak) noRing(a, b handle, r *rand.Rand) {
	for range r.IntN(50) {
		s.add(crossings)
		done := make(chan struct{})
		a.allows("Submit", a.th.Submit(func() {
			a.allows("Submit on a Thread", b.th.Submit(func() {
				b.limitedPost(func() {
					a.allows("Submit back", a.th.Submit(func() {}), nil)
					close(done)
				}, done)
			}), nil)
		}), nil)
		<-done
	}
}

// limitedPost posts f, or closes done where the queue has a limit that is reached.
func (h handle) limitedPost(f func(), done chan struct{}) {
	if err := h.th.Post(f); err != nil {
		h.allows("Post", err, nil)
		close(done)
	}
}

// waitFor waits for h on another Thread.
func waitFor(h handle, b *ste.Bound[*item], it *item, how int, f func()) error {
	switch how {
	case 0:
		return h.th.Submit(f)
	case 1:
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		return h.th.SubmitContext(ctx, f)
	case 2:
		_, err := ste.Call(h.th, func() (int, error) { f(); return 0, nil })
		return err
	case 3:
		return b.Do(func(*item) error { f(); return nil })
	case 4:
		_, err := ste.Bind(h.th, func() (*item, error) { f(); h.opened.Add(1); return &item{of: h.subject, fails: 255}, nil }, (*item).close)
		return err
	case 5:
		fu, err := ste.Async(h.th, func() (int, error) { f(); return 0, nil })
		if err != nil {
			return err
		}
		_, err = fu.Wait(context.Background())
		return err
	default:
		f()
		it.explicit.Store(true)
		return b.Close()
	}
}
