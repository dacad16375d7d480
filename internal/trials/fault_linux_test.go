package trials

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// SIGURG, with which the Go runtime interrupts goroutines, comes to every OS thread of
// the process again and again under load.
func TestFaultSIGURGStorm(t *testing.T) {
	l := startLoad(eachStrategy(t)...)
	sent := 0
	for begun := time.Now(); time.Since(begun) < faultTime(); {
		tasks, err := os.ReadDir("/proc/self/task")
		require.NoError(t, err)
		for range 20 {
			for _, task := range tasks {
				tid, err := strconv.Atoi(task.Name())
				require.NoError(t, err)
				if unix.Tgkill(os.Getpid(), tid, unix.SIGURG) == nil { // else it has ended
					sent++
				}
			}
		}
	}
	l.end(t)
	t.Logf("%d signals", sent)
	require.Positive(t, sent)
}

// Children are forked under load, from tasks and from elsewhere: they start, end and
// are waited for, and the load goes on.
func TestFaultChildrenUnderLoad(t *testing.T) {
	program, err := exec.LookPath("true")
	if err != nil {
		t.Skip("no program to start: ", err)
	}
	n := 100
	if testing.Short() {
		n = 5
	}
	ths := eachStrategy(t)
	l := startLoad(ths...)
	var fs []func()
	for i := range len(ths) + 2 {
		fs = append(fs, func() {
			for range n {
				err := error(nil)
				if i < len(ths) {
					ths[i].Submit(func() { err = exec.Command(program).Run() })
				} else {
					err = exec.Command(program).Run()
				}
				if err != nil {
					t.Errorf("child: %v", err)
				}
			}
		})
	}
	testkit.Together(t, fs...)
	l.end(t)
}

// Many Threads at once, with -long 9,900 of the 10,000 OS threads that Go allows: each
// serves, all close, and their OS threads end.
func TestFaultThousandsOfThreads(t *testing.T) {
	n := testkit.Size(40, 80, 9900)
	if testkit.RaceEnabled {
		n = min(n, 2500) // the race detector allows 8,128 goroutines, and a Thread has two
	}
	out, code := testkit.RunChild(t, "thousands of Threads", fmt.Sprint("STE_COUNT=", n))
	if code != 0 && refusedThreads.MatchString(out) {
		t.Skip("the system allows a process fewer OS threads than Go does")
	}
	require.Zero(t, code, out)
	t.Log(out)
}

// refusedThreads is what Go says when the system refuses an OS thread.
var refusedThreads = regexp.MustCompile(`failed to create new OS thread|pthread_create failed`)

// Near the runtime's limit of OS threads (10,000, or debug.SetMaxThreads) Go ends the
// process, with a message of its own. New cannot know and returns a Thread; until then
// every Thread has served.
func TestFaultThreadExhaustion(t *testing.T) {
	out, code := testkit.RunChild(t, "thread exhaustion")
	require.Equal(t, 2, code, out)
	require.Contains(t, out, "fatal error: thread exhaustion")
	require.Contains(t, out, "served 50\n")
	require.NotContains(t, out, "survived")
	require.NotRegexp(t, `(?m)^failed:`, out)
}

// Where the system refuses a new OS thread (RLIMIT_NPROC, a cgroup's pids.max) Go ends
// the process too: "runtime: failed to create new OS thread". New has returned by then,
// without an error, or waits for the inits; no Go program can catch it. What was made
// before has served.
func TestFaultSystemRefusesThreads(t *testing.T) {
	out, code := testkit.RunChild(t, "no more OS threads")
	if code == 77 {
		t.Skip("cannot limit the number of processes here: ", out)
	}
	require.NotZero(t, code, out)
	require.Regexp(t, refusedThreads, out)
	require.NotContains(t, out, "survived")
	require.NotRegexp(t, `(?m)^failed:`, out)
}

// Many posts, with -long 10 million, wait behind a task: they run in their order, and
// the memory is given back.
func TestFaultTenMillionPosts(t *testing.T) {
	n := testkit.Size(20_000, 200_000, 10_000_000)
	if testkit.RaceEnabled {
		n = min(n, 200_000) // more take minutes
	}
	out, code := testkit.RunChild(t, "millions of posts", fmt.Sprint("STE_COUNT=", n))
	require.Zero(t, code, out)
	t.Log(out)
}

// One processor only, from the start of the process: all strategies serve.
func TestFaultOneProcessor(t *testing.T) {
	out, code := testkit.RunChild(t, "one processor")
	require.Zero(t, code, out)
	t.Log(out)
}

