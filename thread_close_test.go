package ste_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T13: Close runs what was accepted, then the teardowns newest first, refuses
// the rest, and every call returns the same error.
func TestT13Close(t *testing.T) {
	var ran []string
	down := func(name string, err error) ste.Option {
		return ste.WithTeardown(func() error { ran = append(ran, name); return err })
	}
	first, second := errors.New("first"), errors.New("second")
	th := start(t, down("a", first), down("b", nil), down("c", second))
	block := make(chan struct{})
	require.NoError(t, th.Post(func() { <-block }))
	for range 3 {
		require.NoError(t, th.Post(func() { ran = append(ran, "task") }))
	}
	const closers = 8
	var errs [closers]error
	fs := []func(){func() { time.Sleep(time.Millisecond); close(block) }}
	for i := range errs {
		fs = append(fs, func() { errs[i] = th.Close() })
	}
	testkit.Together(t, fs...)
	require.Equal(t, []string{"task", "task", "task", "c", "b", "a"}, ran)
	for _, err := range errs {
		require.ErrorIs(t, err, first)
		require.ErrorIs(t, err, second)
		require.Equal(t, errs[0], err)
	}
	require.Equal(t, errs[0], th.Close())
	require.Equal(t, errs[0], th.Shutdown(testkit.Ended()), "a finished Thread wins over an ended ctx")

	require.Equal(t, ste.ErrClosed, th.Submit(func() {}))
	require.Equal(t, ste.ErrClosed, th.SubmitContext(context.Background(), func() {}))
	require.Equal(t, ste.ErrClosed, th.Post(func() {}))
	_, err := ste.Call(th, func() (int, error) { return 1, nil })
	require.Equal(t, ste.ErrClosed, err)
	_, err = ste.Async(th, func() (int, error) { return 1, nil })
	require.Equal(t, ste.ErrClosed, err)
	require.ErrorIs(t, ste.ErrClosed, os.ErrClosed)
}

// T13: from a task Close starts the closing and returns nil at once; what was
// accepted still runs, and in-place work goes on until the last teardown ends.
func TestT13CloseFromTask(t *testing.T) {
	want := errors.New("teardown")
	ran := 0
	th := start(t, ste.WithTeardown(func() error { ran++; return want }))
	require.NoError(t, th.Submit(func() {
		require.NoError(t, th.Post(func() { ran++ }))
		require.NoError(t, th.Close())
		require.NoError(t, th.Shutdown(context.Background()))
		require.NoError(t, th.Submit(func() { ran++ }))
		require.Equal(t, ste.ErrClosed, th.Post(func() {}))
		_, err := ste.Async(th, func() (int, error) { return 0, nil })
		require.Equal(t, ste.ErrClosed, err)
		select {
		case <-th.Done():
			t.Error("done inside a task")
		default:
		}
	}))
	testkit.Await(t, th.Done())
	require.Equal(t, 3, ran)
	require.Equal(t, want, th.Close())
}

// T13: Close during Shutdown and the other way about, while tasks come and go.
func TestT13CloseDuringShutdown(t *testing.T) {
	for range testkit.Rounds(100) {
		th, err := ste.New()
		require.NoError(t, err)
		testkit.Watch(th)
		ctx, cancel := context.WithCancel(context.Background())
		ran := 0
		testkit.Together(t,
			func() { assert.NoError(t, th.Close()) },
			func() { th.Shutdown(ctx) },
			func() { cancel() },
			func() { th.Post(func() { ran++; th.Close() }) },
			func() { th.Submit(func() { ran++; th.Shutdown(ctx) }) },
		)
		testkit.Await(t, th.Done())
	}
}

