//go:build ste_explore

package orders_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A mutant is a plausible mistake: in file, old became new.
type mutant struct {
	name, file, old, new string
	scenario             string // in which it is found
	bound                int
}

var mutants = []mutant{
	{"the worker sleeps without a second look at the lane", "internal/inbox/take.go",
		"return !q.offered() && q.until", "return q.until",
		"one caller/park", 1},
	{"the worker sleeps without a second look at the queue", "internal/inbox/take.go",
		"if q.first != q.end {", "if false {",
		"two callers/park", 2},
	{"the worker marks itself asleep over the close", "internal/inbox/take.go",
		"!q.state.CompareAndSwap(awake, asleep) {", "q.state.Swap(asleep) == closed {",
		"close/park", 2},
	{"a caller looks whether the worker sleeps before its task is there", "internal/inbox/lane.go",
		"h.Store(opaque.CodeOf(run))\n\tswitch", "defer h.Store(opaque.CodeOf(run))\n\tswitch",
		"one caller/park", 2},
	{"the lane is claimed without comparing", "internal/inbox/lane.go",
		"lone := q.busy.CompareAndSwap(0, 1)", "lone := q.busy.Load() == 0\n\tq.busy.Store(1)",
		"two callers/park", 1},
	{"a caller does not wake the worker for what it puts into the lane", "internal/inbox/lane.go",
		"woke = q.wake()", "",
		"one caller/park", 1},
	{"nor for what it queues", "internal/inbox/queue.go",
		"state == asleep && q.wake()", "false",
		"two callers/park", 1},
	{"who wakes the worker does not compare", "internal/inbox/queue.go",
		"if !q.state.CompareAndSwap(asleep, awake) {\n\t\treturn false\n\t}", "q.state.Store(awake)",
		"two callers/park", 2},
	{"what is closed accepts", "internal/inbox/queue.go",
		"case state == closed:", "case false:",
		"close/park", 2},
	{"a caller does not look whether the Thread has been closed meanwhile", "internal/inbox/lane.go",
		"if q.offered() {\n\t\t\th.Store(nil)\n\t\t\treturn Closed, false\n\t\t}", "",
		"close/park", 1},
	{"what is withdrawn from the lane stays in it", "internal/inbox/lane.go",
		"h.Store(nil)\n\t\t\treturn Closed, false", "return Closed, false",
		"close/park", 2},
	{"a caller falls asleep without comparing", "internal/inbox/task.go",
		"return h.CompareAndSwap(c, parked)", "h.Store(parked)\n\treturn true",
		"one caller/park", 1},
	{"the end is told before how it was", "internal/inbox/task.go",
		"t.End, t.Err = end, err\n\t}\n\tif !t.endWait() {\n\t\treturn false // the caller has seen it, and t may be anyone's by now\n\t}",
		"}\n\tsleeps := t.endWait()\n\tif end != Returned {\n\t\tt.End, t.Err = end, err\n\t}\n\tif !sleeps {\n\t\treturn false\n\t}",
		"panic and Goexit/spin", 1},
	{"who gives up after the start does not wait for the end", "internal/inbox/wait.go",
		"// T4: Cancel said no, so it has started, and its end is what the caller waits for.\n\t\tt.bell.Wait()\n", "",
		"cancel/park", 1},
	{"a task that has started is cancelled", "internal/inbox/queue.go",
		".That() != t {\n\t\t\treturn false", ".That() != t {\n\t\t\treturn true",
		"cancel/park", 1},
	{"a task that is cancelled stays in the queue", "internal/inbox/queue.go",
		"\t\t*q.ring.at(t.at) = item{}\n", "",
		"three give up/park", 1},
	{"what is recalled can still be claimed", "internal/inbox/queue.go",
		"q.claimed.Swap(q.lent); from", "q.claimed.Load(); from",
		"three give up/park", 1},
	{"what is recalled is not put back", "internal/inbox/queue.go",
		"\t\tq.first = from\n", "",
		"three give up/park", 1},
	{"the worker is not told of it", "internal/inbox/queue.go",
		"q.news.Store(true) // first", "// first",
		"given up among posts/park", 1},
	{"the worker claims before it has the ring", "internal/inbox/take.go",
		"\tat := ring.at(i)", "\tring = q.view.Load()\n\tat := ring.at(i)",
		"three give up/park", 3},
	{"a new ring leaves behind what is lent", "internal/inbox/queue.go",
		"\tq.recall()\n\tlive", "\tlive",
		"given up among more posts/park", 1},
	{"the lane is taken before what its caller has posted", "internal/inbox/take.go",
		"more = q.lend()", "more = !q.offered() && q.lend()",
		"posts/park", 2},
	{"Close does not wake the worker", "internal/inbox/inbox.go",
		"if before == asleep {", "if false {",
		"close/park", 1},
	{"posts run on over what stands between", "internal/inbox/take.go",
		"q.bare = q.tasksEnd <= q.first", "q.bare = true",
		"Async between posts/park", 1},
	{"a post that let others in runs on over what they have left", "internal/inbox/take.go",
		"n == 1 || !p.q.bare || p.q", "n == 1 || p.q",
		"RunPending among posts/park", 2},
	{"a wait that has ended counts for the ring check", "internal/who/ring.go",
		"return e.to != nil && !e.wait.Over()", "return e.to != nil",
		"no ring/park", 1},
	{"a wait that is about to begin does not", "internal/who/ring.go",
		"for at := e; at.to != nil; {", "for at := e; at.holds(); {",
		"ring of posts/park", 1},
	{"the ring check takes no lock", "internal/who/ring.go",
		"ring.mu.Lock()\n\tdefer ring.mu.Unlock()\n\tif begin", "if begin",
		"ring/park", 1},
	{"a dropped task is not told", "internal/inbox/queue.go",
		"t.Finish(Dropped, err) // it is its caller's now\n", "",
		"shutdown/park", 1},
	{"a Bound in use is closed at once", "bound.go",
		"if b.uses > 0 {\n\t\tb.closed.Store(true)", "if false {\n\t\tb.closed.Store(true)",
		"Bound closed in use/park", 1},
	{"a Bound's end is told before its close", "owned.go",
		"if f := o.of.closing(); f", "o.over.Store(true)\n\tif f := o.of.closing(); f",
		"Bound/park", 2},
	{"the wait for a Bound's close is not recorded", "owned.go",
		"err := enterWait(from, o.owner.id, o)", "err := error(nil)",
		"ring with a Bound/park", 1},
	{"a timer does not wake the Thread", "internal/inbox/take.go",
		"if q.state.Load() == asleep {", "if false {",
		"timers/park", 2},
	{"the worker sleeps without a second look at its timers", "internal/inbox/take.go",
		"!q.offered() && q.until.Load() == until", "!q.offered()",
		"timers/park", 2},
	{"the mark of sleep stays when a timer is due", "internal/inbox/take.go",
		"until) && !q.state.CompareAndSwap(asleep, awake) {", "until) && false {",
		"timers/park", 2},
	{"Stop takes no lock", "timer.go",
		"c.mu.Lock()\n\tdefer c.mu.Unlock()\n\tif tm.thread == nil {", "if tm.thread == nil {",
		"Stop/park", 2},
	{"a wait that ends before it is recorded is", "internal/who/ring.go",
		"if begin == nil && wait.Over() {", "if false {",
		"no ring with a Bound/park", 2},
	{"a use of what is closed meanwhile counts as a ring", "bound.go",
		"err = ErrClosed // this call", "_ = err // this call",
		"no ring with a use/park", 1},
	{"the waker is called once and never again", "waker.go",
		"w.awake.Store(false)\n\tif at", "if at",
		"waker/park", 1},
	{"RunPending leaves work and does not say so", "waker.go",
		"if closed || w.core.inbox.Pending() {", "if closed {",
		"waker/park", 3},
	{"Close does not call the waker", "thread.go",
		"c.dropTimers(prim.Now())\n\t}\n\tc.waker.wake()", "c.dropTimers(prim.Now())\n\t}",
		"waker/park", 1},
	{"a new timer does not call the waker", "timer.go",
		"if earliest {", "if earliest && false {",
		"waker and timers/park", 1},
	{"the end of Run's ctx does not wake it", "attach.go",
		"w.mark(func() {}) // wakes it", "",
		"Run/park", 2},
	{"the close of a Local does not wait for the Threads", "owned.go",
		"prim.Await(o.done)\n", "",
		"Local and Close/park", 2},
	{"who sleeps in the kernel is not woken", "internal/prim/sleeper.go",
		"if s.word.Swap(rung) == dozing {", "if s.word.Swap(rung) == quiet {",
		"one caller/kernel", 1},
	{"the mark of a sleep in the kernel is set over a ring", "internal/prim/sleeper.go",
		"s.word.CompareAndSwap(quiet, dozing)", "s.word.Store(dozing)",
		"one caller/kernel", 2},
	{"a ring that comes when the time of a sleep in the kernel does is lost", "internal/prim/sleeper.go",
		"d <= 0 && s.word.CompareAndSwap(dozing, quiet) {", "d <= 0 {\n\t\t\t\ts.word.Store(quiet)",
		"timers/kernel", 2},
	{"who wakes in the kernel for no reason takes it for a ring", "internal/prim/sleeper.go",
		"s.bed.sleep(&s.word, dozing, d)", "s.bed.sleep(&s.word, dozing, d)\n\t\treturn true",
		"one caller/kernel", 1},
	{"a worker takes whom it has woken to the kernel", "internal/inbox/take.go",
		"if !q.rang || !q.bell.Kernel() {", "if true {",
		"two callers/kernel", 1},
	{"a task takes whom its worker has woken to the kernel", "internal/inbox/take.go",
		"q.letRun()\n\treturn q.bell.Other()", "return q.bell.Other()",
		"a task waits/kernel", 1},
}

