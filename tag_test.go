package ste_test

import (
	"iter"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// G1: the check passes on the Thread and nowhere else.
func TestG1Exact(t *testing.T) {
	a, b := start(t, ste.WithName("a")), start(t, ste.WithName("b"))
	var v *ste.Tagged[string]
	require.NoError(t, a.Submit(func() { v = ste.NewTagged("secret") }))
	tag := v.Tag()
	require.Equal(t, a.Tag(), tag)

	passes := func(want bool) func() {
		return func() {
			assert.Equal(t, want, v.OnThread())
			assert.Equal(t, want, tag.OnThread())
			assert.Equal(t, want, a.OnThread())
			assert.Equal(t, want, ste.Current() == tag)
			got, err := v.TryGet()
			if want {
				assert.NoError(t, err)
				assert.Equal(t, "secret", got)
				assert.Equal(t, "secret", v.Get())
				assert.NotPanics(t, tag.Check)
			} else {
				assert.Error(t, err)
				assert.Empty(t, got)
				assert.Panics(t, func() { v.Get() })
				assert.Panics(t, func() { v.Ptr() })
				assert.Panics(t, tag.Check)
			}
		}
	}
	yes, no := passes(true), passes(false)

	no()
	require.NoError(t, a.Submit(yes))
	require.NoError(t, b.Submit(no))
	require.NoError(t, a.Submit(func() {
		done := make(chan struct{})
		go func() { defer close(done); no() }()
		<-done
		b.Submit(no)
		yes()
	}))
	require.NoError(t, a.Submit(func() {
		next, stop := iter.Pull(func(yield func(int) bool) { yes(); yield(1); yes() })
		defer stop()
		next()
		yes()
		next()
	}))
	testkit.Within(t, func() { a.Submit(runtime.Goexit) })
	require.NoError(t, a.Submit(yes))
	no()
	require.NoError(t, a.Close())
	no()
	require.NoError(t, b.Submit(no))
}

// G1: nobody who inherits an ended Thread's goroutine address, OS thread number
// or memory passes for it. The runtime and the kernel hand all three out again
// soon, so many later goroutines and Threads are asked.
func TestG1Inheritance(t *testing.T) {
	for range max(testkit.Rounds(500), 20) {
		th, err := ste.New()
		require.NoError(t, err)
		testkit.Watch(th)
		var v *ste.Tagged[int]
		require.NoError(t, th.Submit(func() { v = ste.NewTagged(1) }))
		require.NoError(t, th.Close())
		goroutine, thread := ste.Marks(v.Tag())
		require.Zero(t, goroutine)
		require.Zero(t, thread) // the kernel gives it out again only after millions of others
		for range 30 {
			done := make(chan struct{})
			go func() {
				defer close(done)
				if v.OnThread() || ste.Current() != (ste.Tag{}) {
					t.Error("a later goroutine passes for an ended Thread")
				}
			}()
			<-done
		}
		later := start(t)
		require.NoError(t, later.Submit(func() {
			if v.OnThread() || ste.Current() != later.Tag() {
				t.Error("a later Thread passes for an ended one")
			}
		}))
		later.Close()
	}
}

// G1, T9: the goroutine that a Goexit ended passes for the Thread no more.
func TestG1AfterGoexit(t *testing.T) {
	th := start(t)
	for range testkit.Rounds(100) {
		testkit.Within(t, func() { th.Submit(runtime.Goexit) })
		for range 8 {
			done := make(chan struct{})
			go func() {
				defer close(done)
				if th.OnThread() || ste.Current() != (ste.Tag{}) {
					t.Error("a later goroutine passes for the Thread")
				}
			}()
			<-done
		}
		require.True(t, must(ste.Call(th, func() (bool, error) { return th.OnThread(), nil })))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Ids count up and are never used again; when they run out New fails and does
// not wrap.
func TestTagIDs(t *testing.T) {
	a := start(t)
	b := start(t)
	require.Equal(t, a.Tag().ID()+1, b.Tag().ID())
	require.Zero(t, ste.Tag{}.ID())

	t.Run("run out", func(t *testing.T) {
		ste.SetLastID(t, math.MaxUint64-2)
		require.Equal(t, uint64(math.MaxUint64-1), start(t).Tag().ID())
		require.Equal(t, uint64(math.MaxUint64), start(t).Tag().ID())
		for range 3 {
			_, err := ste.New()
			require.ErrorContains(t, err, "ste: all Thread ids")
			err = ste.Attach(func(*ste.Thread) error { t.Error("ran"); return nil })
			require.ErrorContains(t, err, "ste: all Thread ids")
		}
	})
}

// Tag.Thread is a weak pointer that says nil once the Thread has ended.
func TestTagThread(t *testing.T) {
	th := start(t)
	require.Same(t, th, th.Tag().Thread())
	require.NoError(t, th.Close())
	require.Nil(t, th.Tag().Thread())
	require.Nil(t, ste.Tag{}.Thread())
}

func TestTagString(t *testing.T) {
	a := start(t, ste.WithName("gl"))
	require.Regexp(t, `^Thread \d+ \(gl\)$`, a.Tag().String())
	require.Regexp(t, `^Thread \d+$`, start(t).Tag().String())
	require.Equal(t, "no Thread", ste.Tag{}.String())
	require.PanicsWithValue(t, "ste: Check of the zero Tag, which belongs to no Thread", ste.Tag{}.Check)
	require.False(t, ste.Tag{}.OnThread())
	require.Empty(t, ste.Tag{}.Name())
}

// Many Threads at a time are told apart by Current.
func TestCurrentAmongMany(t *testing.T) {
	n := testkit.Size(60, 60, 300)
	ths := startN(t, n)
	for range 3 {
		for _, th := range ths {
			require.NoError(t, th.Submit(func() { require.Equal(t, th.Tag(), ste.Current()) }))
		}
	}
	for _, th := range ths[:n/2] {
		require.NoError(t, th.Close())
	}
	for _, th := range ths[n/2:] {
		require.NoError(t, th.Submit(func() { require.Equal(t, th.Tag(), ste.Current()) }))
	}
}

// The name shows as a pprof label in goroutine dumps, also after a Goexit.
func TestNameInGoroutineProfile(t *testing.T) {
	th := start(t, ste.WithName("labelled"))
	testkit.Within(t, func() { th.Submit(runtime.Goexit) })
	var dump strings.Builder
	require.NoError(t, th.Submit(func() { goroutineProfile(&dump) }))
	require.Contains(t, dump.String(), `"ste":"labelled"`)
	time.Sleep(time.Millisecond)
}

// G1: code that is on no Thread asks for its OS thread's number and is moved before it
// looks whose that is; meanwhile a new Thread settles there. Current took the caller
// for that Thread, once in fifty million times beside Threads that start.
func TestG1CurrentWhileThreadsStart(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	th := start(t)
	var stop atomic.Bool
	var wrong, asked atomic.Int64
	var askers sync.WaitGroup
	for range 8 {
		askers.Go(func() {
			for !stop.Load() {
				for range 100 {
					if ste.Current() != (ste.Tag{}) || th.OnThread() {
						wrong.Add(1)
					}
				}
				asked.Add(100)
			}
		})
	}
	var fs []func()
	for i := range 3 {
		fs = append(fs, func() {
			for n := range testkit.Rounds(20) {
				if i == 0 {
					runtime.GOMAXPROCS(1 + n%4)
				}
				th, err := ste.New()
				if err != nil || th.Submit(func() {}) != nil || th.Close() != nil {
					t.Error("a Thread that is no good")
					return
				}
			}
		})
	}
	testkit.Together(t, fs...)
	stop.Store(true)
	askers.Wait()
	require.Zero(t, wrong.Load(), "of %d", asked.Load())
}
