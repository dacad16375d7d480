package ste_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// T3: tasks accepted from one goroutine start in order, and no two tasks of a
// Thread run at a time, whatever the mix of calls.
func TestT3Order(t *testing.T) {
	const producers = 8
	th := start(t)
	var running atomic.Int32
	var last [producers]int
	fs := make([]func(), producers)
	for p := range fs {
		fs[p] = func() {
			for i := 1; i <= testkit.Rounds(10); i++ {
				task := func() {
					if running.Add(1) != 1 {
						t.Error("two tasks at a time")
					}
					if last[p] != i-1 {
						t.Errorf("task %d of producer %d after task %d", i, p, last[p])
					}
					last[p] = i
					running.Add(-1)
				}
				switch i % 4 {
				case 0:
					th.Submit(task)
				case 1:
					th.Post(task)
				case 2:
					ste.Async(th, func() (int, error) { task(); return 0, nil })
				case 3:
					ste.Call(th, func() (int, error) { task(); return 0, nil })
				}
			}
		}
	}
	testkit.Together(t, fs...)
	require.NoError(t, th.Close())
	for p := range last {
		require.Equal(t, testkit.Rounds(10), last[p])
	}
}

// T3: tasks that were queued while the Thread was busy start in the order of
// their queueing, whoever queued them, also around a cancelled one.
func TestT3QueueIsFIFO(t *testing.T) {
	th := start(t)
	block := make(chan struct{})
	require.NoError(t, th.Post(func() { <-block }))
	var got, want []int
	ctx, cancel := context.WithCancel(context.Background())
	cancelled := make(chan error)
	for i := range 1000 {
		if i == 500 {
			go func() { cancelled <- th.SubmitContext(ctx, func() { t.Error("cancelled, but ran") }) }()
			time.Sleep(time.Millisecond)
		}
		want = append(want, i)
		require.NoError(t, th.Post(func() { got = append(got, i) }))
	}
	cancel()
	require.ErrorIs(t, <-cancelled, context.Canceled)
	close(block)
	require.NoError(t, th.Submit(func() {}))
	require.Equal(t, want, got)
}

// outcome is how one call of a race ended.
type outcome struct {
	ran      bool // written by the task: plain, so that the race detector watches T4
	err      error
	panicked any
	returned bool
}

// T4, T6: many submitters race Close, Shutdown, cancellation, panics and
// Goexits. A call returns nil exactly when its f ran to its end, a non-nil error
// exactly when f never started, and nobody waits for ever.
func TestT4T6RacesWithTheEnd(t *testing.T) {
	ends := map[string]func(*ste.Thread, context.CancelFunc, context.Context){
		"Close":    func(th *ste.Thread, _ context.CancelFunc, _ context.Context) { th.Close() },
		"Shutdown": func(th *ste.Thread, _ context.CancelFunc, _ context.Context) { th.Shutdown(testkit.Ended()) },
		"both": func(th *ste.Thread, _ context.CancelFunc, _ context.Context) {
			go th.Close()
			th.Shutdown(testkit.Ended())
		},
		"cancellation": func(_ *ste.Thread, cancel context.CancelFunc, _ context.Context) { cancel() },
		"Close on the Thread": func(th *ste.Thread, _ context.CancelFunc, _ context.Context) {
			th.Post(func() { th.Close() })
		},
		"Shutdown by ctx": func(th *ste.Thread, cancel context.CancelFunc, ctx context.Context) {
			go cancel()
			th.Shutdown(ctx)
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			for range testkit.Rounds(20) {
				// An Async may panic and the Thread close before Wait is called: then
				// the handler gets the panic (T8), and so does Wait.
				th, err := ste.New(ste.WithErrorHandler(func(error) {}))
				require.NoError(t, err)
				testkit.Watch(th)
				ctx, cancel := context.WithCancel(context.Background())
				var outcomes [6]outcome
				fs := []func(){func() { end(th, cancel, ctx) }}
				for i := range outcomes {
					fs = append(fs, func() { racer(th, ctx, i, &outcomes[i]) })
				}
				testkit.Together(t, fs...)
				cancel()
				require.NoError(t, th.Close())
				for i := range outcomes {
					checkOutcome(t, &outcomes[i])
				}
			}
		})
	}
}

