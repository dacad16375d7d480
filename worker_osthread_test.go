package ste_test

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T1: tasks, hooks and what follows panics and Goexits run on one OS thread.
func TestT1OneThread(t *testing.T) {
	var tids []uint64
	note := func() { tids = append(tids, osthread.ID()) }
	noteErr := func() error { note(); return nil }
	th := start(t, ste.WithInit(noteErr), ste.WithTeardown(noteErr),
		ste.WithErrorHandler(func(error) { note() }))
	for range 100 {
		require.NoError(t, th.Submit(note))
		require.NoError(t, th.Post(note))
		require.NoError(t, th.Post(func() { note(); panic("handled") }))
		testkit.Within(t, func() { th.Submit(func() { note(); runtime.Goexit() }) })
	}
	require.NoError(t, th.Close())
	require.Len(t, tids, 1+5*100+1)
	for _, tid := range tids {
		require.Equal(t, tids[0], tid)
	}
}

// T1: two stray unlocks in each task never leave the Thread unlocked, wherever a batch of
// posts begins in the count of tasks.
func TestT1StaysLocked(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		t.Skip("no OS threads")
	}
	th := start(t)
	stray := func() {
		assert.True(t, lockedHere())
		testkit.StrayUnlocks(2)
		assert.True(t, lockedHere())
	}
	for alone := range 20 {
		hold := make(chan struct{})
		for range alone {
			require.NoError(t, th.Submit(stray))
		}
		require.NoError(t, th.Post(func() { <-hold; stray() }))
		for range 100 {
			require.NoError(t, th.Post(stray))
		}
		close(hold)
		require.NoError(t, th.Submit(stray))
	}
}

// T1: stray calls of UnlockOSThread, LockOSThread or both in each task move
// nothing, however long it goes on, and a Goexit or Close afterwards finds all in order.
func TestT1StrayLocks(t *testing.T) {
	for name, stray := range map[string]func(){
		"unlock":       runtime.UnlockOSThread,
		"two unlocks":  func() { runtime.UnlockOSThread(); runtime.UnlockOSThread() },
		"lock":         runtime.LockOSThread,
		"two locks":    func() { testkit.StrayLocks(2) },
		"twenty locks": func() { testkit.StrayLocks(20) },
		"many unlocks": func() { testkit.StrayUnlocks(ste.LockDepth / 2); testkit.StrayLocks(ste.LockDepth / 2) },
		"many locks":   func() { testkit.StrayLocks(100); testkit.StrayUnlocks(100) },
	} {
		t.Run(name, func(t *testing.T) {
			// Company on the processors, for the scheduler to move goroutines about.
			stop := make(chan struct{})
			defer close(stop)
			for range runtime.GOMAXPROCS(0) {
				go func() {
					for {
						select {
						case <-stop:
							return
						default:
							runtime.Gosched()
						}
					}
				}()
			}
			th := start(t)
			tid := testkit.OSThreadOf(t, th)
			for i := range testkit.Rounds(50) {
				th.Submit(func() {
					stray()
					if i%10 == 0 {
						time.Sleep(time.Microsecond)
					}
					if osthread.ID() != tid {
						t.Error("moved")
					}
				})
				for range 3 { // a run of tasks without a sleep between them
					th.Post(func() { stray(); runtime.Gosched() })
				}
				if i%50 == 0 {
					testkit.Within(t, func() { th.Submit(func() { stray(); runtime.Goexit() }) })
				}
			}
			require.Equal(t, tid, testkit.OSThreadOf(t, th))
			require.NoError(t, th.Close())
		})
	}
}

// T1: a task that unlocks the Thread for good either stays where it is or ends
// the process at its end; no later task runs on another OS thread.
func TestT1UnlockForGoodIsLoud(t *testing.T) {
	out, code := testkit.RunChild(t, "unlock for good")
	require.NotContains(t, out, "ran on another OS thread")
	if code == 0 {
		require.Contains(t, out, "stayed")
		return
	}
	require.Contains(t, out, "ste: Thread 1 (victim) has lost its OS thread")
}

