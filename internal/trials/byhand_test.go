package trials

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/byhand"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the files that tests compare with")

// An executor is what the two sides have in common. On each side its methods
// are what a user of that side would write.
type executor interface {
	Submit(f func()) error
	SubmitContext(ctx context.Context, f func()) error
	Close() error
	guard(v int) func() int // on the Thread: keeps v there, and returns how to get at it
}

type byHand struct{ *byhand.Thread }

func (h byHand) Submit(f func()) error { h.Do(f); return nil }

func (h byHand) SubmitContext(ctx context.Context, f func()) error {
	return h.DoContext(ctx, f)
}

func (h byHand) Close() error { h.Thread.Close(); return nil }

func (byHand) guard(v int) func() int { return func() int { return v } }

type withSte struct{ *ste.Thread }

func (withSte) guard(v int) func() int { return ste.NewTagged(v).Get }

// sides are the columns of the table: how to make an executor.
var sides = []struct {
	name string
	open func(t *testing.T, name string) executor
}{

	{"by hand", func(*testing.T, string) executor { return byHand{byhand.New()} }},
	{"ste", func(t *testing.T, name string) executor {
		th, err := ste.New(ste.WithName(name))
		require.NoError(t, err)
		return withSte{th}
	}},
}

// rows are the rows of the table. Each is seen in a process of its own, once for
// each side: see returns what happened in the words of the table; if it does not
// return, endWhenStuck or the parent process tells. The only timer that see may
// wait for is time.Sleep.
var rows = []struct {
	name, when string
	see        func(t *testing.T, open func(name string) executor) string
}{

	{"re-entry", "a task submits to its own Thread", seeReentry},
	{"panic", "a task panics", seePanic},
	{"t.FailNow", "a task calls `require.FailNow`", seeFailNow},
	{"Close race", "many goroutines submit while one closes", seeCloseRace},
	{"ring of waits", "A submits to B, which submits to A", seeRing},
	{"cancel", "the context ends while the task is queued", seeCancel},
	{"synctest", "made and used in one bubble, then in another", seeBubbles},
	{"synctest, from outside", "made outside, used in a bubble", seeOutsideBubble},
	{"wrong thread", "a value is used on another goroutine", seeWrongThread},
	{"forgotten", "dropped without Close", seeForgotten},
}

// told says what a call that submits f told its caller about f.
func told(ran bool, err error) string {
	switch {
	case ran && err == nil:
		return "works"
	case ran:
		return "returns " + errorName(err) + ", yet f runs"
	case err == nil:
		return "returns nil, f does not run"
	default:
		return "returns " + errorName(err) + ", f does not run"
	}
}

func errorName(err error) string {
	switch {
	case errors.Is(err, ste.ErrDeadlock):
		return "`ErrDeadlock`"
	case errors.Is(err, ste.ErrClosed):
		return "`ErrClosed`"
	case errors.Is(err, context.Canceled):
		return "`context.Canceled`"
	}
	return "`" + err.Error() + "`"
}

// try submits a task that does nothing.
func try(submit func(func()) error) string {
	ran := false
	err := submit(func() { ran = true })
	return told(ran, err)
}

func seeReentry(t *testing.T, open func(string) executor) string {
	x := open("a")
	var saw string
	require.NoError(t, x.Submit(func() { saw = try(x.Submit) }))
	require.NoError(t, x.Close())
	return saw
}

func seePanic(t *testing.T, open func(string) executor) string {
	x := open("a")
	v := recovered(func() { _ = x.Submit(panickingTask) })
	saw := "the caller never learns"
	if v != nil {
		saw = "the caller panics with it"
		if strings.Contains(fmt.Sprint(v), "panickingTask") {
			saw += " and the task's stack"
		}
	}
	if try(x.Submit) == "works" {
		saw += "; the Thread goes on"
	}
	require.NoError(t, x.Close())
	return saw
}

func panickingTask() { panic("boom") }

// recovered returns what f panics with.
func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func seeFailNow(t *testing.T, open func(string) executor) string {
	x := open("a")
	goesOn := false
	passed := t.Run("fails", func(t *testing.T) {
		_ = x.Submit(func() { require.FailNow(t, "on purpose") })
		goesOn = true
	})
	nextPassed := t.Run("next", func(t *testing.T) {
		require.Equal(t, "works", try(x.Submit))
	})
	require.NoError(t, x.Close())
	saw := "that test fails"
	switch {
	case passed:
		saw = "that test passes"
	case goesOn:
		saw = "that test fails but goes on"
	}
	if nextPassed {
		return saw + ", the next one passes"
	}
	return saw + ", the next one fails too"
}

// Every submitter submits until it is refused. So by hand each one meets the
// closed channel, whatever the order.
func seeCloseRace(t *testing.T, open func(string) executor) string {
	const rounds, submitters = 100, 8
	var lies atomic.Pointer[string]
	for range rounds {
		x := open("a")
		var racing sync.WaitGroup
		for range submitters {
			racing.Go(func() {
				for {
					ran := false
					err := x.Submit(func() { ran = true })
					if ran != (err == nil) {
						lie := told(ran, err)
						lies.Store(&lie)
						return
					}
					if err != nil {
						return
					}
				}
			})
		}
		require.NoError(t, x.Submit(runtime.Gosched))
		require.NoError(t, x.Close())
		racing.Wait()
	}
	if lie := lies.Load(); lie != nil {
		return *lie
	}
	return "`err == nil` exactly when f ran"
}