// T13: Shutdown drops what is queued when ctx ends, says how much, and returns
// while a task still hangs; that task's waiter waits on, then the teardowns run
// and Done closes.
func TestT13ShutdownWhileATaskHangs(t *testing.T) {
	var down atomic.Bool
	th := start(t, ste.WithTeardown(func() error { down.Store(true); return os.ErrInvalid }))
	hang, hung := make(chan struct{}), make(chan struct{})
	var running atomic.Bool
	waiter := make(chan error, 1)
	go func() {
		waiter <- th.Submit(func() {
			running.Store(true)
			defer running.Store(false)
			close(hung)
			<-hang
		})
	}()
	<-hung
	dropped := make(chan error, 3)
	go func() { dropped <- th.Submit(func() { t.Error("dropped, but ran") }) }()
	go func() { dropped <- th.SubmitContext(context.Background(), func() { t.Error("dropped, but ran") }) }()
	fu, err := ste.Async(th, func() (int, error) { t.Error("dropped, but ran"); return 0, nil })
	require.NoError(t, err)
	require.NoError(t, th.Post(func() { t.Error("dropped, but ran") }))
	time.Sleep(10 * time.Millisecond) // both Submits are queued, most likely

	cause := errors.New("out of patience")
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(time.Millisecond, func() { cancel(cause) })
	err = th.Shutdown(ctx)
	require.ErrorIs(t, err, cause)
	require.Regexp(t, `ste: Shutdown of Thread \d+: limit reached, queued tasks dropped: [234]; a running task goes on \(see Done\): out of patience`, err)
	for range 2 {
		require.Equal(t, ste.ErrClosed, <-dropped)
	}
	_, err = fu.Wait(context.Background())
	require.Equal(t, ste.ErrClosed, err)

	require.True(t, running.Load())
	require.False(t, down.Load())
	select {
	case <-th.Done():
		t.Fatal("done while a task runs")
	case err := <-waiter:
		t.Fatal("a waiter left its running task:", err)
	case <-time.After(5 * time.Millisecond):
	}
	close(hang)
	require.NoError(t, <-waiter)
	testkit.Await(t, th.Done())
	require.True(t, down.Load())
	require.Equal(t, os.ErrInvalid, th.Close())
}

// T13: Shutdown called on the Thread limits how long its queue is drained.
func TestT13ShutdownFromTask(t *testing.T) {
	th := start(t)
	ctx, cancel := context.WithCancel(context.Background())
	ran := 0
	require.NoError(t, th.Submit(func() {
		for range 100 {
			require.NoError(t, th.Post(func() { ran++; cancel(); time.Sleep(time.Second / 10) }))
		}
		require.NoError(t, th.Shutdown(ctx))
	}))
	testkit.Await(t, th.Done())
	require.Positive(t, ran)
	require.Less(t, ran, 50, "tasks of 0.1 s, most dropped")
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

// T13: if an init fails, New returns its error, and only the teardowns listed
// before it run; work queued meanwhile is dropped.
func TestT13InitFails(t *testing.T) {
	var ran []string
	up := func(name string, err error) ste.Option {
		return ste.WithInit(func() error { ran = append(ran, name); return err })
	}
	down := func(name string, err error) ste.Option {
		return ste.WithTeardown(func() error { ran = append(ran, name); return err })
	}
	bad, worse := errors.New("bad"), errors.New("worse")
	early := make(chan error, 1)
	th, err := ste.New(up("1", nil), down("a", nil), ste.WithInit(func() error {
		th := ste.Current().Thread()
		queued := make(chan struct{})
		go func() {
			fu, err := ste.Async(th, func() (int, error) { t.Error("ran"); return 0, nil })
			close(queued)
			if err == nil {
				_, err = fu.Wait(context.Background())
			}
			early <- err
		}()
		<-queued
		return nil
	}), down("b", worse), up("2", bad), down("c", nil), up("3", nil))
	require.Nil(t, th)
	require.ErrorIs(t, err, bad)
	require.ErrorIs(t, err, worse)
	require.Equal(t, []string{"1", "2", "b", "a"}, ran)
	require.Equal(t, ste.ErrClosed, <-early)
}

// T13: an init may close its Thread; New returns the Thread all the same. (New
// used to choose between "made" and "ended" at random.)
func TestT13CloseInInit(t *testing.T) {
	// More OS threads than processors, so that New wakes late and finds both.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8 * runtime.NumCPU()))
	fs := make([]func(), 32)
	for i := range fs {
		fs[i] = func() {
			for range testkit.Rounds(100) {
				th, err := ste.New(ste.WithInit(func() error { return ste.Current().Thread().Close() }))
				if !assert.NoError(t, err) || !assert.NotNil(t, th) {
					return
				}
				assert.NoError(t, th.Close())
			}
		}
	}
	testkit.Together(t, fs...)
}

// T13: an error that New has returned is told nobody else when the Thread, of which
// nobody ever had a handle, is collected.
func TestT13FailedInitIsToldOnce(t *testing.T) {
	told := make(chan error, 100)
	odd := errors.New("odd")
	for range 100 {
		_, err := ste.New(ste.WithInit(func() error { return odd }), ste.WithErrorHandler(func(err error) { told <- err }))
		require.Equal(t, odd, err)
	}
	for range 5 { // cleanups run some time after a collection
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	require.Empty(t, told)
}

// T9, T13: when an init calls runtime.Goexit there is no New to return the errors of the
// teardowns that ran; the handler gets them.
func TestT9InitExitsAndATeardownFails(t *testing.T) {
	told := make(chan error, 1)
	odd := errors.New("odd")
	returned, v := testkit.Within(t, func() {
		ste.New(ste.WithTeardown(func() error { return odd }), ste.WithInit(func() error { runtime.Goexit(); return nil }),
			ste.WithErrorHandler(func(err error) { told <- err }))
	})
	require.False(t, returned)
	require.Nil(t, v)
	require.Equal(t, odd, testkit.Await(t, told))
}

// T13: nor is one that Close or Shutdown has returned.
func TestT13ErrorIsToldOnce(t *testing.T) {
	told := make(chan error, 100)
	odd := errors.New("odd")
	for i := range 100 {
		th, err := ste.New(ste.WithTeardown(func() error { return odd }), ste.WithErrorHandler(func(err error) { told <- err }))
		require.NoError(t, err)
		if i%2 == 0 {
			require.Equal(t, odd, th.Close())
		} else {
			require.Equal(t, odd, th.Shutdown(context.Background()))
		}
	}
	for range 5 { // cleanups run some time after a collection
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	require.Empty(t, told)
}

// T13: a Shutdown on the Thread drops what is queued as soon as its context has ended,
// also while the task goes on.
func TestT13ShutdownFromTaskDropsAtOnce(t *testing.T) {
	for _, when := range []string{"it has ended", "it ends"} {
		t.Run(when, func(t *testing.T) {
			th := start(t)
			ctx, cancel := context.WithCancel(context.Background())
			begun, hang := make(chan struct{}), make(chan struct{})
			require.NoError(t, th.Post(func() { <-begun }))
			require.NoError(t, th.Post(func() {
				if when == "it has ended" {
					cancel()
				}
				require.NoError(t, th.Shutdown(ctx))
				cancel()
				<-hang
			}))
			fu, err := ste.Async(th, func() (int, error) { t.Error("ran"); return 0, nil })
			require.NoError(t, err)
			close(begun)
			testkit.Await(t, fu.Done())
			_, err = fu.Wait(context.Background())
			require.ErrorIs(t, err, ste.ErrClosed)
			close(hang)
			testkit.Await(t, th.Done())
		})
	}
}

// T7: a context that outlives a Thread does not keep it because Shutdown was called with
// it on the Thread, once or twice.
func TestT7ShutdownFromTask(t *testing.T) {
	long, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 3 {
		freed := make(chan struct{})
		func() {
			big := new([1 << 16]byte)
			runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, freed)
			th, err := ste.New(ste.WithErrorHandler(func(error) { big[0]++ }))
			require.NoError(t, err)
			require.NoError(t, th.Submit(func() {
				require.NoError(t, th.Shutdown(long))
				require.NoError(t, th.Shutdown(long))
			}))
			testkit.Await(t, th.Done())
		}()
		require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(freed) }))
	}
}

