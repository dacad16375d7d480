package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ste-go/ste"
)

// newSubject returns a subject, and the options that make its Thread.
func (s *soak) newSubject(life uint64, rank int, r *rand.Rand) (*subject, []ste.Option) {
	sub := &subject{soak: s, life: life, rank: rank}
	inits := r.IntN(2) == 0
	opts := []ste.Option{
		ste.WithTeardown(func() error { // the last to run
			sub.here("the last teardown")
			if n := sub.teardowns.Add(1); n != 2 {
				sub.failed("T13: the last teardown is number %d", n)
			}
			sub.over.Store(true)
			return nil
		}),
		ste.WithInit(func() error {
			sub.know(ste.Current())
			sub.here("an init")
			return nil
		}),
		ste.WithTeardown(func() error {
			sub.here("a teardown")
			if n := sub.teardowns.Add(1); n != 1 {
				sub.failed("T13: the newest teardown is number %d", n)
			}
			return nil
		}),
		ste.WithErrorHandler(sub.handler),
	}
	if !inits {
		opts = append(opts[:1], opts[2:]...)
	}
	switch n := r.IntN(16); {
	case n < 5:
		opts = append(opts, ste.WithWaitStrategy(ste.WaitPark))
	case n < 7 && rank == 0:
		opts = append(opts, ste.WithWaitStrategy(ste.WaitSpin))
	}
	if rank == 0 && r.IntN(4) == 0 {
		sub.limited = true
		opts = append(opts, ste.WithQueueLimit(1+r.IntN(20)))
	}
	if r.IntN(3) == 0 {
		opts = append(opts, ste.WithName(fmt.Sprint("life ", life)))
	}
	return sub, opts
}

// know is told which Thread it is, before there is any task.
func (s *subject) know(tag ste.Tag) {
	s.tag = tag
	s.byTag.Store(tag, s)
}

// open makes a Thread.
func (s *soak) open(life uint64, rank int, r *rand.Rand) handle {
	sub, opts := s.newSubject(life, rank, r)
	th, err := ste.New(opts...)
	if err != nil {
		panic(err) // nothing fails here but for want of memory or threads
	}
	sub.know(th.Tag())
	s.add(made)
	return handle{sub, th}
}

// attach makes one of a goroutine, which serves in one of the ways there are. over
// is closed when Attach has returned or ended in another way.
func (s *soak) attach(life uint64, r *rand.Rand) (h handle, over chan struct{}) {
	sub, opts := s.newSubject(life, 0, r)
	over = make(chan struct{})
	got := make(chan *ste.Thread)
	bell := make(chan struct{}, 1)
	opts = append(opts, ste.WithWaker(func() {
		select {
		case bell <- struct{}{}:
		default:
		}
	}))
	way, turns := r.IntN(5), r.IntN(20)
	go func() {
		defer close(over)
		defer func() {
			if v := recover(); v != nil && !hears(v) {
				sub.failed("Attach panics: %v", v)
			}
		}()
		err := ste.Attach(func(th *ste.Thread) error {
			sub.know(th.Tag())
			got <- th
			if way == 0 {
				return th.Run(context.Background())
			}
			for n := 0; !th.Closed() && (way < 3 || n < turns); n++ {
				th.RunPending()
				if !th.Closed() && (way < 3 || n < turns-1) {
					<-bell // a lost one stops the soak: the waker's promise
				}
			}
			sub.closing.Store(true)
			switch way {
			case 3:
				s.add(exits)
				runtime.Goexit()
			case 4:
				panic(sub.newBoom(false))
			}
			return nil
		}, opts...)
		if err != nil && !hears(err) && !exitInHook(err) {
			sub.failed("Attach: %v", err)
		}
	}()
	h = handle{sub, <-got}
	s.add(made)
	s.add(attached)
	return h, over
}

// live is the life of one Thread, from its making to its end, with clients.
func (s *soak) live(life uint64) {
	r := rand.New(rand.NewPCG(s.seed, life))
	kind := r.IntN(16)
	if kind == 0 {
		s.ring(life, r)
		return
	}
	var h handle
	attachOver := make(chan struct{})
	if kind < 5 {
		h, attachOver = s.attach(life, r)
	} else {
		h = s.open(life, 0, r)
		close(attachOver)
	}
	sub, done := h.subject, h.th.Done()
	forget := kind >= 12
	sub.closable = !forget
	var clients sync.WaitGroup
	for range 1 + r.IntN(4) {
		c := &client{soak: s, own: h, r: rand.New(rand.NewPCG(r.Uint64(), r.Uint64())), mine: map[*subject]*stream{}}
		clients.Go(c.work)
	}
	var drops atomic.Int64
	if forget {
		s.add(forgotten)
		h.th = nil
		clients.Wait()
		s.awaitForgotten(sub, done)
	} else {
		s.end(h, r, &clients, &drops)
		clients.Wait()
		sub.closing.Store(true)
		if err := h.th.Close(); err != nil && !hears(err) && !exitInHook(err) {
			sub.failed("Close: %v", err)
		}
		<-done
		runtime.KeepAlive(h.th)
	}
	<-attachOver
	s.add(ended)
	if n := sub.teardowns.Load(); n != 2 || !sub.over.Load() {
		sub.failed("T13: teardowns that ran: %d of 2", n)
	}
	s.settle(sub, true, drops.Load(), 0)
	s.byTag.Delete(sub.tag)
}

// awaitForgotten waits for the end of a Thread that nobody holds.
func (s *soak) awaitForgotten(sub *subject, done <-chan struct{}) {
	for !s.hasFailed() {
		select {
		case <-done:
			return
		case <-time.After(20 * time.Millisecond):
			runtime.GC()
		}
	}
}

// end closes the Thread while its clients work, in one of the ways there are.
func (s *soak) end(h handle, r *rand.Rand, clients *sync.WaitGroup, drops *atomic.Int64) {
	sub := h.subject
	wait, limit, way := time.Duration(r.IntN(6000))*time.Microsecond, time.Duration(r.IntN(1000))*time.Microsecond, r.IntN(6)
	shut := func(limit time.Duration) {
		s.add(shutdowns)
		ctx, cancel := context.WithTimeoutCause(context.Background(), limit, errGivenUp)
		defer cancel()
		err := h.th.Shutdown(ctx)
		if errors.Is(err, errGivenUp) {
			var n int64
			fmt.Sscanf(droppedText.FindString(err.Error()), "dropped: %d", &n)
			s.n[dropped].Add(n)
			drops.Add(n)
			return
		}
		if err != nil && !hears(err) && !exitInHook(err) {
			sub.failed("Shutdown: %v", err)
		}
	}
	closeNow := func() {
		s.add(closes)
		if err := h.th.Close(); err != nil && !hears(err) && !exitInHook(err) {
			sub.failed("Close: %v", err)
		}
		select {
		case <-h.th.Done():
		default:
			sub.failed("T13: Close has returned before Done")
		}
	}
	clients.Go(func() {
		time.Sleep(wait)
		if way == 5 {
			s.add(closes)
			return // closed when the clients are done
		}
		sub.closing.Store(true)
		switch way {
		case 0, 1:
			closeNow()
		case 2:
			shut(limit)
		case 3:
			shut(-1)
		case 4:
			s.add(raced)
			var wg sync.WaitGroup
			wg.Go(closeNow)
			wg.Go(closeNow)
			wg.Go(func() { shut(limit) })
			wg.Wait()
		}
	})
}
