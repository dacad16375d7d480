package ste_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inTask runs f as every kind of code that may call RunPending: a Submit, a Post, a
// timer, an iter.Pull body in a task, and the body of an Attach.
func inTask(t *testing.T, f func(t *testing.T, th *ste.Thread)) {
	t.Helper()
	ways := map[string]func(th *ste.Thread, f func()) error{
		"Submit": func(th *ste.Thread, f func()) error { return th.Submit(f) },
		"Post":   func(th *ste.Thread, f func()) error { return th.Post(f) },
		"timer": func(th *ste.Thread, f func()) error {
			_, err := th.AfterFunc(0, f)
			return err
		},
		"Async": func(th *ste.Thread, f func()) error {
			_, err := ste.Async(th, func() (int, error) { f(); return 0, nil })
			return err
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			th := start(t)
			for range 3 { // also beside earlier work
				done, later := make(chan struct{}), make(chan struct{})
				require.NoError(t, th.Post(func() {}))
				if name == "Submit" {
					close(later) // nothing comes before it has returned
				}
				require.NoError(t, way(th, func() {
					defer close(done)
					<-later // else f may find it at any moment
					f(t, th)
				}))
				require.NoError(t, th.Post(func() {}))
				if name != "Submit" {
					close(later)
				}
				testkit.Await(t, done)
			}
		})
	}
	if canPull {
		t.Run("iter.Pull", func(t *testing.T) {
			th := start(t)
			require.NoError(t, th.Submit(func() {
				next, stop := iter.Pull(func(yield func(int) bool) { f(t, th); yield(1) })
				defer stop()
				_, ok := next()
				require.True(t, ok)
			}))
		})
	}
	t.Run("Attach", func(t *testing.T) {
		require.NoError(t, ste.Attach(func(th *ste.Thread) error { f(t, th); return nil }))
	})
}

// canPull is whether iter.Pull bodies are on the Thread here.
const canPull = runtime.GOARCH != "wasm"

// T3: RunPending runs what is queued, in order, inside the task that asks, and what
// comes in meanwhile the next time; it says how many.
func TestRunPending(t *testing.T) {
	inTask(t, func(t *testing.T, th *ste.Thread) {
		th.RunPending() // what the way here has left
		require.Zero(t, th.RunPending())
		var order []int
		note := func(i int) func() {
			return func() {
				require.True(t, th.OnThread())
				order = append(order, i)
			}
		}
		require.NoError(t, th.Post(note(0)))
		require.NoError(t, th.Post(func() {
			note(1)()
			require.NoError(t, th.Post(note(4)))
			require.NoError(t, th.Submit(note(2))) // in place
		}))
		f, err := ste.Async(th, func() (int, error) { note(3)(); return 7, nil })
		require.NoError(t, err)
		require.Equal(t, 3, th.RunPending())
		require.Equal(t, []int{0, 1, 2, 3}, order)
		v, err := f.Wait(context.Background())
		require.NoError(t, err)
		require.Equal(t, 7, v)
		require.Equal(t, 1, th.RunPending())
		require.Equal(t, []int{0, 1, 2, 3, 4}, order)

		// Due timers first; those that are not due stay.
		order = nil
		late, err := th.AfterFunc(time.Hour, note(9))
		require.NoError(t, err)
		require.NoError(t, th.Post(note(1)))
		_, err = th.AfterFunc(0, note(0))
		require.NoError(t, err)
		require.Equal(t, 2, th.RunPending())
		require.Equal(t, []int{0, 1}, order)
		require.True(t, late.Stop())

		// It nests.
		order = nil
		require.NoError(t, th.Post(func() {
			require.Equal(t, 2, th.RunPending())
			note(2)()
		}))
		require.NoError(t, th.Post(note(0)))
		require.NoError(t, th.Post(note(1)))
		require.Equal(t, 3, th.RunPending())
		require.Equal(t, []int{0, 1, 2}, order)
	})
}

