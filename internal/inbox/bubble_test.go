package inbox

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
	"github.com/stretchr/testify/require"
)

// A caller in a bubble does not spin for an Inbox outside: the bubble's clock,
// which stands still meanwhile, would never end that.
func TestNoSpinInBubble(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // with one nobody spins
	q := New(Config{Wait: pace.Spin})
	task := q.Get()
	require.Equal(t, Accepted, q.Put(task, nop))
	require.True(t, q.pace.Spins() && !task.woke)
	ended := make(chan struct{})
	time.AfterFunc(200*time.Millisecond, func() {
		defer close(ended)
		taken, _, _ := q.Next(pace.Seen, false)
		taken.Finish(Returned, nil)
	})
	synctest.Test(t, func(t *testing.T) {
		require.False(t, q.watchEnd(task))
	})
	<-ended
}

// A caller that must not spin does not: not with a worker that is just busy.
func TestCalm(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	fastest := func(calm bool) time.Duration {
		least := time.Hour
		for range 20 {
			q := New(Config{Wait: pace.Spin}) // which nobody serves
			task := q.Get()
			task.Calm(prim.Bell{}, calm)
			require.Equal(t, Accepted, q.Put(task, func() {}))
			begun := time.Now()
			require.False(t, q.watchEnd(task))
			least = min(least, time.Since(begun))
		}
		return least
	}
	require.GreaterOrEqual(t, fastest(false), 90*time.Microsecond)
	require.Less(t, fastest(true), 50*time.Microsecond)
}
