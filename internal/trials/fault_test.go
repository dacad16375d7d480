package trials

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A fault lasts as long as this while there is load.
func faultTime() time.Duration {
	if testing.Short() {
		return 50 * time.Millisecond
	}
	return 400 * time.Millisecond
}

// A load is goroutines that use Threads in every way and count; each Thread's count
// is a variable that only its tasks touch, so the race detector sees a lost order.
type load struct {
	stop atomic.Bool
	over sync.WaitGroup
	done atomic.Int64 // rounds
	errs chan error   // the first of each goroutine
}

// startLoad begins a load of two goroutines for each Thread.
func startLoad(ths ...*ste.Thread) *load {
	l := &load{errs: make(chan error, 2*len(ths))}
	for _, th := range ths {
		count := new(int)
		for range 2 {
			l.over.Go(func() {
				for !l.stop.Load() {
					if err := loadRound(th, count); err != nil {
						l.errs <- err
						return
					}
					l.done.Add(1)
				}
			})
		}
	}
	return l
}

// loadRound is some work whose results are known: T3, T4, T6, G1.
func loadRound(th *ste.Thread, count *int) error {
	var order []int
	var made *ste.Tagged[int]
	for i := range 3 {
		if err := th.Post(func() { order = append(order, i); *count++ }); err != nil {
			return err
		}
	}
	fu, err := ste.Async(th, func() (int, error) { *count++; made = ste.NewTagged(7); return len(order), nil })
	if err != nil {
		return err
	}
	before, err := ste.Call(th, func() (int, error) { *count++; return made.Get(), nil })
	if err != nil || before != 7 {
		return fmt.Errorf("Call: %d, %w", before, err)
	}
	if n, err := fu.Wait(context.Background()); n != 3 || err != nil {
		return fmt.Errorf("Wait: %d, %w", n, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rand.IntN(200))*time.Microsecond)
	defer cancel()
	ran := false
	if err := th.SubmitContext(ctx, func() { ran = true }); (err == nil) != ran {
		return fmt.Errorf("SubmitContext: ran is %v: %w", ran, err)
	}
	if fmt.Sprint(order) != "[0 1 2]" {
		return fmt.Errorf("order %v", order)
	}
	if _, err := made.TryGet(); err == nil {
		return errors.New("a Tagged opens off its Thread")
	}
	return nil
}

// end ends the load and checks that it was well and came on.
func (l *load) end(t testing.TB) {
	t.Helper()
	l.stop.Store(true)
	over := make(chan struct{})
	go func() { l.over.Wait(); close(over) }()
	testkit.Await(t, over)
	close(l.errs)
	for err := range l.errs {
		assert.NoError(t, err)
	}
	require.Positive(t, l.done.Load())
	t.Logf("%d rounds", l.done.Load())
}

// eachStrategy makes Threads of every wait strategy.
func eachStrategy(t testing.TB) (ths []*ste.Thread) {
	for _, w := range strategies {
		ths = append(ths, start(t, ste.WithWaitStrategy(w)))
	}
	return ths
}

// GOMAXPROCS changes every millisecond under load: nobody hangs, nothing is lost.
func TestFaultGOMAXPROCSUnderLoad(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	l := startLoad(eachStrategy(t)...)
	for begun, i := time.Now(), 0; time.Since(begun) < faultTime(); i++ {
		runtime.GOMAXPROCS(1 + i%5)
		time.Sleep(time.Millisecond)
	}
	l.end(t)
}

// Collections without a pause under load, while Threads, Bounds, Futures and Locals
// are made and forgotten: what is forgotten is closed once, what is in use is not.
func TestFaultCollectionsUnderLoad(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	ths := eachStrategy(t)
	l := startLoad(ths...)
	var opened, closed atomic.Int64
	var forgotten []<-chan struct{}
	for begun := time.Now(); time.Since(begun) < faultTime(); {
		th, err := ste.New()
		require.NoError(t, err)
		testkit.Watch(th)
		forgotten = append(forgotten, th.Done())
		for _, th := range ths {
			_, err := ste.Bind(th, func() (int, error) { opened.Add(1); return 1, nil }, func(int) error { closed.Add(1); return nil })
			require.NoError(t, err)
			local := ste.NewLocal(func() (int, error) { opened.Add(1); return 1, nil }, func(*int) error { closed.Add(1); return nil })
			require.NoError(t, th.Submit(func() { local.Get() }))
			_, err = ste.Async(th, func() (int, error) { return 1, nil })
			require.NoError(t, err)
		}
		runtime.GC()
	}
	l.end(t)
	require.True(t, testkit.Collect(func() bool {
		for _, done := range forgotten {
			if !testkit.IsClosed(done) {
				return false
			}
		}
		return opened.Load() == closed.Load()
	}))
}

