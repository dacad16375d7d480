//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// With this in the environment the test binary is the program.
const beProgram = "STE_MAINLOOP_BE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// soon fails the test if f has not returned after a long time: a wake-up that is
// lost is lost for ever.
func soon(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
		if t.Failed() {
			t.FailNow()
		}
	case <-time.After(20 * time.Second):
		panic("the loop sleeps on what is queued") // with all stacks
	}
}

// open counts the process's descriptors, with those that the Go runtime opens when
// it first waits for one.
func open(t *testing.T) int {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, errors.Join(r.Close(), w.Close()))
	fds, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(fds)
}

// startTest starts a loop with a waker that has no events of its own.
func startTest(t *testing.T) *host {
	t.Helper()
	h, err := startHost("test", 0, nil)
	require.NoError(t, err)
	return h
}

// The run shows what it claims to.
func TestRun(t *testing.T) {
	before := open(t)
	var r report
	soon(t, func() {
		var err error
		r, err = run()
		require.NoError(t, err)
	})
	require.Equal(t, before, open(t))
	out := r.String()
	t.Log("\n" + out)

	// The charts have legends: no mark without its meaning.
	for _, mark := range kindMarks + "=-" {
		require.Regexp(t, `(^|\s)`+regexp.QuoteMeta(string(mark))+`[: ]`, stripLegend)
	}
	require.Contains(t, out, stripLegend)
	require.Contains(t, out, shades+" is from few to the most")

	s := r.shown
	for k, n := range s.strip.counts {
		require.NotZero(t, n, kindNames[k])
	}
	require.Equal(t, "hello, loop", s.window.text)
	require.NotZero(t, s.window.edits)
	require.EqualValues(t, s.edits, s.window.edits)
	var wrong *ste.WrongThreadError
	require.ErrorAs(t, s.refusal, &wrong)
	require.Contains(t, out, "main.window belongs to ")

	// Panics and a Goexit ended neither the loop, whose frames and timers went on, nor
	// the host.
	require.Equal(t, "no such font", s.panic)
	require.True(t, s.exited)
	require.Len(t, s.told, 1)
	var pe *ste.PanicError
	require.ErrorAs(t, s.told[0], &pe)
	require.Equal(t, "no such colour", pe.Value)
	last := func(k kind) int { return strings.LastIndexByte(string(s.strip.rows[k][:]), kindMarks[k]) }
	for _, k := range []kind{aFrame, aSubmit, anEvery} {
		require.Greater(t, last(k), last(aPanic))
		require.Greater(t, last(k), last(aGoexit))
	}
	require.Equal(t, 1, s.strip.counts[theEnd])
	require.NoError(t, s.end)

	// A waker is quicker than polling, and costs nothing meanwhile.
	waker, quick, slow := r.rows[0], r.rows[1], r.rows[2]
	require.Less(t, waker.at(50), slow.at(50)/2)
	require.Less(t, waker.at(50), slow.poll/2)
	require.LessOrEqual(t, waker.idle.rounds, 3) // the question itself is one
	require.Greater(t, slow.idle.rounds, 10*waker.idle.rounds)
	require.Less(t, waker.idle.cpu, slow.idle.cpu)
	require.Less(t, waker.idle.cpu, quick.idle.cpu/4)
}

// A timer ends the sleep in epoll, and nothing else does.
func TestTimer(t *testing.T) {
	h := startTest(t)
	soon(t, func() {
		ran := make(chan int)
		for range 5 {
			before, err := h.usage()
			require.NoError(t, err)
			_, err = h.thread.AfterFunc(20*time.Millisecond, func() { ran <- h.rounds })
			require.NoError(t, err)
			require.InDelta(t, before.rounds, <-ran, 4)
		}
		require.NoError(t, h.end())
	})
}

// Whatever the race of work, frames and sleep, none is slept on, and the loop sleeps
// when there is no more.
func TestNothingIsSleptOn(t *testing.T) {
	t.Run("without frames", func(t *testing.T) { hammer(t, 0) })
	t.Run("with frames", func(t *testing.T) { hammer(t, 100*time.Microsecond) })
}

// hammer lets many submit to a loop that has frames of its own, which would hide a
// lost wake-up, or none, without which there are fewer ways to keep it awake.
func hammer(t *testing.T, frames time.Duration) {
	h := startTest(t)
	soon(t, func() {
		require.NoError(t, h.frameEvery(frames))
		const senders, each = 4, 5000
		var ran atomic.Int64
		f := func() { h.window.Ptr().edits++; ran.Add(1) }
		var all sync.WaitGroup
		for range senders {
			all.Go(func() {
				for i := range each {
					if i%4 == 0 {
						assert.NoError(t, h.thread.Post(f))
					} else {
						assert.NoError(t, h.thread.Submit(f))
					}
				}
			})
		}
		all.Wait()
		for ran.Load() < senders*each {
			time.Sleep(time.Millisecond)
		}
		require.NoError(t, h.frameEvery(0))
		before, err := h.usage()
		require.NoError(t, err)
		h.kit.wake() // for work that has run already, as between wait and RunPending
		time.Sleep(100 * time.Millisecond)
		after, err := h.usage()
		require.NoError(t, err)
		require.LessOrEqual(t, after.rounds-before.rounds, 5)
		require.NoError(t, h.thread.Submit(func() { require.Equal(t, senders*each, h.window.Get().edits) }))
		require.NoError(t, h.end())
	})
}

// Close ends the loop at any moment, with work on its way; all that was accepted has
// run, and nothing is left behind.
func TestClose(t *testing.T) {
	before := open(t)
	for i := range 100 {
		h := startTest(t)
		soon(t, func() {
			var ran, accepted atomic.Int64
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					for {
						err := h.thread.Post(func() { ran.Add(1) })
						if err == nil {
							accepted.Add(1)
							err = h.thread.Submit(func() {})
						}
						if err != nil {
							assert.ErrorIs(t, err, ste.ErrClosed)
							return
						}
					}
				})
			}
			time.Sleep(time.Duration(i%10) * 100 * time.Microsecond)
			for range 2 {
				all.Go(func() { assert.NoError(t, h.thread.Close()) })
			}
			require.NoError(t, h.end())
			all.Wait()
			require.Equal(t, accepted.Load(), ran.Load())
		})
	}
	require.Equal(t, before, open(t))
}

// Close wakes a loop that is asleep, without any work.
func TestCloseAsleep(t *testing.T) {
	h := startTest(t)
	time.Sleep(5 * time.Millisecond)
	soon(t, func() { require.NoError(t, h.end()) })
	require.LessOrEqual(t, h.rounds, 3) // one, but for signals
}

func TestSpread(t *testing.T) {
	b := []time.Duration{10, 100, 1000}
	require.Equal(t, "@: ", spread([]time.Duration{1, 10, 50, 99, 10, 10, 10, 100}, b))
	require.Equal(t, "  @", spread([]time.Duration{1e9}, b))
	require.Equal(t, "   ", spread(nil, b))
}

func TestArguments(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-loud")
	cmd.Env = append(os.Environ(), beProgram+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "%v", err)
	require.Equal(t, 1, exit.ExitCode())
	require.Equal(t, "mainloop: unexpected argument \"-loud\"; there are none\n", string(out))
}