// A process that is stopped and goes on later, as a machine that sleeps: to everybody
// in it the clock jumps, at any place in the code. No timer is early or lost, what an
// Every has missed is said, and the load goes on.
func TestFaultClockJumps(t *testing.T) {
	n := 20
	if testing.Short() {
		n = 5
	}
	cmd := testkit.Command(t, "clock jumps", nil)
	end, err := cmd.StdinPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	over := testkit.Guard(cmd.Process)
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan(), "the child has begun")
	for range n {
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		require.NoError(t, cmd.Process.Signal(unix.SIGSTOP))
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, cmd.Process.Signal(unix.SIGCONT))
	}
	require.NoError(t, end.Close())
	said := ""
	for lines.Scan() {
		said += lines.Text() + "\n"
	}
	err = cmd.Wait()
	require.NoError(t, over(), said) // the goroutines are on stderr
	require.NoError(t, err, said)
	t.Log(said)
	var ticks, missed, most int
	_, err = fmt.Sscanf(said, "ticks %d, missed %d, at once %d", &ticks, &missed, &most)
	require.NoError(t, err, said)
	require.GreaterOrEqual(t, most, 15, "of some 20 deadlines in each jump")
}

// count is how many a child's parent wants.
func count() int {
	n, err := strconv.Atoi(os.Getenv("STE_COUNT"))
	testkit.OrDie(err)
	return n
}

func threadsOfProcess() int {
	tasks, err := os.ReadDir("/proc/self/task")
	testkit.OrDie(err)
	return len(tasks)
}

