package ste_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// What a review of Attach, RunPending and the waker found broken in their first
// version, and what it found to hold.

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

// T13: Shutdown's number does not count what RunPending, Run and a Bound's Close queue
// for themselves.
func TestT13ShutdownCountsTasksOnly(t *testing.T) {
	for name, let := range map[string]func(*ste.Thread, context.Context){
		"RunPending": func(th *ste.Thread, _ context.Context) { th.RunPending() },
		"Run":        func(th *ste.Thread, ctx context.Context) { th.Run(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			th := start(t)
			ctx, cancel := context.WithCancel(context.Background())
			b, err := ste.Bind(th, func() (int, error) { return 0, nil }, func(int) error { return nil })
			require.NoError(t, err)
			begun, leave := make(chan struct{}), make(chan struct{})
			require.NoError(t, th.Post(func() {
				th.Post(func() { close(begun); <-leave })
				let(th, ctx)
			}))
			<-begun
			closed := make(chan error, 1)
			go func() { closed <- b.Close() }()
			cancel()
			time.Sleep(10 * time.Millisecond) // until Run and the Bound have queued theirs
			err = th.Shutdown(ctx)            // the same ctx for both, as a program's main would
			close(leave)
			require.ErrorContains(t, err, "queued tasks dropped: 0")
			require.NoError(t, <-closed)
		})
	}
}

// T4: a waker that panics or exits ends the process: its Submit could not leave
// before f has ended, and nobody would be woken any more.
func TestWakerEndsBadly(t *testing.T) {
	for how, want := range map[string]string{"panics": "ste: the waker of Thread 1 (lost) panicked: ", "exits": "ste: the waker of Thread 1 (lost) called runtime.Goexit"} {
		out, code := testkit.RunChild(t, "waker "+how)
		require.NotZero(t, code)
		require.Contains(t, out, want)
		require.NotContains(t, out, "went on")
	}
}

func init() {
	bad := func(f func()) func() {
		return func() {
			th, _ := ste.New(ste.WithName("lost"), ste.WithWaker(f))
			begun := make(chan struct{})
			th.Post(func() { close(begun); select {} })
			<-begun
			th.Submit(func() {})
			fmt.Println("went on")
		}
	}
	testkit.Children["waker panics"] = bad(func() { panic("oh") })
	testkit.Children["waker exits"] = bad(runtime.Goexit)
}

// T1: a body that leaves the lock count changed hears of it at the end of Attach. A
// surplus unlock took the caller's own lock away.
func TestT1BodyStrayLock(t *testing.T) {
	if !canPull {
		t.Skip("no OS threads")
	}
	for _, stray := range []string{"lock", "unlock"} {
		out, code := testkit.RunChild(t, "body stray "+stray)
		require.NotZero(t, code)
		require.Contains(t, out, "OS thread locking must match")
		require.NotContains(t, out, "went on")
	}
}

func init() {
	testkit.Children["body stray lock"] = func() {
		ste.Attach(func(th *ste.Thread) error { runtime.LockOSThread(); return nil })
		fmt.Fprintln(os.Stderr, "went on; locked:", lockedHere())
	}
	testkit.Children["body stray unlock"] = func() {
		runtime.LockOSThread() // the caller's own
		ste.Attach(func(th *ste.Thread) error { runtime.UnlockOSThread(); return nil })
		fmt.Fprintln(os.Stderr, "went on; still locked:", lockedHere())
	}
}

// T13: the call of the waker for a Close is not used up by a loop inside RunPending.
func TestWakerForCloseInNestedLoops(t *testing.T) {
	ring := make(chan struct{}, 1)
	wait := func() (rung bool) { // a foreign wait that remembers one wake-up
		select {
		case <-ring:
			return true
		case <-time.After(time.Second):
			return false
		}
	}
	var closing, lost atomic.Bool
	inner, over := make(chan *ste.Thread), make(chan struct{})
	go func() {
		defer close(over)
		ste.Attach(func(th *ste.Thread) error {
			th.Post(func() { // a dialog, say, with a loop of its own
				<-ring // of that Post
				inner <- th
				wait() // until the Close
				th.RunPending()
				wait() // RunPending has called again, for the Close
			})
			for !closing.Load() {
				th.RunPending() // the Close comes while this runs
				lost.Store(!wait())
			}
			return nil
		}, ste.WithWaker(func() {
			select {
			case ring <- struct{}{}:
			default:
			}
		}))
	}()
	th := <-inner
	closing.Store(true)
	require.NoError(t, th.Close())
	<-over
	require.False(t, lost.Load(), "the body sleeps, and nobody has called since the RunPending in which the Close came")
}