// racer makes one call of kind i and notes how it ended.
func racer(th *ste.Thread, ctx context.Context, i int, o *outcome) {
	f := func() {
		o.ran = true
		switch rand.IntN(6) {
		case 0:
			panic("boom")
		case 1:
			runtime.Goexit()
		case 2:
			runtime.Gosched()
		}
	}
	defer func() { o.panicked = recover() }()
	switch i % 5 {
	case 0, 1:
		o.err = th.Submit(f)
	case 2:
		o.err = th.SubmitContext(ctx, f)
	case 3:
		_, o.err = ste.Call(th, func() (int, error) { f(); return 1, nil })
	case 4:
		var fu *ste.Future[int]
		if fu, o.err = ste.Async(th, func() (int, error) { f(); return 1, nil }); o.err == nil {
			_, o.err = fu.Wait(context.Background())
		}
	}
	o.returned = true
}

func checkOutcome(t testing.TB, o *outcome) {
	t.Helper()
	switch {
	case o.returned && o.err == nil:
		require.True(t, o.ran, "nil error, but f never ran")
	case o.returned:
		require.False(t, o.ran, "f ran, but the caller got %v", o.err)
		if !errors.Is(o.err, context.Canceled) {
			require.ErrorIs(t, o.err, ste.ErrClosed)
		}
	default: // a panic or Goexit of f
		require.True(t, o.ran)
		if o.panicked != nil {
			require.IsType(t, &ste.PanicError{}, o.panicked)
		}
	}
}

// T4: once f has started, nothing makes Submit return before f has ended: not
// cancellation, not Close, not Shutdown.
func TestT4StartedMeansWaited(t *testing.T) {
	for range testkit.Rounds(100) {
		th, err := ste.New()
		require.NoError(t, err)
		testkit.Watch(th)
		ctx, cancel := context.WithCancel(context.Background())
		started := make(chan struct{})
		n := 0 // plain: the race detector sees a return that came too early
		testkit.Together(t,
			func() {
				require.NoError(t, th.SubmitContext(ctx, func() {
					close(started)
					n++
					time.Sleep(50 * time.Microsecond)
					n++
				}))
				require.Equal(t, 2, n)
			},
			func() { <-started; cancel() },
			func() { <-started; th.Close() },
			func() { <-started; th.Shutdown(ctx) },
		)
	}
}

// T5: giving f to the Thread happens before f, and its end before the return of
// the call that waits, before Close returns and before Done is closed. The
// fields are plain: under the race detector a missing edge fails the test.
func TestT5MemoryOrder(t *testing.T) {
	var hook, posted int
	th := start(t,
		ste.WithInit(func() error { hook = 1; return nil }),
		ste.WithTeardown(func() error { hook = 2; return nil }))
	require.Equal(t, 1, hook)
	testkit.Together(t, func() {
		for i := range testkit.Rounds(10) {
			var in, out int
			in = i
			require.NoError(t, th.Submit(func() { out = in }))
			require.Equal(t, i, out)
			_, err := ste.Call(th, func() (int, error) { out = in + 1; return out, nil })
			require.NoError(t, err)
			require.Equal(t, i+1, out)
			fu, err := ste.Async(th, func() (int, error) { out = in + 2; return 0, nil })
			require.NoError(t, err)
			if i%2 == 0 {
				<-fu.Done()
			} else {
				fu.Wait(context.Background())
			}
			require.Equal(t, i+2, out)
		}
	})
	require.NoError(t, th.Post(func() { posted = 7 }))
	go th.Close()
	<-th.Done()
	require.Equal(t, 7, posted)
	require.Equal(t, 2, hook)
}

