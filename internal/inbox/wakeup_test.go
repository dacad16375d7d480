package inbox

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/testkit"
)

// The worker never sleeps on a Task that a Cancel has brought in, however it waits.
func TestCancelLosesNoTask(t *testing.T) {
	for _, wait := range []pace.Wait{pace.Park, pace.Adaptive, pace.Spin} {
		q := New(Config{Wait: wait})
		var stop atomic.Bool
		ended := make(chan struct{}, 2)
		go func() {
			for task, _, _ := q.Next(pace.Seen, false); task != nil; task, _, _ = q.Next(pace.Seen, false) {
				task.Finish(Returned, nil)
			}
			ended <- struct{}{}
		}()
		go func() {
			for never := stranger(); !stop.Load(); {
				q.Cancel(never)
			}
			ended <- struct{}{}
		}()
		var done atomic.Int64
		back := make(chan struct{})
		go func() {
			defer close(back)
			for range testkit.Rounds(1) {
				if wait == pace.Adaptive {
					q.pace.ForceSpin() // it spins, then sleeps
				}
				task := q.Get()
				q.Put(task, nop)
				q.Wait(task, nil)
				q.Recycle(task)
				done.Add(1)
			}
		}()
		for running, before := true, int64(-1); running; {
			select {
			case <-back:
				running = false
			case <-time.After(10 * time.Second):
				if running = done.Load() != before; !running {
					t.Error("a Task lies in the queue and the worker sleeps; way to wait:", wait)
				}
				before = done.Load()
			}
		}
		stop.Store(true)
		q.Close()
		<-ended
		<-ended
	}
}