func seeRing(t *testing.T, open func(string) executor) string {
	a, b := open("a"), open("b")
	var onA error
	var saw string
	require.NoError(t, a.Submit(func() {
		onA = b.Submit(func() { saw = "the last call " + try(a.Submit) })
	}))
	require.NoError(t, onA, "only the call that closes the ring may be refused")
	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
	return saw
}

func seeCancel(t *testing.T, open func(string) executor) string {
	x := open("a")
	started, end := make(chan struct{}), make(chan struct{})
	go func() {
		_ = x.Submit(func() {
			close(started)
			<-end
		})
	}()
	<-started
	goroutines := runtime.NumGoroutine() - 1 // without the one that submitted
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		time.Sleep(20 * time.Millisecond) // let it be queued; without, the result is the same
		cancel()
	}()
	ran := false
	err := x.SubmitContext(ctx, func() { ran = true })
	close(end)
	// A goroutine that the call may have left behind has its time to end.
	for runtime.NumGoroutine() > goroutines {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, x.Close())
	return told(ran, err)
}

func seeBubbles(t *testing.T, open func(string) executor) string {
	var saw [2]string
	for i := range saw {
		synctest.Test(t, func(t *testing.T) {
			x := open("a")
			start := time.Now()
			time.Sleep(time.Hour) // for ever, if the idle Thread stops the clock
			require.Equal(t, time.Hour, time.Since(start))
			saw[i] = try(x.Submit)
			require.NoError(t, x.Close())
		})
	}
	require.Equal(t, saw[0], saw[1])
	return saw[0]
}

func seeOutsideBubble(t *testing.T, open func(string) executor) string {
	x := open("a")
	var saw string
	outside := make(chan struct{})
	synctest.Test(t, func(*testing.T) {
		// By hand the bubble believes that it waits for itself. This goroutine
		// makes it wait for something else too, or its complaint would race with
		// what the Thread does.
		go func() { <-outside }()
		saw = try(x.Submit)
		close(outside)
	})
	require.Equal(t, saw, try(x.Submit), "what a bubble has used serves others as before")
	require.NoError(t, x.Close())
	return saw
}

func seeWrongThread(t *testing.T, open func(string) executor) string {
	x := open("a")
	var get func() int
	require.NoError(t, x.Submit(func() { get = x.guard(42) }))
	got := 0
	v := recovered(func() { got = get() })
	require.NoError(t, x.Close())
	if v != nil {
		return fmt.Sprintf("panics with `%T`", v)
	}
	require.Equal(t, 42, got)
	return "not noticed"
}

func seeForgotten(t *testing.T, open func(string) executor) string {
	before := countOSThreads()
	func() {
		for range 20 {
			require.Equal(t, "works", try(open("a").Submit))
		}
	}()
	// The runtime has a few threads of its own that come and go, so the mark is
	// half of the 20. What ends takes milliseconds.
	stay := func() bool { return countOSThreads()-before > 10 }
	require.True(t, stay())
	for end := time.Now().Add(5 * time.Second); stay(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return "its OS thread stays"
		}
		runtime.GC()
	}
	return "its OS thread ends"
}

// TestByHandTable does the same things with ste and with what one would write by
// hand, and compares what happens with what the README says.
func TestByHandTable(t *testing.T) {
	switch runtime.GOOS {
	case "js", "wasip1":
		t.Skip("there are no child processes here")
	case "freebsd", "netbsd", "openbsd", "dragonfly":
		t.Skip("golang/go#52394: a locked goroutine that ends crashes the process, which is all that would be seen by hand")
	}

	atRoot(t)
	saw := make([][2]string, len(rows))
	output := make([][2]string, len(rows))
	var running sync.WaitGroup
	for i, row := range rows {
		for j, side := range sides {
			cmd := testkit.Command(t, side.name+"/"+row.name, []string{"-test.run=^TestByHandChild$"})
			running.Go(func() { saw[i][j], output[i][j] = observe(cmd) })
		}
	}
	running.Wait()

	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	before, rest, found := strings.Cut(strings.ReplaceAll(string(readme), "\r\n", "\n"), tableBegin)
	want, after, foundEnd := strings.Cut(rest, tableEnd)
	require.True(t, found && foundEnd, "README.md lacks the lines around the table")

	table := "| when | by hand | ste |\n|---|---|---|\n"
	for i, row := range rows {
		for j, side := range sides {
			require.NotEmpty(t, saw[i][j], "%s, %s: the child's output does not tell what happened:\n%s", row.name, side.name, output[i][j])
		}
		require.NotContains(t, output[i][1], "DATA RACE", "%s, ste", row.name)
		line := fmt.Sprintf("| **%s**: %s | %s | %s |\n", row.name, row.when, saw[i][0], saw[i][1])
		if !strings.Contains(want, line) {
			t.Logf("%s, output by hand:\n%s", row.name, output[i][0])
			t.Logf("%s, output of ste:\n%s", row.name, output[i][1])
		}
		table += line
	}
	if *update {
		require.NoError(t, os.WriteFile("README.md", []byte(before+tableBegin+table+tableEnd+after), 0o644))
		return
	}
	if table != want {
		t.Errorf("README.md shows another table than the one measured:\n\n%s\nIf this one is right: go test ./internal/trials -run TestByHandTable -update", table)
	}
}

// The lines around the table in README.md.
const (
	tableBegin = "<!-- byhand:begin -->\n"
	tableEnd   = "<!-- byhand:end -->"
)
