package inbox

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

func nop() {}

// posted returns a Task for q that nobody waits for.
func posted(q *Inbox) *Task {
	t := q.Get(false)
	t.Posted, t.Counted = true, true
	return t
}

// The queue is first in, first out, whatever leaves its middle.
func TestOrderAndCancel(t *testing.T) {
	q := New(Config{})
	var tasks []*Task
	for range 10 {
		task := posted(q)
		require.Equal(t, Accepted, q.Put(task, nop))
		tasks = append(tasks, task)
	}
	for _, i := range []int{0, 4, 5, 9} { // head, middle, tail
		require.True(t, q.Cancel(tasks[i]))
		require.True(t, tasks[i].Over())
		require.False(t, q.Cancel(tasks[i]), "twice")
	}
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		got, slept, _ := q.Next(pace.Seen, false)
		require.Same(t, tasks[i], got)
		require.False(t, slept)
		require.False(t, q.Cancel(got), "taken")
	}
	q.Close()
	got, _, _ := q.Next(pace.Seen, false)
	require.Nil(t, got)
}

// Closed and Full refuse and leave the Task with the caller; cancelling and
// taking make room.
func TestLimitAndClose(t *testing.T) {
	q := New(Config{Limit: 2})
	a, b, c := posted(q), posted(q), posted(q)
	require.Equal(t, Accepted, q.Put(a, nop))
	require.Equal(t, Accepted, q.Put(b, nop))
	require.Equal(t, Full, q.Put(c, nop))
	require.True(t, q.Cancel(a))
	require.Equal(t, Accepted, q.Put(c, nop))
	q.Next(pace.Seen, false)
	require.Equal(t, Accepted, q.Put(a, nop))
	require.True(t, q.Close())
	require.False(t, q.Close())
	require.Equal(t, Closed, q.Put(posted(q), nop))
}

// Drop finishes what is queued, in order, and nothing else.
func TestDrop(t *testing.T) {
	q := New(Config{})
	why := errors.New("why")
	var wg sync.WaitGroup
	for range 5 {
		task := q.Get(true)
		require.Equal(t, Accepted, q.Put(task, nop))
		wg.Go(func() {
			q.Wait(task)
			if task.End != Dropped || task.Err != why {
				t.Error("not dropped")
			}
		})
	}
	require.Equal(t, 5, q.Drop(why))
	require.Equal(t, 0, q.Drop(why))
	wg.Wait()
}

// Many producers, one worker, cancellation in between: every Task is taken or
// cancelled, never both, never neither.
func TestHammer(t *testing.T) {
	const producers, ops = 8, 5000
	q := New(Config{})
	var run, cancelled int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for i := range ops {
				task := q.Get(true)
				if q.Put(task, nop) != Accepted {
					t.Error("refused")
				}
				if (p+i)%3 == 0 && q.Cancel(task) {
					mu.Lock()
					cancelled++
					mu.Unlock()
				} else {
					q.Wait(task)
				}
				q.Recycle(task)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			task, _, _ := q.Next(pace.Seen, false)
			if task == nil {
				return
			}
			run++
			task.Finish(Returned, nil)
		}
	}()
	wg.Wait()
	q.Close()
	<-done
	require.Equal(t, producers*ops, run+cancelled)
}

// Free Tasks beyond keep are held weakly once the worker sleeps, and found again
// while the garbage collector has not come by.
func TestBurstIsFoundAgain(t *testing.T) {
	q := New(Config{})
	const burst = 10 * keep
	tasks := map[*Task]bool{}
	var list []*Task
	for range burst {
		task := q.Get(true)
		tasks[task], list = true, append(list, task)
	}
	for _, task := range list {
		q.Recycle(task)
	}
	q.pool.shed()
	require.Equal(t, keep, length(q.pool.free))
	require.Equal(t, burst-keep-1, length(q.pool.spare.Value())) // one is the lane's
	for range burst {
		require.True(t, tasks[q.Get(true)], "a new Task while old ones were free")
	}
}

// The worker sheds what callers are giving back and taking at the same time.
func TestShedWhileInUse(t *testing.T) {
	q := New(Config{})
	var wg sync.WaitGroup
	var stop atomic.Bool
	for range 2 {
		wg.Go(func() {
			for !stop.Load() {
				task := q.Get(false)
				task.Posted = true
				q.Recycle(task)
			}
		})
	}
	for range 40 * testkit.Rounds(1) {
		q.pool.shed()
	}
	stop.Store(true)
	wg.Wait()
}

// A worker with nothing to do leaves a burst's free Tasks to the garbage collector.
func TestIdleWorkerSheds(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	var burst []*Task
	for range 10 * keep {
		burst = append(burst, posted(q))
	}
	for _, task := range burst {
		q.Recycle(task)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		q.Next(pace.Seen, false)
	}()
	for q.head.Load() != asleep {
		runtime.Gosched()
	}
	require.Equal(t, keep, length(q.pool.free))
	require.Nil(t, q.pool.back.Load())
	q.Close()
	<-ended
}

// What has ended or was dropped is let go of, though its waiter or the worker has
// not moved on yet.
func TestNothingKept(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	task := q.Get(true)
	require.Equal(t, Accepted, q.Put(task, func() {}))
	require.True(t, task.park())
	got, _, _ := q.Next(pace.Seen, false)
	require.Same(t, task, got)
	require.True(t, task.Finish(Returned, nil))
	require.Nil(t, task.run)

	for range 3 {
		require.Equal(t, Accepted, q.Post(func() {}))
	}
	got, _, _ = q.Next(pace.Seen, false) // the batch, in which the worker now hangs
	require.Equal(t, 3, q.Drop(nil))
	for _, f := range got.fs {
		require.Nil(t, f)
	}
}

func length(t *Task) (n int) {
	for ; t != nil; t = t.next {
		n++
	}
	return n
}
