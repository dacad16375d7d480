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
	{"the worker sleeps without a second look at the list", "internal/inbox/take.go",
		"if q.first != nil || !q.head.CompareAndSwap(nil, asleep) {", "if !q.head.CompareAndSwap(nil, asleep) {",
		"one gives up/park", 2},
	{"the worker marks itself asleep over what has come in", "internal/inbox/take.go",
		"if q.first != nil || !q.head.CompareAndSwap(nil, asleep) {", "if q.first != nil || q.head.Swap(asleep) == closed {",
		"close/park", 1},
	{"a caller looks whether the worker sleeps before its task is there", "internal/inbox/lane.go",
		"h.Store(opaque.CodeOf(run))\n\tswitch", "defer h.Store(opaque.CodeOf(run))\n\tswitch",
		"one caller/park", 2},
	{"the lane is claimed without comparing", "internal/inbox/lane.go",
		"if !q.pool.busy.CompareAndSwap(0, 1) {\n\t\treturn nil\n\t}", "if q.pool.busy.Load() != 0 {\n\t\treturn nil\n\t}\n\tq.pool.busy.Store(1)",
		"two callers/park", 1},
	{"a caller does not wake the worker for what it puts into the lane", "internal/inbox/lane.go",
		"if q.head.CompareAndSwap(asleep, nil) {\n\t\t\treturn pushedWake\n\t\t}", "return pushedDone",
		"one caller/park", 1},
	{"a caller does not look whether the Thread has been closed meanwhile", "internal/inbox/lane.go",
		"if q.offered() {\n\t\t\th.Store(nil)\n\t\t\tl.caller.last ^= 1\n\t\t\treturn pushedRefused\n\t\t}", "",
		"close/park", 1},
	{"what is withdrawn from the lane stays in it", "internal/inbox/lane.go",
		"h.Store(nil)\n\t\t\tl.caller.last ^= 1\n\t\t\treturn pushedRefused", "l.caller.last ^= 1\n\t\t\treturn pushedRefused",
		"close/park", 2},
	{"a caller falls asleep without comparing", "internal/inbox/lane.go",
		"return h.CompareAndSwap(c, parkedHand)", "h.Store(parkedHand)\n\treturn true",
		"one caller/park", 1},
	{"a caller beside the lane falls asleep without comparing", "internal/inbox/task.go",
		"return s != t.want && t.state.CompareAndSwap(s, parked)", "t.state.Store(parked)\n\treturn s != t.want",
		"two callers/park", 1},
	{"the end is told before how it was", "internal/inbox/task.go",
		"t.End, t.Err = end, err\n\t}\n\tif !t.endWait() {\n\t\treturn false // the waiter has seen it, and t may be anyone's by now\n\t}",
		"}\n\tsleeps := t.endWait()\n\tif end != Returned {\n\t\tt.End, t.Err = end, err\n\t}\n\tif !sleeps {\n\t\treturn false\n\t}",
		"panic and Goexit/spin", 1},
	{"who gives up after the start does not wait for the end", "internal/inbox/wait.go",
		"// T4: Cancel said no, so it has started, and its end is what the caller waits for.\n\tt.bell.Wait()\n", "",
		"cancel/park", 1},
	{"a task that has started is cancelled", "internal/inbox/queue.go",
		"if !t.queued {\n\t\treturn false\n\t}\n\tq.remove(t)", "if t.queued {\n\t\tq.remove(t)\n\t}",
		"cancel/park", 1},
	{"the lane is taken before what its caller has posted", "internal/inbox/queue.go",
		"return nil, lane\n\t}\n\treturn q.head.Swap(nil), lane", "return nil, q.offered()\n\t}\n\tnewest = q.head.Swap(nil)\n\treturn newest, q.offered()",
		"posts/park", 2},
	{"Close does not wake the worker", "internal/inbox/inbox.go",
		"case asleep:\n\t\tq.bell.Ring()\n\tcase nil:", "case asleep, nil:",
		"close/park", 1},
	{"posts go to a batch that runs", "internal/inbox/take.go",
		"q.posts.sealIf(t)\n\t\t\tq.running = t", "q.running = t",
		"posts/park", 1},
	{"an Async does not end the batch before it", "internal/inbox/posts.go",
		"q.posts.seal()\n\treturn q.push(t)", "return q.push(t)",
		"sealed/park", 1},
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
		"t.Finish(Dropped, err) // t is its waiter's now\n", "",
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
		"if q.head.Load() == asleep && q.head.CompareAndSwap(asleep, nil) {", "if false {",
		"timers/park", 2},
	{"the worker sleeps without a second look at its timers", "internal/inbox/take.go",
		"!q.offered() && q.until.Load() == until", "!q.offered()",
		"timers/park", 2},
	{"the mark of sleep stays when a timer is due", "internal/inbox/take.go",
		"until) && !q.head.CompareAndSwap(asleep, nil) {", "until) && false {",
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
	{"a call that is given up takes over what nobody will run", "internal/inbox/queue.go",
		"if t.lane != nil || q.head.Load() != closed {", "if true {",
		"close and one gives up/park", 2},
	{"a batch is used again while a closure of it lets others in", "internal/inbox/posts.go",
		"if t.inCall {\n\t\treturn\n\t}\n", "",
		"RunPending in a batch/park", 1},
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