// T7: an ended Thread does not keep the context of a Shutdown that did not wait.
func TestT7ShutdownForgetsItsContext(t *testing.T) {
	th := start(t)
	freed := make(chan struct{})
	func() {
		type key struct{}
		big := new([1 << 16]byte)
		runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, freed)
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, big))
		defer cancel()
		require.NoError(t, th.Submit(func() { require.NoError(t, th.Shutdown(ctx)) }))
		<-th.Done()
	}()
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(freed) }))
	runtime.KeepAlive(th)
}

// T16, T13: a Shutdown on a Thread in a bubble, limited by a ctx that somebody
// outside ends.
func TestT16ShutdownByAnOutsideContext(t *testing.T) {
	for range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		ctx.Done() // made out here
		limited, cancelled := make(chan *ste.Thread), make(chan struct{})
		go func() {
			th := <-limited
			cancel()
			for !ste.Doomed(th) { // by what cancel has started
				time.Sleep(10 * time.Microsecond)
			}
			close(cancelled)
		}()
		synctest.Test(t, func(t *testing.T) {
			th, err := ste.New()
			require.NoError(t, err)
			begin := make(chan struct{})
			require.NoError(t, th.Post(func() {
				<-begin
				th.Shutdown(ctx)
				limited <- th
				<-cancelled
			}))
			waiter := make(chan error, 1)
			go func() { waiter <- th.Submit(func() { t.Error("dropped, but ran") }) }()
			synctest.Wait()
			close(begin)
			require.Equal(t, ste.ErrClosed, <-waiter)
			<-th.Done()
		})
	}
}
