package ste_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// T1: a task that takes the Thread's working directory away from the process's
// (unshare) and changes it is seen by nobody else, before or after Close, and
// by every later task of the Thread.
func TestT1UnshareIsSeenByNobodyElse(t *testing.T) {
	home, err := os.Getwd()
	require.NoError(t, err)
	away, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NotEqual(t, home, away)

	for range max(testkit.Rounds(200), 5) {
		th, err := ste.New()
		require.NoError(t, err)
		testkit.Watch(th)
		tid := testkit.OSThreadOf(t, th)
		require.NoError(t, th.Submit(func() {
			require.NoError(t, unix.Unshare(unix.CLONE_FS))
			require.NoError(t, unix.Chdir(away))
		}))
		testkit.Within(t, func() { th.Submit(runtime.Goexit) }) // the state outlives this, too
		require.NoError(t, th.Submit(func() {
			cwd, err := os.Readlink("/proc/thread-self/cwd")
			require.NoError(t, err)
			require.Equal(t, away, cwd)
		}))
		requireOnlyAway(t, away, tid)
		require.NoError(t, th.Close())
		// The OS thread is about to end. No goroutine gets it: whoever runs now
		// sees the process's directory.
		for range 50 {
			done := make(chan string)
			go func() {
				cwd, _ := os.Readlink("/proc/thread-self/cwd")
				done <- cwd
			}()
			require.Equal(t, home, <-done)
		}
		testkit.Until(t, "the OS thread has ended", func() bool { return !testkit.OSThreadAlive(tid) })
		requireOnlyAway(t, away, 0)
	}
}

// T1: the working directory and the umask are the process's until the Thread has
// called unshare(CLONE_FS); then they are the Thread's, and end with it.
func TestT1DirectoryBeforeAndAfterUnshare(t *testing.T) {
	out, code := testkit.RunChild(t, "directory before and after unshare")
	require.Zero(t, code, out)
	require.Contains(t, out, "as the package comment says")
}

func init() {
	testkit.Children["directory before and after unshare"] = func() {
		const shared, own = 0o027, 0o077 // umasks
		home, err := os.Getwd()
		testkit.OrDie(err)
		sharedDir, ownDir := filepath.Dir(home), "/proc"
		umask := func(mask int) string { return fmt.Sprintf("Umask:\t%04o\n", mask) }
		expect := func(when, dir string, mask int, others string, othersMask int, own uint64) {
			tasks, err := filepath.Glob("/proc/self/task/*")
			testkit.OrDie(err)
			seen := false
			for _, task := range tasks {
				wantDir, wantMask := others, umask(othersMask)
				it := task == fmt.Sprint("/proc/self/task/", own)
				if it {
					wantDir, wantMask = dir, umask(mask)
				}
				cwd, err := os.Readlink(task + "/cwd")
				status, err2 := os.ReadFile(task + "/status")
				if err != nil || err2 != nil {
					continue // it ended meanwhile
				}
				seen = seen || it
				if cwd != wantDir || !strings.Contains(string(status), wantMask) {
					fmt.Printf("failed: %s, %s is in %s and not %s, or without %s:\n%s", when, task, cwd, wantDir, wantMask, status)
					os.Exit(1)
				}
			}
			if own != 0 && !seen {
				fmt.Println("failed:", when, "the Thread's OS thread was not seen")
				os.Exit(1)
			}
		}

		var release sync.WaitGroup // threads that must see it, or not
		release.Add(1)
		defer release.Done()
		var locked sync.WaitGroup
		for range 4 {
			locked.Add(1)
			go func() {
				runtime.LockOSThread()
				locked.Done()
				release.Wait()
			}()
		}
		locked.Wait()

		th, err := ste.New()
		testkit.OrDie(err)
		var tid uint64
		testkit.OrDie(th.Submit(func() {
			testkit.WatchHere() // for OSThreadAlive
			tid = osthread.ID()
			testkit.OrDie(unix.Chdir(sharedDir))
			unix.Umask(shared)
		}))
		expect("before unshare", sharedDir, shared, sharedDir, shared, tid)
		testkit.OrDie(th.Submit(func() {
			testkit.OrDie(unix.Unshare(unix.CLONE_FS))
			testkit.OrDie(unix.Chdir(ownDir))
			unix.Umask(own)
		}))
		expect("after unshare", ownDir, own, sharedDir, shared, tid)
		testkit.OrDie(th.Close())
		for testkit.OSThreadAlive(tid) {
			time.Sleep(100 * time.Microsecond)
		}
		expect("after Close", "", 0, sharedDir, shared, 0)
		fmt.Println("as the package comment says")
	}
}