// T8, T9: tasks that RunPending runs may panic or exit; that ends only them.
func TestRunPendingEndsBadly(t *testing.T) {
	th := start(t, ste.WithErrorHandler(func(err error) {
		var pe *ste.PanicError
		require.ErrorAs(t, err, &pe)
		require.Equal(t, "posted", pe.Value)
	}))
	var wg sync.WaitGroup
	require.NoError(t, th.Submit(func() {
		for i := range 300 {
			pumped := make(chan struct{})
			wg.Go(func() {
				defer close(pumped)
				switch i % 3 {
				case 0:
					require.Equal(t, "oh", testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { testkit.BoomFrame("oh") }) }).Value)
				case 1:
					returned, _ := testkit.Within(t, func() { th.Submit(runtime.Goexit) })
					require.False(t, returned)
				case 2:
					require.NoError(t, th.Post(func() {
						th.Post(runtime.Goexit)
						th.RunPending()
						panic("posted")
					}))
				}
			})
			for !testkit.IsClosed(pumped) {
				th.RunPending()
				runtime.Gosched()
			}
		}
		th.RunPending()
		require.Zero(t, th.RunPending())
	}))
	wg.Wait()
}

// T3: one of many posted tasks lets those behind it in, and more.
func TestRunPendingInsideABatch(t *testing.T) {
	for round := range max(testkit.Rounds(100), 20) {
		th := start(t)
		hold := make(chan struct{})
		require.NoError(t, th.Post(func() { <-hold }))
		var order []int
		posted := 0
		n, every := 3000, 500
		if round%2 == 0 {
			n, every = 100, 100 // one, which is free again afterwards
		}
		for i := range n {
			require.NoError(t, th.Post(func() {
				if i%every == 7 {
					th.RunPending()
					if th.Post(func() { order = append(order, n+i) }) == nil {
						posted++
					}
				}
				order = append(order, i)
			}))
		}
		close(hold)
		require.NoError(t, th.Submit(func() {}))
		require.NoError(t, th.Close()) // a Submit may have run inside one of the posts
		seen := map[int]bool{}
		for _, i := range order {
			require.False(t, seen[i])
			seen[i] = true
		}
		require.Equal(t, n+posted, len(order))
	}
}

// In hooks, handlers and the close of a Bound, RunPending does nothing and Run does
// not wait.
func TestRunPendingInHooks(t *testing.T) {
	soon, cancel := context.WithTimeout(context.Background(), testkit.Patience())
	defer cancel()
	var th *ste.Thread
	ran := 0
	hook := func() error {
		of := ste.Current().Thread()
		require.NoError(t, of.Submit(func() {}))
		of.Post(func() { ran++ })
		assert.Zero(t, of.RunPending())
		assert.ErrorContains(t, of.Run(soon), "ste: Run in a hook of "+of.Tag().String())
		return nil
	}
	th, err := ste.New(ste.WithInit(hook), ste.WithTeardown(hook), ste.WithErrorHandler(func(error) { hook() }))
	require.NoError(t, err)
	b, err := ste.Bind(th, func() (int, error) { return 0, nil }, func(int) error { return hook() })
	require.NoError(t, err)
	require.NoError(t, th.Submit(func() {
		require.NoError(t, b.Close())
		require.Equal(t, 1, th.RunPending(), "after it, as ever")
	}))
	require.NoError(t, th.Post(func() { panic("oh") }))
	require.NoError(t, th.Submit(func() {}))
	require.NoError(t, th.Close())
	require.Equal(t, 3, ran)
	require.NoError(t, ste.Attach(func(th *ste.Thread) error { return nil }, ste.WithInit(hook), ste.WithTeardown(hook)))
}

// Two ticks of an Every never overlap, also if its function lets others in.
func TestRunPendingInATick(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		depth, ticks, other := 0, 0, 0
		var tm *ste.Timer
		tm, err := th.Every(time.Second, func(k ste.Tick) {
			if depth++; depth > 1 {
				t.Error("two ticks at once")
			}
			defer func() { depth-- }()
			time.Sleep(2500 * time.Millisecond)
			th.RunPending()
			if ticks++; ticks == 2 {
				require.Equal(t, 1, k.Missed)
			}
			if ticks == 3 {
				require.True(t, tm.Stop())
				require.False(t, tm.Stop())
			}
		})
		require.NoError(t, err)
		_, err = th.Every(time.Second, func(ste.Tick) { other++ })
		require.NoError(t, err)
		time.Sleep(time.Minute)
		require.NoError(t, th.Submit(func() {}))
		require.Equal(t, 3, ticks)
		require.Greater(t, other, 50)
	})
}

