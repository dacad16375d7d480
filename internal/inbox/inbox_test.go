package inbox

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/prim"
	"github.com/stretchr/testify/require"
)

func nop() {}

// The queue is first in, first out, whatever leaves its middle and whenever that is.
func TestOrderAndCancel(t *testing.T) {
	for _, taken := range []int{0, 1, 3} { // when the rest is lent already
		q := New(Config{})
		q.Recycle(q.Get()) // makes the lane
		q.busy.Store(1)    // which somebody else has
		var tasks []*Task
		for range 10 {
			task := q.Get()
			require.Equal(t, Accepted, q.Put(task, nop))
			tasks = append(tasks, task)
		}
		next := func() *Task {
			got, slept, _ := q.Next(pace.Seen, false)
			require.False(t, slept)
			return got
		}
		for _, task := range tasks[:taken] {
			require.Same(t, task, next())
			require.False(t, q.Cancel(task), "taken")
		}
		rest := tasks[taken:]
		gone := map[int]bool{0: true, 4: true, 5: true, len(rest) - 1: true}
		for i := range gone { // head, middle, tail
			require.True(t, q.Cancel(rest[i]))
			require.True(t, rest[i].Over())
			require.False(t, q.Cancel(rest[i]), "twice")
		}
		for i, task := range rest {
			if gone[i] {
				continue
			}
			require.True(t, q.Pending())
			require.Same(t, task, next())
			require.False(t, q.Cancel(task), "taken")
		}
		require.False(t, q.Pending(), "nothing but what was cancelled")
		q.Close()
		require.Nil(t, next())
	}
}

// A Task that was cancelled and is used again runs once, in its new place.
func TestUsedAgainAfterCancel(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	lone, task := q.Get(), q.Get()
	require.Equal(t, Accepted, q.Put(task, nop))
	require.True(t, q.Cancel(task))
	q.Recycle(task)
	require.Equal(t, Accepted, q.Post(nop))
	require.Same(t, task, q.Get())
	require.Equal(t, Accepted, q.Put(task, nop))
	first, _, _ := q.Next(pace.Seen, false)
	require.False(t, first.Waited())
	second, _, _ := q.Next(pace.Seen, false)
	require.Same(t, task, second)
	require.False(t, q.Pending())
	q.Recycle(lone)
}

// Closed and Full refuse and leave the Task with the caller; taking makes room.
func TestLimitAndClose(t *testing.T) {
	q := New(Config{Limit: 2})
	require.Equal(t, Accepted, q.Post(nop))
	require.Equal(t, Accepted, q.Put(&Task{Sink: ignore{}}, nop))
	require.Equal(t, Full, q.Post(nop))
	require.Equal(t, Full, q.Put(&Task{Sink: ignore{}}, nop))
	require.Equal(t, Accepted, q.Put(&Task{Own: true}, nop), "it does not count")
	require.Equal(t, Accepted, q.Put(q.Get(), nop), "nor do calls")
	for range 2 {
		q.Next(pace.Seen, false)
		require.Equal(t, Accepted, q.Post(nop))
		require.Equal(t, Full, q.Post(nop))
	}
	require.Equal(t, 3, q.Drop(nil))
	require.Equal(t, Accepted, q.Post(nop))
	require.True(t, q.Close())
	require.False(t, q.Close())
	require.Equal(t, Closed, q.Post(nop))
	require.Equal(t, Closed, q.Put(&Task{Sink: ignore{}}, nop))
	require.Equal(t, Closed, q.Put(q.Get(), nop))
}

type ignore struct{}

func (ignore) Finish(End, error) {}