// requireOnlyAway checks every thread of the process: only one may be in dir.
func requireOnlyAway(t *testing.T, dir string, tid uint64) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*")
	require.NoError(t, err)
	for _, task := range tasks {
		cwd, err := os.Readlink(task + "/cwd")
		if err != nil {
			continue // it ended meanwhile
		}
		if cwd == dir {
			require.Equal(t, fmt.Sprint("/proc/self/task/", tid), task)
		}
	}
}

// T1: when a Thread ends its OS thread ends too, also after tasks that left locks
// or unlocks behind.
func TestT1OSThreadEnds(t *testing.T) {
	for name, task := range map[string]func(){
		"quiet":   func() {},
		"locks":   func() { testkit.StrayLocks(3) },
		"unlocks": func() { testkit.StrayUnlocks(3) },
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				th, err := ste.New()
				require.NoError(t, err)
				testkit.Watch(th)
				tid := testkit.OSThreadOf(t, th)
				require.True(t, testkit.OSThreadAlive(tid))
				require.NoError(t, th.Submit(task))
				require.NoError(t, th.Close())
				testkit.Until(t, "the OS thread has ended", func() bool { return !testkit.OSThreadAlive(tid) })
			}
		})
	}
}

// WithName names the OS thread, cut to 15 bytes at a character, and marks the
// goroutine in dumps, also after a Goexit.
func TestWithNameOSThread(t *testing.T) {
	for name, want := range map[string]string{
		"short":                  "short",
		"exactly15 bytes":        "exactly15 bytes",
		"longer than that all":   "longer than tha",
		"vierzehn ab und \u00e4": "vierzehn ab und",
		"umlaut at 14: \u00e4":   "umlaut at 14: ",
	} {
		th := start(t, ste.WithName(name))
		tid := testkit.OSThreadOf(t, th)
		comm, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/comm", tid))
		require.NoError(t, err)
		require.Equal(t, want, strings.TrimSuffix(string(comm), "\n"))
		require.Equal(t, name, th.Tag().Name())
	}
}

// T15: idle Threads use no CPU time, however many they are.
func TestT15IdleUsesNoCPU(t *testing.T) {
	n := testkit.Size(50, 80, 1000)
	tids := make([]uint64, n)
	for i := range tids {
		th := start(t)
		tids[i] = testkit.OSThreadOf(t, th)
	}
	before := cpuTicksAtRest(t, tids)
	time.Sleep(time.Second)
	require.LessOrEqual(t, cpuTicks(t, tids)-before, 2, "ticks of 10 ms, %d Threads idle for a second", n)
}

// T15: Run uses no CPU time while there is nothing to do, be it in a body, in a task
// somebody waits for, in one from a batch, or in a timer, and however it waits.
func TestT15RunIdleUsesNoCPU(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var tids []uint64
	in := make(chan uint64)
	var running sync.WaitGroup
	run := func(th *ste.Thread) {
		defer running.Done()
		running.Add(1)
		in <- osthread.ID()
		assert.ErrorIs(t, th.Run(ctx), context.Canceled)
	}
	var ths []*ste.Thread
	for name, wait := range strategies {
		for i := range 4 {
			if wait == ste.WaitSpin && i == 3 {
				continue // spins, as it should
			}
			var th *ste.Thread
			switch i {
			case 0:
				th = start(t, ste.WithWaitStrategy(wait))
				go th.Submit(func() { run(th) })
			case 1:
				th = start(t, ste.WithWaitStrategy(wait))
				require.NoError(t, th.Post(func() { run(th) }), name)
			case 2:
				th = start(t, ste.WithWaitStrategy(wait))
				_, err := th.AfterFunc(0, func() { run(th) })
				require.NoError(t, err)
			case 3:
				var end func() error
				th, end = attach(t, func(th *ste.Thread) error { run(th); return nil }, ste.WithWaitStrategy(wait))
				defer func() { assert.NoError(t, end()) }()
			}
			tids = append(tids, <-in)
			ths = append(ths, th)
		}
	}
	for range 100 { // as after work
		for _, th := range ths {
			require.NoError(t, th.Submit(func() {}))
		}
	}
	before := cpuTicksAtRest(t, tids)
	time.Sleep(time.Second)
	require.LessOrEqual(t, cpuTicks(t, tids)-before, 2, "ticks of 10 ms, %d Threads idle for a second", len(tids))
	cancel()
	running.Wait()
}

