package ste_test

import (
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A foreignWait is epoll on an eventfd, which stands for a toolkit's.
type foreignWait struct{ poll, event int }

func newForeignWait(t *testing.T) *foreignWait {
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	require.NoError(t, err)
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	require.NoError(t, err)
	require.NoError(t, unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, event, &unix.EpollEvent{Events: unix.EPOLLIN}))
	f := &foreignWait{poll, event}
	t.Cleanup(func() { unix.Close(poll); unix.Close(event) })
	return f
}

func (f *foreignWait) wake() { unix.Write(f.event, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

func (f *foreignWait) wait(t *testing.T) {
	for {
		_, err := unix.EpollWait(f.poll, make([]unix.EpollEvent, 1), int(testkit.Patience().Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		assert.NoError(t, err)
		break
	}
	var count [8]byte
	_, err := unix.Read(f.event, count[:])
	assert.NoError(t, err, "woken by nobody: something was lost")
}

// T10, T13: a task on an ordinary Thread that blocks in a foreign wait is reached
// there by Submit, by timers and by Close, and sleeps when there is nothing.
func TestWakerEndsAForeignWait(t *testing.T) {
	for range 3 {
		f := newForeignWait(t)
		th := start(t, ste.WithWaker(f.wake))
		tid := testkit.OSThreadOf(t, th)
		turns := 0
		require.NoError(t, th.Post(func() {
			for {
				turns++
				th.RunPending()
				if th.Closed() {
					return
				}
				f.wait(t)
			}
		}))
		n := testkit.Rounds(20)
		caller := func() {
			for range n {
				var at uint64
				assert.NoError(t, th.Submit(func() { at = osthread.ID() }))
				assert.Equal(t, tid, at)
			}
		}
		testkit.Together(t, caller, caller, func() {
			for range n / 10 {
				ran := make(chan struct{})
				_, err := th.AfterFunc(300*time.Microsecond, func() { close(ran) })
				assert.NoError(t, err)
				testkit.Await(t, ran)
			}
		})
		time.Sleep(5 * time.Millisecond)
		var before, after int
		require.NoError(t, th.Submit(func() { before = turns }))
		time.Sleep(30 * time.Millisecond)
		require.NoError(t, th.Submit(func() { after = turns }))
		require.LessOrEqual(t, after-before, 2)
		testkit.Within(t, func() { assert.NoError(t, th.Close()) })
	}
}