// Drop finishes what is queued, in order, and nothing else.
func TestDrop(t *testing.T) {
	q := New(Config{})
	why := errors.New("why")
	var wg sync.WaitGroup
	for range 5 {
		task := q.Get()
		require.Equal(t, Accepted, q.Put(task, nop))
		wg.Go(func() {
			q.Wait(task, nil)
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
				task := q.Get()
				if q.Put(task, nop) != Accepted {
					t.Error("refused")
				}
				if (p+i)%3 == 0 && q.Cancel(task) {
					mu.Lock()
					cancelled++
					mu.Unlock()
				} else {
					q.Wait(task, nil)
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

// Of a burst's Tasks no more are kept than keep, and those are used again.
func TestBurstIsReleased(t *testing.T) {
	q := New(Config{})
	tasks := map[*Task]bool{}
	for range 10 * keep {
		tasks[q.Get()] = true
	}
	for task := range tasks {
		q.Recycle(task)
	}
	require.Equal(t, keep, q.pool.n)
	for range keep + 1 { // one is the lane's
		require.True(t, tasks[q.Get()], "a new Task while old ones were free")
	}
	require.Nil(t, q.pool.free)
	require.False(t, tasks[q.Get()])
}

// A worker with nothing to do gives up the ring of a burst, and no smaller one.
func TestIdleWorkerSheds(t *testing.T) {
	for _, burst := range []int{ringKept / 2, ringKept + 1} {
		q := New(Config{Wait: pace.Park})
		for range burst {
			require.Equal(t, Accepted, q.Post(nop))
		}
		ended := work(q)
		for q.state.Load() != asleep {
			runtime.Gosched()
		}
		require.Equal(t, burst < ringKept, q.ring != nil)
		require.Equal(t, burst < ringKept, q.view.Load() != nil)
		require.Equal(t, Accepted, q.Post(nop))
		q.Close()
		<-ended
	}
}

// What is cancelled behind a Task that never ends needs no more room than what waits at
// one time.
func TestCancelledNeedNoRoom(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	q.Recycle(q.Get())
	q.busy.Store(1)
	stays := q.Get()
	require.Equal(t, Accepted, q.Put(stays, nop))
	var before *Task
	for i := range 100_000 {
		task := q.Get()
		require.Equal(t, Accepted, q.Put(task, nop))
		if i == 0 {
			before = task
			continue
		}
		require.True(t, q.Cancel(before))
		q.Recycle(before)
		before = task
	}
	require.LessOrEqual(t, q.ring.size(), int64(2*prim.Room))
	for _, task := range []*Task{stays, before} {
		got, _, _ := q.Next(pace.Seen, false)
		require.Same(t, task, got)
	}
}

// However full the ring is when somebody looks into it, all comes out once and in order.
func TestFullRing(t *testing.T) {
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 0))
		q := New(Config{Single: seed%2 == 0})
		next, posted := 0, 0
		run := func() {
			task, _, _ := q.Next(pace.Seen, false)
			task.Func()()
		}
		for range 500 {
			switch random.IntN(4) {
			default:
				i := posted
				posted++
				require.Equal(t, Accepted, q.Post(func() {
					require.Equal(t, next, i)
					next++
					if i%5 == 4 {
						q.Pending() // looks into it, in the middle of several
					}
				}))
			case 2:
				if next < posted {
					run()
				}
			case 3:
				require.Equal(t, next < posted, q.Pending()) // looks into it
			}
		}
		for next < posted {
			run()
		}
		require.False(t, q.Pending())
	}
}

// What has ended or was dropped is let go of, though its waiter or the worker has
// not moved on yet.
func TestNothingKept(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	task := q.Get()
	require.Equal(t, Accepted, q.Put(task, func() {}))
	require.True(t, task.park())
	got, _, _ := q.Next(pace.Seen, false)
	require.Same(t, task, got)
	require.True(t, task.Finish(Returned, nil))
	require.Nil(t, task.run)

	for range 3 {
		require.Equal(t, Accepted, q.Post(func() {}))
	}
	q.Next(pace.Seen, false) // the first, in which the worker now hangs
	require.Equal(t, Accepted, q.Post(func() {}))
	require.Equal(t, 3, q.Drop(nil))
	require.Nil(t, q.ring)
	require.Nil(t, q.view.Load())
}

// stranger returns a call's Task that no Inbox knows.
func stranger() *Task {
	c := new(call)
	c.task.call = c
	return &c.task
}