// T15: nor does it cost an allocation for each task if there are a waker and a timer.
func TestT15WakerAndTimer(t *testing.T) {
	if testkit.RaceEnabled {
		t.Skip("the race detector allocates")
	}
	th := start(t, ste.WithWaker(func() {}))
	_, err := th.AfterFunc(time.Hour, func() {})
	require.NoError(t, err)
	f := func() {}
	for range 100 {
		th.Submit(f)
	}
	require.Zero(t, testing.AllocsPerRun(1000, func() { th.Submit(f) }))
}

// T9: in RunPending, a task panics in a deferred call while Goexit unwinds it, and then
// the error handler calls Goexit.
func TestT9HandlerExitsNested(t *testing.T) {
	for _, way := range []string{"plain", "nested", "attached"} {
		out, code := testkit.RunChild(t, "handler exits "+way)
		require.Zero(t, code, "%.1500s", out)
	}
}

func init() {
	bad := func() {
		defer func() { panic("in a deferred call") }()
		runtime.Goexit()
	}
	h := ste.WithErrorHandler(func(error) { runtime.Goexit() })
	testkit.Children["handler exits plain"] = func() {
		th, _ := ste.New(h)
		th.Post(bad)
		th.Submit(func() {})
		th.Close()
	}
	testkit.Children["handler exits nested"] = func() {
		th, _ := ste.New(h)
		th.Submit(func() { th.Post(bad); th.RunPending() })
		th.Close()
	}
	testkit.Children["handler exits attached"] = func() {
		ste.Attach(func(th *ste.Thread) error { th.Post(bad); th.RunPending(); return nil }, h)
	}
	testkit.Children["attach in init"] = func() {
		fmt.Fprintln(os.Stderr, initErr)
		if initErr != nil {
			os.Exit(3)
		}
	}
}

// Attach in a package initialiser.
var initErr = func() (err error) {
	if os.Getenv("STE_CHILD") != "attach in init" {
		return nil
	}
	n := 0
	err = ste.Attach(func(th *ste.Thread) error {
		th.Post(func() { n++ })
		th.Post(runtime.Goexit)
		th.Post(func() { th.Post(func() { n++ }); th.RunPending() })
		th.RunPending()
		th.Post(runtime.Goexit)
		return nil
	})
	if n != 2 {
		return fmt.Errorf("ran %d", n)
	}
	return err
}()

func TestAttachInAnInitialiser(t *testing.T) {
	out, code := testkit.RunChild(t, "attach in init")
	require.Zero(t, code, out)
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

// The waker is called for a Close again in each task: one that has come up while an
// earlier one was in RunPending has heard nothing yet, and might sleep for ever.
func TestWakerForCloseInALaterTask(t *testing.T) {
	ring := make(chan struct{}, 1)
	lost := false
	wait := func() {
		select {
		case <-ring:
		case <-time.After(time.Second):
			lost = true
		}
	}
	err := ste.Attach(func(th *ste.Thread) error {
		require.NoError(t, th.Post(func() { // a dialog, say, with a loop of its own
			require.NoError(t, th.Post(func() { // a long task
				require.NoError(t, th.Post(func() { // another dialog
					require.Zero(t, th.RunPending())
					wait()
				}))
				require.NoError(t, th.Close())
			}))
			require.Equal(t, 1, th.RunPending(), "the long task")
			wait() // RunPending has left the other dialog, and called
			require.Equal(t, 1, th.RunPending(), "the other dialog")
		}))
		require.Equal(t, 3, th.RunPending())
		return nil
	}, ste.WithWaker(func() {
		select {
		case ring <- struct{}{}:
		default:
		}
	}))
	require.NoError(t, err)
	require.False(t, lost, "a task sleeps, and nobody has called since the Close")
}
