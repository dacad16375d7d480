package inbox

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A caller in a bubble does not spin for an Inbox outside: the bubble's clock,
// which stands still meanwhile, would never end that. Nor does it measure.
func TestNoSpinInBubble(t *testing.T) {
	q := New(Config{Wait: Spin})
	task := q.Get(true)
	require.Equal(t, Accepted, q.Put(task, nop))
	require.True(t, task.arm == spinning && !task.woke)
	ended := make(chan struct{})
	time.AfterFunc(200*time.Millisecond, func() {
		defer close(ended)
		taken, _, _ := q.Next(Seen, false)
		taken.Finish(Returned, nil)
	})
	synctest.Test(t, func(t *testing.T) {
		require.False(t, q.watchEnd(task))
	})
	<-ended

	q = New(Config{})
	q.Recycle(q.Get(true)) // made outside
	meter := q.pace.meter.Load()
	q.pace.record(meter, q.pace.arm.Load(), 1000, 1)
	synctest.Test(t, func(*testing.T) {
		task = q.Get(true)
		for range 100 {
			q.pace.start(task)
			q.pace.stop(task)
		}
	})
	require.EqualValues(t, 1, meter.n)
	require.EqualValues(t, 1000, meter.cost[parking])
}
