package inbox

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ste-go/ste/internal/opaque"
	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// work runs q's worker until q is closed and empty.
func work(q *Inbox) (ended chan struct{}) {
	ended = make(chan struct{})
	go func() {
		defer close(ended)
		after := pace.Seen
		for {
			t, _, _ := q.Next(after, false)
			if t == nil {
				return
			}
			t.Func()()
			after = pace.Seen
			switch {
			case !t.Waited():
				after = pace.Posted
				t.Finish(Returned, nil)
			case t.Finish(Returned, nil):
				after = pace.Rang
			}
		}
	}()
	return ended
}

// The closure of a lone caller stays behind what that caller posted before, also
// when somebody else takes over in between what has come in.
func TestLaneStaysBehindPosts(t *testing.T) {
	for _, wait := range []pace.Wait{pace.Park, pace.Adaptive, pace.Spin} {
		q := New(Config{Wait: wait})
		ended := work(q)
		var stop atomic.Bool
		var others sync.WaitGroup
		others.Go(func() {
			for never := stranger(); !stop.Load(); {
				q.Cancel(never)
			}
		})
		var last, wrong int // the worker's
		for i := range testkit.Rounds(1) {
			q.Post(func() { last = i })
			task := q.Get()
			require.Same(t, q.lane.Load(), task.call)
			require.Equal(t, Accepted, q.Put(task, func() {
				if last != i {
					wrong++
				}
			}))
			q.Wait(task, nil)
			q.Recycle(task)
		}
		stop.Store(true)
		others.Wait()
		q.Close()
		<-ended
		require.Zero(t, wrong, "calls that overtook their caller's post; way to wait: %d", wait)
	}
}

// A lone caller and Close: what is accepted runs, what is refused does not.
func TestLaneAndClose(t *testing.T) {
	for i := range testkit.Rounds(1) {
		q := New(Config{Wait: []pace.Wait{pace.Park, pace.Park, pace.Adaptive, pace.Spin}[i%4]})
		ended := work(q)
		var start, both sync.WaitGroup
		start.Add(2)
		ran := 0
		var closed atomic.Bool
		both.Go(func() {
			start.Done()
			start.Wait()
			q.Close()
			closed.Store(true)
		})
		accepted := 0
		both.Go(func() {
			start.Done()
			start.Wait()
			for {
				late := closed.Load()
				task := q.Get()
				if q.Put(task, func() { ran++ }) != Accepted {
					q.Recycle(task)
					return
				}
				if late {
					t.Error("accepted after Close")
				}
				accepted++
				q.Wait(task, nil)
				q.Recycle(task)
			}
		})
		both.Wait()
		<-ended
		require.Equal(t, accepted, ran)
		require.Zero(t, q.busy.Load())
		require.False(t, q.handed())
	}
}

// A lone caller that gives up: its closure has run or never will.
func TestLaneAndCancel(t *testing.T) {
	for _, wait := range []pace.Wait{pace.Park, pace.Adaptive, pace.Spin} {
		q := New(Config{Wait: wait})
		ended := work(q)
		ran, finished := 0, 0
		for range testkit.Rounds(1) {
			ctx, cancel := context.WithCancel(context.Background())
			task := q.Get()
			require.Equal(t, Accepted, q.Put(task, func() { ran++ }))
			go cancel()
			if q.Wait(task, ctx.Done()) {
				finished++
			}
			require.True(t, task.Over())
			q.Recycle(task)
			require.Nil(t, task.run)
		}
		q.Close()
		<-ended
		require.Equal(t, finished, ran)
	}
}

// A closure is taken over also while its caller already sleeps, and let go of
// once it has ended or was dropped.
func TestLaneParked(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	for _, drop := range []bool{false, true} {
		ran := false
		task := q.Get()
		require.Equal(t, Accepted, q.Put(task, func() { ran = true }))
		require.True(t, task.park())
		if drop {
			require.Equal(t, 1, q.Drop(nil))
		} else {
			taken, _, _ := q.Next(pace.Seen, false)
			require.Same(t, task, taken)
			taken.Func()()
			require.True(t, taken.Finish(Returned, nil))
		}
		task.bell.Wait()
		require.Equal(t, !drop, ran)
		require.True(t, task.Over())
		require.Nil(t, task.run)
		require.False(t, q.handed())
		q.Recycle(task)
	}
}

// What a lone caller offers to an Inbox that has been closed meanwhile stays where the
// caller withdraws it, also when somebody gives up a call beside the lane, or the
// Thread posts something of its own: the worker has ended. (The exploration found a
// caller that waited for ever.)
func TestALateOfferIsLeft(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	lone, other := q.Get(), q.Get()
	require.Same(t, q.lane.Load(), lone.call)
	require.Equal(t, Accepted, q.Put(other, nop))
	require.True(t, q.Close())
	task, _, _ := q.Next(pace.Seen, false)
	require.Same(t, other, task)
	task.Finish(Returned, nil)
	_, _, end := q.Next(pace.Seen, false)
	require.True(t, end)
	lone.last ^= 1
	lone.hands[lone.last].Store(opaque.CodeOf(nop)) // offer, which has looked before the Close
	require.False(t, q.Cancel(other), "it has run")
	require.Equal(t, Closed, q.Put(&Task{Own: true}, nop))
	q.mu.Lock()
	defer q.mu.Unlock()
	require.True(t, q.offered())
}

// What the Thread posts for itself comes after what a lone caller has offered before.
func TestOwnComesBehindTheLane(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	lone, own := q.Get(), &Task{Own: true}
	require.Equal(t, Accepted, q.Put(lone, nop))
	require.Equal(t, Accepted, q.Put(own, nop))
	require.Equal(t, Accepted, q.Post(nop))
	for _, task := range []*Task{lone, own} {
		got, _, _ := q.Next(pace.Seen, false)
		require.Same(t, task, got)
	}
	got, _, _ := q.Next(pace.Seen, false)
	require.False(t, got.Waited())
}

// What is queued when an Inbox is closed can still be cancelled, in the lane and beside
// it.
func TestCancelAfterClose(t *testing.T) {
	q := New(Config{Wait: pace.Park})
	lone, other := q.Get(), q.Get()
	require.Equal(t, Accepted, q.Put(lone, nop))
	require.Equal(t, Accepted, q.Put(other, nop))
	require.True(t, q.Close())
	require.True(t, q.Cancel(lone))
	require.True(t, q.Cancel(other))
	task, _, end := q.Next(pace.Seen, false)
	require.Nil(t, task)
	require.True(t, end)
}