// A Shutdown whose time is over ends a RunPending too.
func TestRunPendingDuringShutdown(t *testing.T) {
	for range testkit.Rounds(100) {
		th, err := ste.New()
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		ran := 0
		require.NoError(t, th.Post(func() {
			for range 10 {
				th.RunPending()
			}
		}))
		for range 40 {
			require.NoError(t, th.Post(func() { ran++ }))
		}
		testkit.Together(t, cancel, func() { th.Shutdown(ctx) })
		testkit.Await(t, th.Done())
		require.LessOrEqual(t, ran, 40)
	}
}

// Timers that are due come before queued tasks in a RunPending too, also in one that a
// tick calls.
func TestRunPendingInATickBeginsWithTimers(t *testing.T) {
	inBubble(t, func(t *testing.T, th *ste.Thread) {
		var order []string
		_, err := th.AfterFunc(time.Second, func() {
			require.NoError(t, th.Post(func() { order = append(order, "task") }))
			_, err := th.AfterFunc(0, func() { order = append(order, "timer") })
			require.NoError(t, err)
			require.Equal(t, 2, th.RunPending())
		})
		require.NoError(t, err)
		time.Sleep(2 * time.Second)
		require.NoError(t, th.Submit(func() { require.Equal(t, []string{"timer", "task"}, order) }))
	})
}

// T1: after a RunPending the Thread looks after its lock count again.
func TestT1StrayLocksAfterRunPending(t *testing.T) {
	out, code := testkit.RunChild(t, "stray locks after RunPending")
	require.Zero(t, code, out)
	require.Contains(t, out, "survived")
}

func init() {
	testkit.Children["stray locks after RunPending"] = func() {
		for _, stray := range []func(){func() { testkit.StrayLocks(2) }, func() { testkit.StrayUnlocks(2) }} {
			th, err := ste.New()
			testkit.OrDie(err)
			tids := map[uint64]bool{}
			testkit.OrDie(th.Submit(func() {
				testkit.OrDie(th.Post(func() {}))
				if th.RunPending() != 1 {
					os.Exit(1)
				}
			}))
			for range 20 * ste.LockDepth {
				testkit.OrDie(th.Submit(func() { tids[osthread.ID()] = true; stray() }))
			}
			testkit.OrDie(th.Close())
			if len(tids) != 1 {
				fmt.Println("failed: moved")
				os.Exit(1)
			}
		}
		fmt.Println("survived")
	}
}

// T1: an iterator (iter.Pull) that one task has begun may be gone on with by another
// that RunPending runs, and the other way round; with Attach, too. RunPending took
// more locks, and the runtime ended the process.
func TestPullAcrossRunPending(t *testing.T) {
	if !canPull {
		t.Skip("no OS threads")
	}
	for _, way := range []string{"ordinary", "nested", "back", "attached", "attached init"} {
		t.Run(way, func(t *testing.T) {
			out, code := testkit.RunChild(t, "pull "+way)
			require.Zero(t, code, "%.1500s", out)
		})
	}
}