// T15: a Thread with timers and no other work uses processor time at its ticks.
func TestT15TimersUseCPUAtTheirTicks(t *testing.T) {
	const n = 50
	tids := make([]uint64, n)
	for i := range tids {
		th := start(t)
		tids[i] = testkit.OSThreadOf(t, th)
		_, err := th.AfterFunc(time.Hour, func() {})
		require.NoError(t, err)
		_, err = th.Every(200*time.Millisecond, func(ste.Tick) {})
		require.NoError(t, err)
	}
	before := cpuTicks(t, tids)
	time.Sleep(time.Second)
	require.LessOrEqual(t, cpuTicks(t, tids)-before, 20, "ticks of 10 ms, for some 250 ticks in a second")
}

// cpuTicks adds fields 14 and 15 (user and system time) of the threads' stats.
func cpuTicks(t *testing.T, tids []uint64) (ticks int) {
	for _, tid := range tids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(stat), ") ")
		var user, system int
		fields := strings.Fields(rest)
		fmt.Sscan(fields[11], &user)
		fmt.Sscan(fields[12], &system)
		ticks += user + system
	}
	return ticks
}

// cpuTicksAtRest is cpuTicks when the threads have come to rest: on a machine that is
// busy they may still have had to get there.
func cpuTicksAtRest(t *testing.T, tids []uint64) (ticks int) {
	testkit.Until(t, "the Threads rest", func() bool {
		before := cpuTicks(t, tids)
		time.Sleep(100 * time.Millisecond)
		ticks = cpuTicks(t, tids)
		return ticks == before
	})
	return ticks
}

// The startup thread is the one whose number is the process's.
func TestStartupThread(t *testing.T) {
	th := start(t)
	require.NotEqual(t, uint64(os.Getpid()), testkit.OSThreadOf(t, th))
	require.NoError(t, th.Submit(func() { require.False(t, osthread.IsStartup()) }))
}

// T2: the startup thread is lent while a Thread looks for another one, and given back:
// other goroutines run there.
func TestT2StartupThreadGoesOn(t *testing.T) {
	out, code := testkit.RunChild(t, "startup thread goes on")
	require.Zero(t, code, out)
	require.Contains(t, out, "found 20 times")
}

func init() {
	testkit.Children["startup thread goes on"] = func() {
		// Goroutines that each hold their OS thread: at last one has the startup thread,
		// unless that is lost. Who had it before may not have come to give it back.
		onStartup := func(f func()) bool {
			release := make(chan struct{})
			var held sync.WaitGroup
			defer held.Wait()
			defer close(release)
			for range 200 {
				found := make(chan bool)
				held.Go(func() {
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					there := osthread.IsStartup()
					if there {
						f()
					}
					found <- there
					<-release
				})
				if <-found {
					return true
				}
			}
			return false
		}
		for range 20 {
			tries := 0
			for !onStartup(func() {
				runtime.UnlockOSThread()
				th, err := ste.New() // its goroutine comes next, and mostly here
				testkit.OrDie(err)
				runtime.Gosched()
				testkit.OrDie(th.Close())
				runtime.LockOSThread()
			}) {
				if tries++; tries == 100 {
					fmt.Println("failed: the startup thread is lost")
					os.Exit(1)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		fmt.Println("found 20 times")
	}
}

// T1: an attached Thread borrows its OS thread: what its tasks have changed stays there.
func TestT1AttachedLeavesItsChanges(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name := func() string {
		comm, err := os.ReadFile("/proc/thread-self/comm")
		require.NoError(t, err)
		return strings.TrimSpace(string(comm))
	}
	old := name()
	defer osthread.SetName(old)
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		require.Equal(t, old, name())
		return th.Submit(func() { osthread.SetName("borrowed") })
	}))
	require.Equal(t, "borrowed", name())
}
