package osthread

import (
	"iter"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ste-go/ste/internal/here"
)

// Self says the same in all that runs on one thread, and something else on each thread
// that lives at the same time, however often goroutines and threads are made and end.
func TestSelf(t *testing.T) {
	Learn()
	if !here.Known {
		t.Skip("Self is ID in this build")
	}
	require.True(t, Quick(), "no word of the descriptor has passed")
	const threads = 8
	for range 200 {
		said := make(chan [3]uint64, threads)
		done := make(chan struct{})
		var ended sync.WaitGroup
		for range threads {
			ended.Go(func() {
				runtime.LockOSThread() // and ends so: the thread ends, too
				var s [3]uint64
				s[0] = Self()
				next, stop := iter.Pull(func(yield func(uint64) bool) {
					runtime.Gosched()
					yield(Self())
				})
				s[1], _ = next()
				stop()
				runtime.Gosched()
				s[2] = Self()
				said <- s
				<-done
			})
		}
		seen := map[uint64]bool{}
		for range threads {
			s := <-said
			require.Equal(t, [3]uint64{s[0], s[0], s[0]}, s)
			require.NotZero(t, s[0])
			require.False(t, seen[s[0]], "two threads say %d", s[0])
			seen[s[0]] = true
		}
		close(done)
		ended.Wait()
	}
}
