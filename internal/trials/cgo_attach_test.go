//go:build cgo

package trials

import (
	"runtime"
	"sync"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/cgotest"
	"github.com/ste-go/ste/internal/here"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// G1: C threads, one after the other, that are Threads for one callback each. They
// get each other's goroutine, address and all, and often the thread number; what an
// earlier one has made opens for none of them.
func TestG1AttachOnCThreads(t *testing.T) {
	var made []*ste.Tagged[int]
	addresses := map[uintptr]int{}
	for i := range max(testkit.Rounds(5), 200) {
		cgotest.Thread(func() {
			if here.Known {
				addresses[here.Goroutine()]++
			}
			for _, v := range made[max(0, len(made)-50):] {
				assert.False(t, v.OnThread())
			}
			assert.Equal(t, ste.Tag{}, ste.Current())
			err := ste.Attach(func(th *ste.Thread) error {
				v := ste.NewTagged(i)
				made = append(made, v)
				ran := 0
				assert.NoError(t, th.Post(func() { ran += v.Get() }))
				assert.NoError(t, th.Post(runtime.Goexit))
				assert.NoError(t, th.Post(func() { ran++ }))
				assert.Equal(t, 3, th.RunPending())
				assert.Equal(t, i+1, ran)
				assert.True(t, v.OnThread())
				return nil
			})
			assert.NoError(t, err)
			assert.False(t, made[i].OnThread())
		})
	}
	if here.Known {
		require.Less(t, len(addresses), len(made)/2, "goroutines are used again, or this shows nothing")
	}
}

// The same at once, with callers from everywhere: each is reached on its own thread,
// and waits for its own end.
func TestAttachOnManyCThreads(t *testing.T) {
	for range max(testkit.Rounds(500), 5) {
		var all sync.WaitGroup
		for range 8 {
			handed := make(chan *ste.Thread)
			all.Go(func() {
				cgotest.Thread(func() {
					tid := osthread.ID()
					n := 0
					assert.NoError(t, ste.Attach(func(th *ste.Thread) error {
						handed <- th
						for n < 100 {
							n += th.RunPending()
							runtime.Gosched()
						}
						return nil
					}))
					assert.Equal(t, tid, osthread.ID())
				})
			})
			all.Go(func() {
				th := <-handed
				tid := testkit.OSThreadOf(t, th)
				for range 100 {
					var at uint64
					if th.Submit(func() { at = osthread.ID() }) == nil {
						assert.Equal(t, tid, at)
					}
				}
				assert.NoError(t, th.Close())
			})
		}
		done := make(chan struct{})
		go func() { all.Wait(); close(done) }()
		testkit.Await(t, done)
	}
}

// T10: RunPending and Run in a callback that C makes inside a task.
func TestRunPendingInACallback(t *testing.T) {
	th := start(t)
	require.NoError(t, th.Submit(func() {
		ran := 0
		for range 3 {
			require.NoError(t, th.Post(func() { ran++ }))
			require.NoError(t, th.Post(runtime.Goexit))
			cgotest.CallFromC(func() { require.Equal(t, 2, th.RunPending()) })
			require.ErrorIs(t, th.Run(testkit.Ended()), testkit.Ended().Err())
		}
		require.Equal(t, 3, ran)
	}))
}
