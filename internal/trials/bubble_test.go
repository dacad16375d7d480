package trials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T16: in a bubble an idle Thread is durably blocked, so the fake clock moves;
// tasks and timeouts follow it. Several bubbles run one after another, next to a
// Thread outside.
func TestT16Bubbles(t *testing.T) {
	outside := start(t)
	for i := range 10 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				th, err := ste.New(ste.WithName("inside"), ste.WithWaitStrategy(ste.WaitStrategy(i%4)))
				require.NoError(t, err)
				synctest.Wait() // returns: the idle Thread counts as blocked
				time.Sleep(time.Hour)
				require.Equal(t, time.Hour, time.Since(begun))

				require.NoError(t, th.Submit(func() { time.Sleep(time.Hour) }))
				require.Equal(t, 2*time.Hour, time.Since(begun))

				require.NoError(t, th.Post(func() { time.Sleep(time.Minute) }))
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				require.Equal(t, context.DeadlineExceeded, th.SubmitContext(ctx, func() { t.Error("ran") }))
				require.Equal(t, 2*time.Hour+time.Second, time.Since(begun))

				fu, err := ste.Async(th, func() (int, error) { time.Sleep(time.Minute); return i, nil })
				require.NoError(t, err)
				v, err := fu.Wait(context.Background())
				require.NoError(t, err)
				require.Equal(t, i, v)
				require.Equal(t, 2*time.Hour+2*time.Minute, time.Since(begun))

				for range 100 { // what is reused was made in here
					var wg sync.WaitGroup
					for range 4 {
						wg.Go(func() { th.Submit(func() {}) })
						wg.Go(func() { th.Submit(runtime.Goexit) })
						wg.Go(func() { ste.Call(th, func() (int, error) { return 1, nil }) })
					}
					wg.Wait()
				}
				panicked, _ := ste.Async(th, func() (int, error) { panic("claimed") })
				func() {
					defer func() { recover() }()
					panicked.Wait(context.Background())
				}()
				require.NoError(t, th.Close())
			})
			require.NoError(t, outside.Submit(func() {}))
			runtime.GC() // cleanups of what the bubble left behind run outside of it
		})
	}
}

// T16: goroutines of a bubble use a Thread made outside, by every call; it
// serves eight goroutines outside afterwards, and further bubbles.
func TestT16OutsideThread(t *testing.T) {
	th := start(t)
	for range 5 {
		synctest.Test(t, func(t *testing.T) {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					n := 0
					assert.NoError(t, th.Submit(func() { n++ }))
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					assert.NoError(t, th.SubmitContext(ctx, func() { n++ }))
					assert.NoError(t, th.Post(func() {}))
					v, err := ste.Call(th, func() (int, error) { n++; return n, nil })
					assert.NoError(t, err)
					assert.Equal(t, 3, v)
					fu, err := ste.Async(th, func() (int, error) { n++; return n, nil })
					assert.NoError(t, err)
					v, err = fu.Wait(context.Background())
					assert.NoError(t, err)
					assert.Equal(t, 4, v)
					fu, err = ste.Async(th, func() (int, error) { return 0, errors.New("e") })
					assert.NoError(t, err)
					<-fu.Done()
				})
			}
			wg.Wait()
		})
		fs := make([]func(), 8)
		for i := range fs {
			fs[i] = func() {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				for range 100 {
					assert.NoError(t, th.Submit(func() {}))
					assert.NoError(t, th.SubmitContext(ctx, func() {}))
				}
			}
		}
		testkit.Together(t, fs...)
	}
}

// T16, T12: cancellation from inside a bubble of work queued outside.
func TestT16CancelOutside(t *testing.T) {
	th := start(t)
	for range 20 {
		hang := make(chan struct{})
		require.NoError(t, th.Post(func() { <-hang }))
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					assert.Equal(t, context.Canceled, th.SubmitContext(ctx, func() { t.Error("ran") }))
				})
			}
			cancel()
			wg.Wait()
		})
		close(hang)
		require.NoError(t, th.Submit(func() {}))
	}
}

// T16: a Thread forgotten in a bubble shows in synctest's own report.
func TestT16ForgottenInABubble(t *testing.T) {
	out, code := testkit.Output(t, testkit.Command(t, "tests", []string{"-test.run=^TestChildForgotten", "-test.v"}))
	require.NotZero(t, code, out)
	require.Contains(t, out, "deadlock: main bubble goroutine has exited but blocked goroutines remain")
	require.NotContains(t, out, "synctest channel from outside bubble")
}

func TestChildForgottenInABubble(t *testing.T) {
	if os.Getenv(testkit.Variable) != "tests" {
		return
	}
	outside, err := ste.New()
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		func() { ste.New() }()
		// Let the collector find it, in real time, while the bubble lives. Nobody
		// may touch it from outside: that would end the process.
		outside.Submit(func() {
			for range 20 {
				runtime.GC()
				time.Sleep(time.Millisecond)
			}
		})
	})
}

// T16: ... and spoils nothing else while its bubble goes on: collections run, and
// neither the Thread nor others are touched from outside.
func TestT16UnreachableInABubble(t *testing.T) {
	outside := start(t)
	synctest.Test(t, func(t *testing.T) {
		done := func() <-chan struct{} {
			th, err := ste.New()
			require.NoError(t, err)
			th.Submit(func() {})
			ste.Async(th, func() (int, error) { return 1, nil })
			time.AfterFunc(time.Hour, func() { th.Close() })
			return th.Done()
		}()
		for range 5 {
			runtime.GC()
			assert.NoError(t, outside.Submit(func() {}))
		}
		<-done
	})
}

// T16, T8: the panic of a Future that was made in a bubble, of a Thread outside,
// is reported when the Future is garbage.
func TestT16AsyncUnclaimed(t *testing.T) {
	got := make(chan error, 1)
	th := start(t, ste.WithErrorHandler(func(err error) { got <- err }))
	synctest.Test(t, func(t *testing.T) {
		fu, err := ste.Async(th, func() (int, error) { panic("lost") })
		require.NoError(t, err)
		<-fu.Done()
	})
	require.True(t, testkit.Collect(func() bool { return len(got) == 1 }))
}

// T12, T16: a context of somebody's own that has ended and does not say so gives up a
// call from inside a bubble too. (Go's context package panicked over it, on the caller's
// goroutine or on one of its own, with the task queued.)
func TestT16SilentContext(t *testing.T) {
	th := start(t)
	hang := make(chan struct{})
	require.NoError(t, th.Post(func() { <-hang }))
	synctest.Test(t, func(t *testing.T) {
		never := func() { t.Error("ran after its call was over") }
		over := make(chan struct{})
		silent := testkit.OddContext{Context: context.Background(), OnDone: func() <-chan struct{} { return over }}
		go func() { // no Sleep: the bubble's clock stands still while somebody waits outside
			for range 100 {
				runtime.Gosched()
			}
			close(over)
		}()
		for _, when := range []string{"it ends later", "it has ended"} {
			var callers sync.WaitGroup
			for range 4 { // the first takes what there is, the others something of the bubble's
				callers.Go(func() { assert.Equal(t, context.Canceled, th.SubmitContext(silent, never), when) })
			}
			callers.Wait()
		}
	})
	close(hang)
	require.NoError(t, th.Submit(func() {}))
}