var runsOf = regexp.MustCompile(`(?m)^\s*(?:\S+:\d+: )?run (\d+): (.*)$`)

// TestMutants makes each mistake in turn and sees that TestExplore finds it.
func TestMutants(t *testing.T) {
	t.Parallel() // to TestExplore, which takes one processor
	if *replayFlag != "" {
		t.Skip("replaying")
	}
	program := withMutants(t)
	explore := func(number int, scenario string, bound int) (string, error) {
		name, wait, _ := strings.Cut(strings.ReplaceAll(scenario, " ", "_"), "/")
		cmd := exec.Command(program, "-test.run", "^TestExplore$/^"+name+"$/^"+wait+"$", "-test.v", "-test.timeout", "2m",
			"-bound", strconv.Itoa(bound), "-draws", "0")
		cmd.Env = append(os.Environ(), whichMutant+"="+strconv.Itoa(number), "GOMAXPROCS=1") // it runs one goroutine at a time
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		out, err := explore(0, mutants[0].scenario, mutants[0].bound)
		require.NoError(t, err, out)
		require.Contains(t, out, "--- PASS: TestExplore/", out)
	})
	for i, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			out, err := explore(i+1, m.scenario, m.bound)
			found := runsOf.FindStringSubmatch(out)
			if !assert.Error(t, err, out) || !assert.NotNil(t, found, out) {
				return
			}
			t.Logf("| %s | %s, %d | %s | %s |", m.name, m.scenario, m.bound, found[1], found[2])
		})
	}
}