// Contexts that end before, while and after: each call returns, with the cause or as
// if there was no context, and the Thread is as good as before.
func TestFaultContexts(t *testing.T) {
	th := start(t)
	local := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
	require.NoError(t, th.Submit(func() { local.Get() }))
	short := func() { time.Sleep(time.Duration(rand.IntN(50)) * time.Microsecond) }
	calls := map[string]func(context.Context) error{
		"SubmitContext": func(ctx context.Context) error { return th.SubmitContext(ctx, short) },
		"Wait": func(ctx context.Context) error {
			fu, err := ste.Async(th, func() (int, error) { short(); return 1, nil })
			if err != nil {
				return err
			}
			_, err = fu.Wait(ctx)
			return err
		},
		"Each": func(ctx context.Context) error {
			return local.Each(ctx, func(ste.Tag, *int) error { short(); return nil })
		},
		"Run": func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, 100*time.Microsecond)
			defer cancel()
			err := errors.New("did not run")
			return errors.Join(th.Submit(func() { err = th.Run(ctx) }), err)
		},
		"Shutdown": func(ctx context.Context) error {
			own, err := ste.New()
			if err != nil {
				return err
			}
			testkit.Watch(own)
			own.Post(short)
			err = own.Shutdown(ctx)
			<-own.Done()
			return err
		},
		"Shutdown on the Thread": func(ctx context.Context) error {
			own, err := ste.New()
			if err != nil {
				return err
			}
			testkit.Watch(own)
			own.Submit(func() { own.Post(short); err = own.Shutdown(ctx); short() })
			<-own.Done()
			return err
		},
	}
	cause := errors.New("the cause")
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			for i := range testkit.Rounds(100) {
				ctx, cancel := context.WithCancelCause(context.Background())
				var err error
				testkit.Together(t, func() { err = call(ctx); cancel(nil) }, func() {
					for range i % 7 * i % 50 {
						runtime.Gosched()
					}
					cancel(cause)
				})
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					require.ErrorIs(t, err, cause)
				}
				cancel(nil) // after, and twice
				if name != "Shutdown" {
					require.NoError(t, th.Submit(func() {}))
				}
			}
		})
	}
}

// Goroutines that a task has started and that outlive it and the Thread: they are on
// no Thread, nothing opens for them, and what they call answers.
func TestFaultGoroutinesThatOutliveTheirTask(t *testing.T) {
	local := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
	for range testkit.Rounds(500) {
		th, err := ste.New(ste.WithWaker(func() {}))
		require.NoError(t, err)
		testkit.Watch(th)
		bound, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error { return nil })
		require.NoError(t, err)
		var left sync.WaitGroup
		owned := 0
		require.NoError(t, th.Submit(func() {
			made := ste.NewTagged(new(int))
			tag := ste.Current()
			for i := range 4 {
				left.Go(func() {
					for range 5 * (i + 1) {
						_, err := made.TryGet()
						var wrong *ste.WrongThreadError
						assert.ErrorAs(t, err, &wrong)
						assert.Equal(t, ste.Tag{}, ste.Current())
						assert.False(t, th.OnThread() || tag.OnThread())
						_, err = local.TryGet()
						assert.ErrorAs(t, err, &wrong)
						assert.Panics(t, func() { th.RunPending() })
						assert.Panics(t, func() { local.Take() })
						ran := false
						err = th.Submit(func() { ran = true; owned++; *made.Get()++ })
						assert.Equal(t, err == nil, ran)
						assert.True(t, err == nil || errors.Is(err, ste.ErrClosed))
						if err := bound.Do(func(int) error { owned++; return nil }); err != nil {
							assert.ErrorIs(t, err, ste.ErrClosed)
						}
					}
				})
			}
		}))
		runtime.Gosched()
		require.NoError(t, th.Close())
		owned++ // T5: everything the Thread ran happens before Close returns
		left.Wait()
	}
	require.NoError(t, local.Close())
}