func count(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func init() {
	var next func() (int, bool)
	var stop func()
	open := func() { next, stop = iter.Pull(count); next() }
	testkit.Children["pull ordinary"] = func() {
		th, _ := ste.New()
		th.Submit(open)
		th.Submit(func() { next() })
		th.Submit(func() { stop() })
		th.Close()
	}
	testkit.Children["pull nested"] = func() {
		th, _ := ste.New()
		th.Submit(open)
		th.Submit(func() {
			th.Post(func() { next() })
			th.RunPending()
		})
		th.Close()
	}
	testkit.Children["pull back"] = func() {
		th, _ := ste.New()
		th.Submit(func() {
			th.Post(open)
			th.RunPending()
		})
		th.Submit(func() { next() })
		th.Close()
	}
	testkit.Children["pull attached"] = func() {
		ste.Attach(func(th *ste.Thread) error {
			open()
			th.Post(func() { next() })
			th.RunPending()
			return nil
		})
	}
	testkit.Children["pull attached init"] = func() {
		ste.Attach(func(th *ste.Thread) error {
			next()
			return nil
		}, ste.WithInit(func() error { open(); return nil }))
	}
}

// RunPending in deferred calls of tasks that panic or exit.
func TestRunPendingInDeferredCalls(t *testing.T) {
	for _, opt := range [][]ste.Option{nil, {ste.WithWaker(func() {})}} {
		told := 0
		th := start(t, append(opt, ste.WithErrorHandler(func(error) { told++ }))...)
		for i := range 20 {
			ran := 0
			body := func() {
				defer func() {
					th.Post(runtime.Goexit)
					th.Post(func() { panic("inner") })
					th.Post(func() { defer th.RunPending(); th.Post(func() { ran++ }); panic("inner") })
					th.Post(func() { defer th.RunPending(); th.Post(func() { ran++ }); runtime.Goexit() })
					th.RunPending()
				}()
				if i%2 == 0 {
					panic("outer")
				}
				runtime.Goexit()
			}
			if i%2 == 0 {
				require.Equal(t, "outer", testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(body) }).Value)
			} else {
				returned, p := testkit.Within(t, func() { th.Submit(body) })
				require.False(t, returned)
				require.Nil(t, p)
			}
			require.NoError(t, th.Submit(func() { th.RunPending() }))
			require.Equal(t, 2, ran)
			require.Equal(t, 2*(i+1), told)
		}
	}
}

// T7: nothing is kept of what RunPending and Run have run.
func TestT7RunPending(t *testing.T) {
	var freed atomic.Int64
	big := func() *[1000]int {
		p := new([1000]int)
		runtime.SetFinalizer(p, func(*[1000]int) { freed.Add(1) })
		return p
	}
	collected := func(want int64) {
		if !testkit.Collect(func() bool { return freed.Load() >= want }) {
			t.Error("kept", want-freed.Load())
		}
	}
	fill := func(th *ste.Thread) {
		for range 3 {
			p := big()
			th.Post(func() { p[0]++ })
			q := big()
			th.Post(func() { q[0]++; runtime.Goexit() })
			r := big()
			ste.Async(th, func() (int, error) { r[0]++; return 1, nil })
			s := big()
			th.AfterFunc(0, func() { s[0]++; runtime.Goexit() })
			u := big()
			th.Post(func() { u[0]++; th.RunPending() })
		}
	}
	th := start(t)
	require.NoError(t, th.Post(func() {
		fill(th)
		th.RunPending()
		th.RunPending()
		collected(15)
	}))
	fill(th)
	require.NoError(t, th.Submit(func() {}))
	collected(30)
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		fill(th)
		th.RunPending()
		th.RunPending()
		collected(45)
		ctx, c := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer c()
		fill(th)
		th.Run(ctx)
		collected(60)
		return nil
	}))
}

// T9: nor does anything grow with the Goexits.
func TestT9RunPendingMemory(t *testing.T) {
	var a, b runtime.MemStats
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		round := func(n int) {
			for range n {
				th.Post(runtime.Goexit)
				th.RunPending()
			}
			for range n {
				th.Post(runtime.Goexit)
			}
			th.RunPending()
		}
		round(2000)
		runtime.GC()
		runtime.ReadMemStats(&a)
		round(20000)
		runtime.GC()
		runtime.ReadMemStats(&b)
		return nil
	}))
	require.Less(t, int64(b.HeapInuse)-int64(a.HeapInuse)+int64(b.StackInuse)-int64(a.StackInuse), int64(1<<20))
}

// In the 256th close inside of each other RunPending runs tasks.
func TestRunPendingInManyCloses(t *testing.T) {
	th := start(t)
	const n = 256
	ls := make([]*ste.Local[int], n)
	ran := -1
	for i := range ls {
		ls[i] = ste.NewLocal(func() (int, error) { return 0, nil }, func(*int) error {
			if i+1 < n {
				return ls[i+1].Close()
			}
			ran = th.RunPending()
			return nil
		})
	}
	require.NoError(t, th.Submit(func() {
		for _, l := range ls {
			l.Get()
		}
		require.NoError(t, th.Post(func() {}))
		require.NoError(t, ls[0].Close())
	}))
	require.Zero(t, ran, "RunPending in a hook ran tasks")
}
