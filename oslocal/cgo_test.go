//go:build cgo && (unix || windows)

package oslocal_test

import (
	"context"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"testing"

	"github.com/ste-go/ste/internal/cgotest"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// O2, O3: C threads that come and go by the thousand, each calling Go several
// times. Each has a value of its own for its whole life, made once, closed once;
// memory stays as it was.
func TestO3ThousandsOfCThreads(t *testing.T) {
	var open, closed atomic.Int64
	type value struct {
		id   int64
		data [64]byte
	}
	var ls []*oslocal.Local[value]
	for range 3 {
		ls = append(ls, newLocal(t,
			func() (value, error) { return value{id: open.Add(1)}, nil },
			func(v *value) error {
				assert.Equal(t, byte(3), v.data[0])
				closed.Add(1)
				return nil
			}))
	}
	alive := func() int64 { return open.Load() - closed.Load() }
	n := testkit.Rounds(1)
	burst := func(n int) {
		var fs []func()
		for range 4 {
			fs = append(fs, func() {
				for range n / 4 {
					ids := [3]int64{}
					calls := 0
					cgotest.Calls(func() {
						calls++
						for i, l := range ls {
							v := l.Get()
							if calls == 1 {
								ids[i] = v.id
							}
							if v.id != ids[i] || int(v.data[0]) != calls-1 {
								t.Errorf("call %d: value %d with %d calls, want %d", calls, v.id, v.data[0], ids[i])
							}
							v.data[0] = byte(calls)
						}
					}, 3, 0)
				}
			})
		}
		together(t, fs...)
		testkit.Until(t, "all closed", func() bool { return alive() == 0 })
	}
	burst(max(n/5, 40))
	heap, c := memory()
	burst(n)
	heap2, c2 := memory()
	require.EqualValues(t, 3*(n/4*4+max(n/5, 40)/4*4), open.Load())
	require.Less(t, heap2-heap, 300<<10, "bytes of Go heap")
	require.Less(t, c2-c, 16*n+16<<10, "bytes of C heap")
	t.Logf("%d threads: Go heap %+d bytes, C heap %+d bytes", n, heap2-heap, c2-c)
}

// memory returns the bytes of Go's heap and of C's that are in use.
func memory() (heap, c int) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc), cgotest.InUse()
}

// O8: C finds the slot of an object with a key of its own.
func TestO8KeyFromC(t *testing.T) {
	l := newLocal(t, func() (uintptr, error) { return cgotest.Counter(), nil },
		func(c *uintptr) error { cgotest.DropCounter(*c); return nil },
		oslocal.WithKey(func(c *uintptr) uintptr { return *c }))
	key, ok := l.Key()
	require.True(t, ok)
	locked(t)
	require.Equal(t, -1, cgotest.Count(key))
	l.Get()
	require.Equal(t, 1, cgotest.Count(key))
	require.Equal(t, 5, cgotest.Calls(func() { l.Get() }, 5, key))
	require.Equal(t, -1, cgotest.Calls(func() {}, 5, key))
	require.Equal(t, 2, cgotest.Count(key))
	c, ok := l.Take()
	require.True(t, ok)
	cgotest.DropCounter(c)
	require.Equal(t, -1, cgotest.Count(key))

	shared := newLocal(t, func() (int, error) { return 0, nil }, nil)
	_, ok = shared.Key()
	require.False(t, ok)

	// A word that panics leaves no value behind.
	closed := 0
	bad := newLocal(t, func() (int, error) { return 0, nil }, func(*int) error { closed++; return nil },
		oslocal.WithKey(func(*int) uintptr { panic(errTest) }))
	require.PanicsWithValue(t, errTest, func() { bad.TryGet() })
	require.Equal(t, 1, closed)
}

// O11: what the debug mode finds.
func init() {
	testkit.Children["debug"] = func() {
		l, err := oslocal.New(func() (int, error) { return 1, nil }, nil)
		if err != nil {
			panic(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { println("recovered:", recover().(error).Error()) }()
			// Labels stand in the header that is looked at.
			pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("state", ", locked to thread")))
			_, err := l.TryGet()
			println("returned:", err == oslocal.ErrNotLocked)
			runtime.LockOSThread()
			println("locked:", *l.Get(), *l.Get())
			runtime.UnlockOSThread()
			cgotest.Calls(func() { println("in a callback:", *l.Get()) }, 1, 0)
			l.Get()
		}()
		<-done
	}
}

func TestO11Debug(t *testing.T) {
	const want = "returned: true\nlocked: 1 1\nin a callback: 1\n" +
		"recovered: oslocal: Get: oslocal: the goroutine is not locked to its OS thread (runtime.LockOSThread), so no value is its thread's\n"
	require.Equal(t, want, runChild(t, "debug", "STE_DEBUG=stacks,oslocal", "GODEBUG=tracebacklabels=1"))
}
