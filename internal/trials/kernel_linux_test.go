package trials

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/futex"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Every OS thread of the process is to make a system call (as setuid does) while 1,000
// Threads sleep in one of their own: it returns, and all serve afterwards.
func TestKernelAllThreadsSyscall(t *testing.T) {
	runMany(t, "system call of all threads")
}

// No stop of the world waits for those who sleep in the kernel: pauses are as short as with
// Threads that sleep in Go's scheduler.
func TestKernelPauses(t *testing.T) {
	runMany(t, "pauses")
}

// Threads that sleep in the kernel use no processor time, nor does the runtime beside them.
func TestKernelIdleUsesNoCPU(t *testing.T) {
	runMany(t, "idle in the kernel")
}

// runMany runs a child that makes many Threads.
func runMany(t *testing.T, scenario string) {
	t.Helper()
	out, code := testkit.RunChild(t, scenario, fmt.Sprint("STE_COUNT=", testkit.Size(100, 1000, 1000)))
	if code != 0 && refusedThreads.MatchString(out) {
		t.Skip("the system allows a process fewer OS threads than Go does")
	}
	if code == 77 {
		t.Skip(out)
	}
	require.Zero(t, code, out)
	t.Log(out)
}

// A CPU profile is taken under load, and its signal, like any other, comes to all OS
// threads also while they sleep: nothing is lost, no timer is early.
func TestKernelProfiled(t *testing.T) {
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		t.Skip("this run is being profiled already: ", err)
	}
	defer pprof.StopCPUProfile()
	ths := eachStrategy(t)
	l := startLoad(ths...)
	var stop atomic.Bool
	var timers sync.WaitGroup
	for _, th := range append(ths, start(t, ste.WithWaitStrategy(ste.WaitKernel))) { // the last one is asleep most of the time
		timers.Go(func() {
			for !stop.Load() {
				d, begun, rang := time.Duration(rand.IntN(3000))*time.Microsecond, time.Now(), make(chan struct{})
				if _, err := th.AfterFunc(d, func() { close(rang) }); err != nil {
					t.Error(err)
					return
				}
				<-rang
				if took := time.Since(begun); took < d {
					t.Errorf("AfterFunc(%v) after %v", d, took)
				}
			}
		})
	}
	for begun := time.Now(); time.Since(begun) < faultTime(); time.Sleep(100 * time.Microsecond) {
		tasks, err := os.ReadDir("/proc/self/task")
		require.NoError(t, err)
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			require.NoError(t, err)
			_ = unix.Tgkill(os.Getpid(), tid, unix.SIGPROF) // it may have ended
		}
	}
	stop.Store(true)
	over := make(chan struct{})
	go func() { timers.Wait(); close(over) }()
	testkit.Await(t, over)
	l.end(t)
	pprof.StopCPUProfile()
	require.Positive(t, profile.Len())
}

// kernelSleepers is how many goroutines sleep in the kernel.
func kernelSleepers() (n int) {
	var out bytes.Buffer
	testkit.OrDie(pprof.Lookup("goroutine").WriteTo(&out, 1))
	for _, m := range regexp.MustCompile(`(?m)^(\d+) @.*\n(?:#.*\n)*?#.*internal/futex\.Wait\+`).FindAllStringSubmatch(out.String(), -1) {
		k, err := strconv.Atoi(m[1])
		testkit.OrDie(err)
		n += k
	}
	return n
}

// many are a child's Threads of one strategy.
type many []*ste.Thread

func newMany(n int, w ste.WaitStrategy) many {
	ths := make(many, n)
	for i := range ths {
		var err error
		ths[i], err = ste.New(ste.WithWaitStrategy(w))
		testkit.OrDie(err)
	}
	ths.serve()
	return ths
}

// serve lets each do something.
func (ths many) serve() {
	ran := 0
	for _, th := range ths {
		testkit.OrDie(th.Submit(func() { ran++ }))
	}
	if ran != len(ths) {
		fmt.Println("failed:", ran, "of", len(ths), "have served")
		os.Exit(1)
	}
}

// awaitSleepers waits until so many sleep in the kernel.
func awaitSleepers(n int) {
	if !futex.Works {
		n = 0
	}
	for kernelSleepers() != n { // the parent's patience ends
		time.Sleep(time.Millisecond)
	}
}

func (ths many) close() {
	for _, th := range ths {
		testkit.OrDie(th.Close())
	}
}

// longestPause is the longest stop of the world among some.
func longestPause() time.Duration {
	const name = "/sched/pauses/total/gc:seconds"
	read := func(also string) (total []uint64, edges []float64) {
		for _, name := range []string{name, also} {
			s := []metrics.Sample{{Name: name}}
			metrics.Read(s)
			h := s[0].Value.Float64Histogram()
			if total == nil {
				total, edges = make([]uint64, len(h.Counts)), h.Buckets
			}
			for i, n := range h.Counts {
				total[i] += n
			}
		}
		return total, edges
	}
	const other = "/sched/pauses/total/other:seconds"
	before, edges := read(other)
	for range 10 {
		runtime.GC()
		runtime.ReadMemStats(new(runtime.MemStats))
	}
	after, _ := read(other)
	longest := math.Inf(-1)
	for i := range after {
		if after[i] > before[i] {
			longest = edges[i]
		}
	}
	if longest < 0 {
		fmt.Println("failed: no pauses")
		os.Exit(1)
	}
	return time.Duration(longest * float64(time.Second))
}

func init() {
	testkit.Children["system call of all threads"] = func() {
		ths := newMany(count(), ste.WaitKernel)
		begun := time.Now()
		for range 5 {
			awaitSleepers(len(ths))
			pid, _, err := syscall.AllThreadsSyscall(syscall.SYS_GETPID, 0, 0, 0)
			if err == syscall.ENOTSUP {
				fmt.Println("not in a program with cgo")
				os.Exit(77)
			}
			if int(pid) != os.Getpid() {
				fmt.Println("failed:", pid, err)
				os.Exit(1)
			}
			ths.serve()
		}
		ths.close()
		fmt.Printf("%d Threads, 5 times in %v\n", len(ths), time.Since(begun).Round(time.Millisecond))
	}
	testkit.Children["pauses"] = func() {
		// The shortest of some turns, as a processor may be missing for a while.
		parked, kernel := time.Hour, time.Hour
		for range 3 {
			ths := newMany(count(), ste.WaitPark)
			awaitSleepers(0)
			parked = min(parked, longestPause())
			ths.close()
			ths = newMany(count(), ste.WaitKernel)
			awaitSleepers(len(ths))
			kernel = min(kernel, longestPause())
			ths.serve()
			ths.close()
		}
		fmt.Printf("longest pauses: %v parked, %v in the kernel\n", parked, kernel)
		if kernel > max(20*parked, 20*time.Millisecond) {
			os.Exit(1)
		}
	}
	testkit.Children["idle in the kernel"] = func() {
		ths := newMany(20, ste.WaitKernel)
		for range 100 { // as after work
			ths.serve()
		}
		used := time.Hour
		for range 3 {
			awaitSleepers(len(ths))
			var before, after unix.Rusage
			testkit.OrDie(unix.Getrusage(unix.RUSAGE_SELF, &before))
			time.Sleep(time.Second)
			testkit.OrDie(unix.Getrusage(unix.RUSAGE_SELF, &after))
			used = min(used, time.Duration(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano()))
			ths.serve()
		}
		ths.close()
		fmt.Printf("%v of processor time in a second\n", used)
		if used > 50*time.Millisecond {
			os.Exit(1)
		}
	}
}