func init() {
	testkit.Children["thousands of Threads"] = func() {
		n := count()
		runtime.GOMAXPROCS(min(8, runtime.GOMAXPROCS(0))) // they need OS threads too
		before, begun := threadsOfProcess(), time.Now()
		ths := make([]*ste.Thread, n)
		for i := range ths {
			var err error
			ths[i], err = ste.New()
			testkit.OrDie(err)
		}
		var ran atomic.Int64
		var wg sync.WaitGroup
		for _, th := range ths {
			wg.Go(func() { testkit.OrDie(th.Submit(func() { ran.Add(1) })) })
		}
		wg.Wait()
		most := threadsOfProcess()
		for _, th := range ths {
			wg.Go(func() { testkit.OrDie(th.Close()) })
		}
		wg.Wait()
		for threadsOfProcess() > before+min(50, n/5) { // ended soon after
			time.Sleep(time.Millisecond)
		}
		fmt.Printf("%d ran, %d OS threads, then %d, in %v\n", ran.Load(), most, threadsOfProcess(), time.Since(begun).Round(time.Millisecond))
		if ran.Load() != int64(n) || most < n {
			os.Exit(1)
		}
	}
	testkit.Children["thread exhaustion"] = func() {
		debug.SetMaxThreads(80)
		serveMany(400)
		fmt.Println("survived")
	}
	testkit.Children["no more OS threads"] = func() {
		limit := unix.Rlimit{Cur: 40, Max: 40}
		if err := unix.Setrlimit(unix.RLIMIT_NPROC, &limit); err != nil {
			fmt.Println(err)
			os.Exit(77)
		}
		if os.Getuid() == 0 { // the limit is not root's; a user who runs nothing else
			if err := syscall.Setuid(59_875); err != nil {
				fmt.Println(err)
				os.Exit(77)
			}
		}
		serveMany(400)
		fmt.Println("survived")
	}
	testkit.Children["millions of posts"] = func() {
		n := count()
		var heap runtime.MemStats
		th, err := ste.New()
		testkit.OrDie(err)
		hang := make(chan struct{})
		testkit.OrDie(th.Post(func() { <-hang }))
		ran := 0
		begun := time.Now()
		f := func() { ran++ }
		for i := range n {
			if i%1000 == 0 {
				testkit.OrDie(th.Post(func() {
					if ran != i {
						fmt.Println("failed: number", i, "runs as number", ran)
						os.Exit(1)
					}
					ran++
				}))
			} else {
				testkit.OrDie(th.Post(f))
			}
		}
		runtime.ReadMemStats(&heap)
		queued := heap.HeapAlloc
		close(hang)
		testkit.OrDie(th.Submit(func() {}))
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&heap)
		fmt.Printf("ran %d in %v; heap %d MiB queued, %d KiB after\n", ran, time.Since(begun).Round(time.Millisecond), queued>>20, heap.HeapAlloc>>10)
		if ran != n || heap.HeapAlloc > 8<<20 {
			os.Exit(1)
		}
		testkit.OrDie(th.Close())
	}
	testkit.Children["clock jumps"] = func() {
		const period = 5 * time.Millisecond
		ths := make([]*ste.Thread, len(strategies))
		for i, w := range strategies {
			var err error
			ths[i], err = ste.New(ste.WithWaitStrategy(w))
			testkit.OrDie(err)
		}
		check := func(ok bool, format string, args ...any) {
			if !ok {
				fmt.Printf("failed: "+format+"\n", args...)
				os.Exit(1)
			}
		}
		l := startLoad(ths[1:]...)
		var ticks, missed, most int
		var due time.Time
		_, err := ths[0].Every(period, func(tick ste.Tick) {
			late := tick.Start.Sub(tick.Due)
			check(late >= 0, "a tick comes %v early", -late) // how late nobody knows: the clock may have jumped just now
			if ticks > 0 {
				want := due.Add(time.Duration(tick.Missed+1) * period)
				check(tick.Due.Equal(want), "a tick is due at %v and not %v, missed %d", tick.Due, want, tick.Missed)
			}
			due, missed, most = tick.Due, missed+tick.Missed, max(most, tick.Missed)
			ticks++
		})
		testkit.OrDie(err)
		var stop atomic.Bool
		var once sync.WaitGroup
		for _, th := range ths {
			once.Go(func() {
				for !stop.Load() {
					d := time.Duration(rand.IntN(10)) * time.Millisecond
					begun, done := time.Now(), make(chan struct{})
					_, err := th.AfterFunc(d, func() { close(done) })
					testkit.OrDie(err)
					<-done
					check(time.Since(begun) >= d, "AfterFunc(%v) after %v", d, time.Since(begun))
				}
			})
		}
		fmt.Println("begun")
		_, _ = io.Copy(io.Discard, os.Stdin) // until the parent has had enough
		stop.Store(true)
		once.Wait()
		l.stop.Store(true)
		l.over.Wait()
		close(l.errs)
		for err := range l.errs {
			testkit.OrDie(err)
		}
		for _, th := range ths {
			testkit.OrDie(th.Close())
		}
		fmt.Printf("ticks %d, missed %d, at once %d\n", ticks, missed, most)
	}
	testkit.Children["one processor"] = func() {
		runtime.LockOSThread()
		var set unix.CPUSet
		testkit.OrDie(unix.SchedGetaffinity(0, &set))
		if set.Count() > 1 { // NumCPU is asked at the start of a process
			for cpu := range 1024 {
				if set.IsSet(cpu) {
					set.Zero()
					set.Set(cpu)
				}
			}
			testkit.OrDie(unix.SchedSetaffinity(0, &set))
			args, err := testkit.Self()
			testkit.OrDie(err)
			testkit.OrDie(syscall.Exec(args[0], args, os.Environ()))
		}
		runtime.UnlockOSThread()
		if runtime.NumCPU() != 1 || runtime.GOMAXPROCS(0) != 1 {
			fmt.Println("failed: more than one processor")
			os.Exit(1)
		}
		for _, w := range strategies {
			a, err := ste.New(ste.WithWaitStrategy(w))
			testkit.OrDie(err)
			b, err := ste.New(ste.WithWaitStrategy(w))
			testkit.OrDie(err)
			begun := time.Now()
			count := new(int)
			for range 200 {
				testkit.OrDie(loadRound(a, count))
				testkit.OrDie(a.Submit(func() { testkit.OrDie(b.Submit(func() { *count++ })) }))
			}
			ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience())
			testkit.OrDie(a.Shutdown(ctx))
			testkit.OrDie(b.Shutdown(ctx))
			cancel()
			fmt.Printf("strategy %d: %v\n", w, time.Since(begun).Round(time.Millisecond))
		}
	}
}

// serveMany makes Threads and lets each serve at once, and says how many did.
func serveMany(n int) {
	ths := make([]*ste.Thread, n)
	for i := range ths {
		var err error
		ths[i], err = ste.New()
		testkit.OrDie(err)
		served := 0
		testkit.OrDie(ths[i].Submit(func() { served++ }))
		if served != 1 {
			fmt.Println("failed: did not serve")
		}
		if i%10 == 9 {
			fmt.Printf("served %d\n", i+1)
		}
	}
}
