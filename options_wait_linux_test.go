package ste_test

import (
	"os"
	"regexp"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/futex"
	"github.com/ste-go/ste/internal/testkit"
)

func init() {
	oneCore = func(t *testing.T) {
		var all, one unix.CPUSet
		require.NoError(t, unix.SchedGetaffinity(0, &all))
		for cpu := 0; one.Count() == 0; cpu++ {
			if all.IsSet(cpu) {
				one.Set(cpu)
			}
		}
		keep := func(set *unix.CPUSet) {
			threads, err := os.ReadDir("/proc/self/task")
			require.NoError(t, err)
			for _, thread := range threads {
				tid, err := strconv.Atoi(thread.Name())
				require.NoError(t, err)
				if err := unix.SchedSetaffinity(tid, set); err != unix.ESRCH { // it has ended
					require.NoError(t, err)
				}
			}
		}
		twice := func(set *unix.CPUSet) { // for threads that were being started
			keep(set)
			keep(set)
		}
		twice(&one)
		t.Cleanup(func() { twice(&all) })
	}
}

// inKernel is how many goroutines that are locked to their thread sleep in a futex call of
// internal/futex, by what a dump says.
func inKernel() int {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	return len(regexp.MustCompile(`(?m)^goroutine \d+ \[syscall[^\]]*locked to thread\]:\n(?:.+\n)*?.*internal/futex\.Wait`).FindAll(buf, -1))
}

// The Thread waits in the kernel, and so does a task of it that waits for another Thread;
// others do not.
func TestWaitKernel(t *testing.T) {
	if !futex.Works {
		t.Skip("WaitKernel is WaitPark in this build")
	}
	before := inKernel()
	th, other := start(t, ste.WithWaitStrategy(ste.WaitKernel)), start(t, ste.WithWaitStrategy(ste.WaitPark))
	for range testkit.Rounds(50) {
		ran := 0
		require.NoError(t, th.Submit(func() { ran++ }))
		require.NoError(t, th.Post(func() { ran++ }))
		require.NoError(t, th.Submit(func() { ran++ }))
		require.Equal(t, 3, ran)
	}
	testkit.Until(t, "the Thread in the kernel", func() bool { return inKernel() == before+1 })

	hold, held := make(chan struct{}), make(chan struct{})
	require.NoError(t, other.Post(func() { close(held); <-hold }))
	<-held
	done := make(chan error, 1)
	require.NoError(t, th.Post(func() { done <- other.Submit(func() {}) }))
	time.Sleep(10 * time.Millisecond)
	testkit.Until(t, "its task in the kernel", func() bool { return inKernel() == before+1 })
	require.NoError(t, other.Post(func() {}))
	close(hold)
	require.NoError(t, <-done)
	require.NoError(t, th.Close())
	require.NoError(t, other.Close())
	testkit.Until(t, "nobody in the kernel", func() bool { return inKernel() == before })
}

// Timers end the sleep in the kernel, early ones and those that come while it sleeps.
func TestWaitKernelTimers(t *testing.T) {
	th := start(t, ste.WithWaitStrategy(ste.WaitKernel))
	for range testkit.Rounds(100) {
		ran := make(chan time.Time, 2)
		begin := time.Now()
		_, err := th.AfterFunc(20*time.Millisecond, func() { ran <- time.Now() })
		require.NoError(t, err)
		_, err = th.AfterFunc(time.Millisecond, func() { ran <- time.Now() })
		require.NoError(t, err)
		first, second := <-ran, <-ran
		require.GreaterOrEqual(t, first.Sub(begin), time.Millisecond)
		require.GreaterOrEqual(t, second.Sub(begin), 20*time.Millisecond)
	}
}

// A Thread that sleeps in the kernel holds up no stop of the world, and is stopped with it.
func TestWaitKernelStops(t *testing.T) {
	const threads = 50
	var ran atomic.Int64
	ths := make([]*ste.Thread, threads)
	for i := range ths {
		ths[i] = start(t, ste.WithWaitStrategy(ste.WaitKernel))
		require.NoError(t, ths[i].Submit(func() { ran.Add(1) }))
	}
	longest := time.Duration(0)
	for range 20 {
		begin := time.Now()
		runtime.GC()
		longest = max(longest, time.Since(begin))
		for _, th := range ths {
			require.NoError(t, th.Post(func() { ran.Add(1) }))
		}
	}
	for _, th := range ths {
		require.NoError(t, th.Close())
	}
	require.EqualValues(t, 21*threads, ran.Load())
	require.Less(t, longest, testkit.Patience()/4)
}

// In a bubble it is WaitPark: the bubble sees that its Thread sleeps, and its clock goes on.
func TestWaitKernelInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th, err := ste.New(ste.WithWaitStrategy(ste.WaitKernel))
		require.NoError(t, err)
		begin := time.Now()
		ran := make(chan struct{})
		_, err = th.AfterFunc(time.Hour, func() { close(ran) })
		require.NoError(t, err)
		<-ran
		require.Equal(t, time.Hour, time.Since(begin))
		require.NoError(t, th.Close())
	})
}
