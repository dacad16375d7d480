//go:build cgo

package trials

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/cgotest"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T4 to T13 from end to end: a thread that C started runs C's own event loop, asleep
// in epoll, and is a Thread all the while. Two such threads, one after the other.
func TestAttachToALoopInC(t *testing.T) {
	for range 2 {
		loop := cgotest.NewLoop()
		defer loop.Close()
		handed := make(chan *ste.Thread)
		var turns atomic.Int64
		gone := make(chan struct{})
		var tid uint64
		closed := 0
		go func() {
			defer close(gone)
			cgotest.Thread(func() {
				tid = osthread.ID()
				assert.NoError(t, ste.Attach(func(th *ste.Thread) error {
					handed <- th
					loop.Run(func() bool {
						turns.Add(1)
						assert.True(t, th.OnThread())
						th.RunPending()
						return !th.Closed()
					})
					return nil
				}, ste.WithWaker(loop.Wake), ste.WithTeardown(func() error { closed++; return nil })))
				assert.Equal(t, tid, osthread.ID())
			})
		}()
		th := <-handed
		require.Equal(t, tid, testkit.OSThreadOf(t, th))
		var v *ste.Tagged[int]
		require.NoError(t, th.Submit(func() { v = ste.NewTagged(3) }))
		for i := range testkit.Rounds(20) {
			switch i % 5 {
			case 0:
				got, err := ste.Call(th, func() (int, error) { return v.Get(), nil })
				require.NoError(t, err)
				require.Equal(t, 3, got)
			case 1:
				require.Equal(t, "oh", testkit.PanicOf[*ste.PanicError](t, func() { th.Submit(func() { testkit.BoomFrame("oh") }) }).Value)
			case 2:
				returned, _ := testkit.Within(t, func() { th.Submit(runtime.Goexit) })
				require.False(t, returned)
			case 3:
				ran := make(chan struct{})
				_, err := th.AfterFunc(200*time.Microsecond, func() { close(ran) })
				require.NoError(t, err)
				testkit.Await(t, ran)
			case 4:
				f, err := ste.Async(th, func() (uint64, error) { return osthread.ID(), nil })
				require.NoError(t, err)
				at, err := f.Wait(context.Background())
				require.NoError(t, err)
				require.Equal(t, tid, at)
			}
		}
		b, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error {
			closed++
			require.Equal(t, tid, osthread.ID())
			return nil
		})
		require.NoError(t, err)
		require.NoError(t, b.Do(func(int) error { return nil }))
		time.Sleep(5 * time.Millisecond)
		before := turns.Load()
		time.Sleep(50 * time.Millisecond)
		require.LessOrEqual(t, turns.Load()-before, int64(1), "the loop sleeps when there is nothing to do")
		require.NoError(t, th.Close())
		require.Equal(t, 2, closed)
		testkit.Await(t, gone)
		require.False(t, v.OnThread())
		require.ErrorIs(t, th.Post(func() {}), ste.ErrClosed)
	}
}