// T1, G1: while a run of tasks each makes two stray unlocks, no other goroutine
// gets the OS thread and passes for the Thread. (The count used to reach zero in
// the sixteenth task.)
func TestT1StrayUnlocksGiveNothingAway(t *testing.T) {
	th := start(t)
	var aliens atomic.Int32
	for range testkit.Rounds(500) {
		gate := make(chan struct{})
		require.NoError(t, th.Post(func() { <-gate }))
		for range 2 * ste.LockDepth {
			require.NoError(t, th.Post(func() { testkit.StrayUnlocks(2); runtime.Gosched() }))
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for !testkit.IsClosed(stop) {
					if th.OnThread() {
						aliens.Add(1)
					}
					runtime.Gosched()
				}
			})
		}
		close(gate)
		require.NoError(t, th.Submit(func() {}))
		close(stop)
		wg.Wait()
	}
	require.Zero(t, aliens.Load())
}

// T1: setting the lock count right is never interrupted, not even by what -race
// and -cover put into the code; CI runs this one with both. (A loop in
// relock let the runtime move the Thread.)
func TestT1NeverMovedByItself(t *testing.T) {
	stop := make(chan struct{})
	var gc sync.WaitGroup
	for range 2 {
		gc.Go(func() {
			for !testkit.IsClosed(stop) {
				runtime.GC()
			}
		})
	}
	var fs []func()
	for range 4 {
		th := start(t)
		tid := testkit.OSThreadOf(t, th)
		fs = append(fs, func() {
			for range testkit.Rounds(5) {
				if testkit.OSThreadOf(t, th) != tid {
					t.Error("moved")
				}
			}
		})
	}
	testkit.Together(t, fs...)
	close(stop)
	gc.Wait()
}

// T1: many stray locks at once, in an init, a task and before a Goexit.
func TestT1ManyLocksAtOnce(t *testing.T) {
	th := start(t, ste.WithInit(func() error { testkit.StrayLocks(500); return nil }))
	tid := testkit.OSThreadOf(t, th)
	testkit.Within(t, func() { th.Submit(func() { testkit.StrayLocks(300); runtime.Goexit() }) })
	require.NoError(t, th.Submit(func() { testkit.StrayLocks(1000) }))
	require.Equal(t, tid, testkit.OSThreadOf(t, th))
	require.NoError(t, th.Close())

	for _, hook := range []func(func() error) ste.Option{ste.WithInit, ste.WithTeardown} {
		th, err := ste.New(hook(func() error { testkit.StrayLocks(500); return nil }))
		require.NoError(t, err)
		require.NoError(t, th.Close(), "without a task")
	}
}

func init() {
	testkit.Children["unlock for good"] = func() {
		th, _ := ste.New(ste.WithName("victim"))
		var tid uint64
		th.Submit(func() { tid = osthread.ID() })
		for range 1000 {
			th.Submit(func() {
				testkit.StrayUnlocks(10 * ste.LockDepth)
				// Let another goroutine have this OS thread, and come back on another.
				for range 100 {
					go func() { time.Sleep(50 * time.Microsecond) }()
					time.Sleep(10 * time.Microsecond)
				}
			})
			th.Submit(func() {
				if osthread.ID() != tid {
					fmt.Println("ran on another OS thread")
				}
			})
		}
		fmt.Println("stayed")
	}
}

// T2: no Thread settles on the startup thread, not even when the process has
// just started and main is blocked in New, so that the startup thread is idle.
func TestT2NeverTheStartupThread(t *testing.T) {
	for range max(testkit.Rounds(1000), 30) {
		out, code := testkit.RunChild(t, "first threads")
		require.Zero(t, code, out)
		require.Equal(t, "none on the startup thread\n", out)
	}
}

// T2: the same in a package initialiser.
func TestT2InPackageInitialiser(t *testing.T) {
	for range max(testkit.Rounds(1000), 10) {
		out, code := testkit.RunChild(t, "first threads", "STE_TEST_INIT=new")
		require.Zero(t, code, out)
		require.Equal(t, "none on the startup thread\n", out)
	}
}

var madeInInit = func() (th *ste.Thread) {
	if os.Getenv("STE_TEST_INIT") == "new" {
		th, _ = ste.New()
	}
	return th
}()

func init() {
	testkit.Children["first threads"] = func() {
		for i := range 20 {
			th := madeInInit
			if i > 0 || th == nil {
				th, _ = ste.New()
			}
			th.Submit(func() {
				if osthread.IsStartup() {
					fmt.Println("a Thread is on the startup thread")
				}
			})
			if i%2 == 0 {
				th.Close()
			}
		}
		fmt.Println("none on the startup thread")
	}
}
