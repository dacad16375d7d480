//go:build cgo && unix

package oslocal_test

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ste-go/ste/internal/cgotest"
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
	n := rounds(1)
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
		until(t, "all closed", func() bool { return alive() == 0 })
	}
	burst(max(n/5, 40))
	heap, resident := memory(t)
	burst(n)
	heap2, resident2 := memory(t)
	require.EqualValues(t, 3*(n/4*4+max(n/5, 40)/4*4), open.Load())
	require.Less(t, heap2-heap, 300<<10, "bytes of Go heap")
	if !raced { // whose own memory grows
		require.Less(t, resident2-resident, 8<<20, "bytes of memory")
	}
	t.Logf("%d threads: heap %+d bytes, resident %+d bytes", n, heap2-heap, resident2-resident)
}

// memory returns the bytes of Go heap in use and of the process's resident memory.
func memory(t *testing.T) (heap, resident int) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
		require.NoError(t, err)
		resident = pages * os.Getpagesize()
	}
	return int(m.HeapAlloc), resident
}

// O4: a destructor of somebody else's key that calls Go while the thread dies, in
// every round that there is, before and after ours: its values are there or it is
// told that it is late, and nothing is made that nobody would close.
func TestO4DestructorsCallGo(t *testing.T) {
	for _, before := range []bool{true, false} { // does the thread have a value?
		var open, closed atomic.Int64
		l := newLocal(t, func() (int, error) { open.Add(1); return 1, nil }, func(*int) error { closed.Add(1); return nil })
		late, had := 0, 0
		for range rounds(20) {
			round := 0
			cgotest.Dying(func() {
				if before {
					*l.Get() = 5
				}
			}, func() {
				round++
				v, err := l.TryGet()
				switch {
				case err == nil && before:
					assert.Equal(t, 5, *v)
					had++
				case err == nil:
					had++
				default:
					assert.ErrorIs(t, err, oslocal.ErrEnded)
					late++
				}
			}, 3)
			assert.Equal(t, 3, round)
		}
		until(t, "all closed", func() bool { return open.Load() == closed.Load() })
		require.Positive(t, late)
		t.Logf("before=%v: %d in time, %d late", before, had, late)
		require.EqualValues(t, rounds(20), open.Load(), "one value for each thread")
	}
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

// O8: a hundred thousand objects share one key; when keys run out, New says so, and
// works again when there are some.
func TestO8Keys(t *testing.T) {
	locked(t)
	open := func() (int, error) { return 1, nil }
	first := newLocal(t, open, nil)
	withKey := oslocal.WithKey(func(v *int) uintptr { return uintptr(*v) })
	n, give := cgotest.TakeKeys()
	require.Positive(t, n)
	_, err := oslocal.New(open, nil, withKey)
	require.ErrorIs(t, err, oslocal.ErrNoKeys)
	require.ErrorIs(t, err, syscall.EAGAIN)
	closed := 0
	ls := make([]*oslocal.Local[int], 100_000)
	for i := range ls {
		if ls[i], err = oslocal.New(open, func(*int) error { closed++; return nil }); err != nil {
			t.Fatal(err)
		}
		*ls[i].Get() = i
	}
	for i, l := range ls {
		if *l.Get() != i {
			t.Fatal("object", i, "has the value of", *l.Get())
		}
	}
	for _, l := range ls {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	require.Equal(t, len(ls), closed)
	give()
	require.Equal(t, 1, *first.Get())
	// Closed objects give their keys back.
	for range 3 * n {
		l, err := oslocal.New(open, nil, withKey)
		require.NoError(t, err)
		l.Get()
		require.NoError(t, l.Close())
	}
}

// O8: the very first New, when there is no key.
func init() {
	children["no keys"] = func() {
		_, give := cgotest.TakeKeys()
		_, err := oslocal.New(func() (int, error) { return 1, nil }, nil)
		os.Stdout.WriteString(err.Error())
		give()
		l, err := oslocal.New(func() (int, error) { return 1, nil }, nil)
		if err != nil {
			panic(err)
		}
		runtime.LockOSThread()
		if *l.Get() != 1 {
			panic("no value")
		}
	}
	// O11: what the debug mode finds.
	children["debug"] = func() {
		l, err := oslocal.New(func() (int, error) { return 1, nil }, nil)
		if err != nil {
			panic(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { println("recovered:", recover().(error).Error()) }()
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

func TestO8NoKeyAtAll(t *testing.T) {
	require.Contains(t, runChild(t, "no keys"), "oslocal: the process has no thread-local keys left: ")
}

func TestO11Debug(t *testing.T) {
	const want = "returned: true\nlocked: 1 1\nin a callback: 1\n" +
		"recovered: oslocal: Get: oslocal: the goroutine is not locked to its OS thread (runtime.LockOSThread), so no value is its thread's\n"
	require.Equal(t, want, runChild(t, "debug", "STE_DEBUG=stacks,oslocal"))
}
