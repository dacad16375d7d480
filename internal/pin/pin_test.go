package pin

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ste-go/ste/internal/osthread"
)

// However often others stop the world, Set does not let the goroutine go: while it is set
// right the lock count is zero for moments, in which nothing may be a place to preempt. (The
// first instruction of a function is one, nosplit or not.)
func TestSetIsNotPreempted(t *testing.T) {
	if !Works {
		t.Skip("one thread")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	const setters = 6
	var stop atomic.Bool
	var moved atomic.Int32
	var wg sync.WaitGroup
	for range setters {
		wg.Go(func() {
			Set()
			for tid := osthread.ID(); !stop.Load(); {
				for range 20 {
					Set()
				}
				if now := osthread.ID(); now != tid {
					moved.Add(1)
					tid = now
				}
			}
		})
	}
	wg.Go(func() {
		var m runtime.MemStats
		for !stop.Load() {
			runtime.ReadMemStats(&m) // stops the world
		}
	})
	time.Sleep(2 * time.Second)
	stop.Store(true)
	wg.Wait()
	require.Zero(t, moved.Load(), "times on another OS thread")
}

func BenchmarkSet(b *testing.B) {
	Set()
	for b.Loop() {
		Set()
	}
}