// T10: on the Thread, Submit, SubmitContext and Call run in place; Post and
// Async queue; an ended ctx wins.
func TestT10InPlace(t *testing.T) {
	check := func(t *testing.T, th *ste.Thread) {
		var trace []string
		note := func(s string) func() { return func() { trace = append(trace, s) } }
		require.NoError(t, th.Submit(func() {
			require.NoError(t, th.Post(note("post")))
			fu, err := ste.Async(th, func() (int, error) { note("async")(); return 0, nil })
			require.NoError(t, err)
			require.NotNil(t, fu)
			note("a")()
			require.NoError(t, th.Submit(note("b")))
			require.NoError(t, th.SubmitContext(context.Background(), note("c")))
			v, err := ste.Call(th, func() (string, error) { note("d")(); return "v", errors.New("e") })
			require.Equal(t, "v", v)
			require.EqualError(t, err, "e")
			cause := errors.New("cause")
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(cause)
			require.Equal(t, cause, th.SubmitContext(ctx, note("never")))
			note("e")()
		}))
		require.NoError(t, th.Submit(func() {}))
		require.Equal(t, []string{"a", "b", "c", "d", "e", "post", "async"}, trace)
	}
	t.Run("in a task", func(t *testing.T) { check(t, start(t)) })
	t.Run("in an iter.Pull body", func(t *testing.T) {
		th := start(t)
		th.Submit(func() {
			ran := false
			next, stop := iter.Pull(func(yield func(error) bool) {
				yield(th.Submit(func() { ran = true }))
			})
			defer stop()
			err, ok := next()
			require.True(t, ok)
			require.NoError(t, err)
			require.True(t, ran)
		})
	})
	t.Run("in every hook, while closing too", func(t *testing.T) {
		var ran []string
		submit := func(s string) func() error {
			return func() error {
				return ste.Current().Thread().Submit(func() { ran = append(ran, s) })
			}
		}
		th := start(t, ste.WithInit(submit("init")), ste.WithTeardown(submit("last")), ste.WithTeardown(func() error {
			require.ErrorIs(t, ste.Current().Thread().Post(func() {}), ste.ErrClosed)
			return submit("first")()
		}))
		require.NoError(t, th.Close())
		require.Equal(t, []string{"init", "first", "last"}, ran)
	})
}

// T15: in steady state Submit, SubmitContext, Post, Call and Tagged access
// allocate nothing themselves, with one processor and with two.
func TestT15Allocations(t *testing.T) {
	if testkit.Instrumented {
		t.Log("the race detector or the address sanitizer allocates; counted without it")
		return
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, procs := range []int{1, 2} {
		for name, wait := range strategies {
			runtime.GOMAXPROCS(procs)
			th := start(t, ste.WithWaitStrategy(wait))
			f := func() {}
			g := func() (int, error) { return 1, nil }
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			th.Submit(f)
			posts := 0
			for call, op := range map[string]func(){
				"Submit":        func() { th.Submit(f) },
				"SubmitContext": func() { th.SubmitContext(ctx, f) },
				// Steady state: the Thread keeps up. A backlog that grows needs memory.
				"Post": func() {
					th.Post(f)
					if posts++; posts%16 == 0 {
						th.Submit(f)
					}
				},
				"Call": func() { ste.Call(th, g) },
			} {
				require.Zero(t, allocations(1000, op), "%s, %s, GOMAXPROCS %d", call, name, procs)
			}
			th.Submit(func() {
				v := ste.NewTagged(1)
				for call, op := range map[string]func(){
					"Submit in place": func() { th.Submit(f) },
					"Tagged.Get":      func() { v.Get() },
					"Tagged.Ptr":      func() { *v.Ptr()++ },
					"Current":         func() { ste.Current() },
				} {
					require.Zero(t, allocations(1000, op), "%s, GOMAXPROCS %d", call, procs)
				}
			})
			require.NoError(t, th.Close())
			full := start(t, ste.WithWaitStrategy(wait), ste.WithQueueLimit(1))
			begun, hang := make(chan struct{}), make(chan struct{})
			goOn := sync.OnceFunc(func() { close(hang) })
			t.Cleanup(goOn)
			require.NoError(t, full.Post(func() { close(begun); <-hang }))
			<-begun
			require.NoError(t, full.Post(f))
			for call, op := range map[string]func(){
				"Post to a full one":     func() { full.Post(f) },
				"Post to a closed one":   func() { th.Post(f) },
				"Submit to a closed one": func() { th.Submit(f) },
			} {
				require.Zero(t, allocations(1000, op), "%s, GOMAXPROCS %d", call, procs)
			}
			goOn()
		}
	}
}

// allocations is how many allocations f makes in 20 calls, measured over n of them
// and rounded down: a stricter testing.AllocsPerRun that leaves GOMAXPROCS alone.
func allocations(n uint64, f func()) uint64 {
	for range 100 {
		f()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return 20 * (after.Mallocs - before.Mallocs) / n
}
