package ste_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// T7: nothing is kept of ended Threads nor of closed Locals, however many there were.
func TestT7Locals(t *testing.T) {
	long := start(t)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	l := ste.NewLocal(func() ([]byte, error) { return make([]byte, 4096), nil }, nil)
	round := func(n int) {
		for range n {
			th, err := ste.New()
			require.NoError(t, err)
			require.NoError(t, th.Submit(func() { l.Get() }))
			require.NoError(t, th.Close())
		}
		for range 10 * n {
			l := ste.NewLocal(func() ([]byte, error) { return make([]byte, 4096), nil }, nil)
			require.NoError(t, long.Submit(func() { l.Get() }))
			require.NoError(t, l.Close())
		}
	}
	round(20)
	before := heap()
	round(200)
	gone := testkit.Collect(func() bool { return heap() < before+500_000 })
	require.True(t, gone, "200 Threads and 2,000 Locals of 4 KiB each keep %d bytes", int64(heap()-before))
	require.NoError(t, l.Close())

	// Who keeps the Tag of a Thread keeps little more than that.
	l = ste.NewLocal(func() ([]byte, error) { return nil, nil }, nil)
	tags := make([]ste.Tag, 1000)
	before = heap()
	for i := range tags {
		th, err := ste.New()
		require.NoError(t, err)
		tags[i] = th.Tag()
		require.NoError(t, th.Submit(func() { l.Get() }))
		require.NoError(t, th.Close())
	}
	little := testkit.Collect(func() bool { return heap() < before+uint64(300*len(tags)) }) // some may not have ended yet
	require.True(t, little, "%d Tags keep %d bytes", len(tags), int64(heap()-before))
	runtime.KeepAlive(tags)
	require.NoError(t, l.Close())

	// While teardowns run, a closed value is not kept either.
	freed := make(chan struct{})
	big := ste.NewLocal(func() (*[]byte, error) {
		v := new([]byte)
		runtime.SetFinalizer(v, func(*[]byte) { close(freed) })
		return v, nil
	}, nil)
	th, err := ste.New(ste.WithTeardown(func() error {
		if !testkit.Collect(func() bool { return testkit.IsClosed(freed) }) {
			return errors.New("the value is kept")
		}
		return nil
	}))
	require.NoError(t, err)
	require.NoError(t, th.Submit(func() { big.Get() }))
	require.NoError(t, th.Close())
}

// T7: a Local that is closed gives its slot back, once: with its last value, or at once
// if it has none, or when it is forgotten. In a process of its own, where no other Local
// is forgotten meanwhile.
func TestT7LocalSlots(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		t.Skip("no processes")
	}
	out, code := testkit.RunChild(t, "slots of Locals")
	require.Zero(t, code, out)
	require.Equal(t, "given back, each once\n", out)
}

func init() {
	testkit.Children["slots of Locals"] = func() {
		check := func(ok bool, what string) {
			if !ok {
				panic(what)
			}
		}
		th, err := ste.New()
		testkit.OrDie(err)
		first := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
		slot := ste.Slot(first)
		for range 3 {
			testkit.OrDie(first.Close())
			testkit.OrDie(first.Close())
			var locals []*ste.Local[int]
			opened := 0
			for i := range 3 {
				locals = append(locals, ste.NewLocal(func() (int, error) { opened++; return i, nil }, nil))
			}
			check(ste.Slot(locals[0]) == slot, "not given back")
			check(ste.Slot(locals[1]) != slot, "given back twice")
			for range 2 {
				for i, l := range locals {
					testkit.OrDie(th.Submit(func() { check(*l.Get() == i, "the value of another Local") }))
				}
			}
			check(opened == 3, "not opened once")
			testkit.OrDie(locals[1].Close())
			testkit.OrDie(locals[2].Close())
			first = locals[0] // this time it has a value
		}
		testkit.OrDie(first.Close())
		func() { ste.NewLocal(func() (int, error) { return 1, nil }, nil) }() // forgotten, without a value
		check(testkit.Collect(func() bool {
			l := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
			defer l.Close()
			return ste.Slot(l) == slot
		}), "that of a forgotten one is not given back")
		testkit.OrDie(th.Close())
		fmt.Println("given back, each once")
	}
}

// T14: a Local that nobody holds any more is closed, on the Threads.
func TestLocalUnreachable(t *testing.T) {
	th := start(t)
	closed := make(chan bool, 1)
	func() {
		l := ste.NewLocal(func() (int, error) { return 0, nil }, func(*int) error { closed <- th.OnThread(); return nil })
		require.NoError(t, th.Submit(func() { l.Get() }))
	}()
	require.True(t, testkit.Collect(func() bool { return len(closed) > 0 }), "not closed")
	require.True(t, <-closed)
}

// T14: a Local does not keep its Threads.
func TestT14LocalKeepsNoThread(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	var tag ste.Tag
	done := func() <-chan struct{} {
		th, err := ste.New()
		require.NoError(t, err)
		testkit.Watch(th)
		require.NoError(t, th.Submit(func() { l.Get() }))
		tag = th.Tag()
		return th.Done()
	}()
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(done) }), "%v was not closed", tag)
	require.NoError(t, l.Each(context.Background(), func(ste.Tag, *int) error { t.Error("visited"); return nil }))
}

// T14: a Local in use is kept, even if nobody else holds it: it is not closed in the
// middle of its Get or Each.
func TestT14LocalInUseIsKept(t *testing.T) {
	collect := func() {
		for range 5 {
			runtime.GC()
			time.Sleep(time.Millisecond) // for the cleanups
		}
	}
	th, other := start(t), start(t)
	require.NoError(t, th.Submit(func() {
		_, err := ste.NewLocal(func() (int, error) { collect(); return 1, nil }, nil).TryGet()
		require.NoError(t, err)
	}))
	visits := 0
	require.NoError(t, func() error {
		l := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
		for _, th := range []*ste.Thread{th, other} {
			require.NoError(t, th.Submit(func() { l.Get() }))
		}
		return l.Each(context.Background(), func(ste.Tag, *int) error { visits++; collect(); return nil })
	}())
	require.Equal(t, 2, visits)
}

func becomesGarbage(t *testing.T, what string, gone *atomic.Bool) {
	t.Helper()
	if !testkit.Collect(gone.Load) {
		t.Errorf("%s: kept for ever", what)
	}
}

type selfHolder struct {
	l   *ste.Local[int]
	big [1 << 16]byte
}

func (h *selfHolder) open() (int, error) { return int(h.big[0]), nil }

// T7: a closed Local whose open is a method of the struct that holds it.
func TestT7ClosedLocalOfAMethod(t *testing.T) {
	for _, c := range []struct {
		name       string
		get, close bool
	}{{"no value, not closed", false, false}, {"no value, closed", false, true}, {"value, closed", true, true}} {
		var gone atomic.Bool
		th := start(t)
		func() {
			h := new(selfHolder)
			runtime.AddCleanup(h, func(g *atomic.Bool) { g.Store(true) }, &gone)
			h.l = ste.NewLocal(h.open, nil)
			if c.get {
				require.NoError(t, th.Submit(func() { h.l.Get() }))
			}
			if c.close {
				require.NoError(t, h.l.Close())
			}
		}()
		require.NoError(t, th.Submit(func() {}))
		becomesGarbage(t, c.name, &gone)
	}
}

type selfWrapper struct {
	th *ste.Thread
	l  *ste.Local[int]
}

func (w *selfWrapper) open() (int, error) { return int(w.th.Tag().ID()), nil }

// T14: and with it the Thread.
func TestT14ClosedLocalOfAMethod(t *testing.T) {
	done := func() <-chan struct{} {
		th, err := ste.New()
		require.NoError(t, err)
		w := &selfWrapper{th: th}
		w.l = ste.NewLocal(w.open, nil)
		require.NoError(t, th.Submit(func() { w.l.Get() }))
		require.NoError(t, w.l.Close())
		return th.Done()
	}()
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(done) }), "T14: the Thread is never closed, though its Local is")
}

// After a burst of Locals closed oldest first, new Locals get the highest slots, and
// each Thread with one value has a table for all.
func TestLocalSlotsStayLow(t *testing.T) {
	perThread := func() int64 {
		l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
		defer l.Close()
		const n = 50
		var ths []*ste.Thread
		for range n {
			th, err := ste.New()
			require.NoError(t, err)
			require.NoError(t, th.Submit(func() {}))
			ths = append(ths, th)
		}
		defer func() {
			for _, th := range ths {
				th.Close()
			}
		}()
		heap := func() uint64 {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		before := heap()
		for _, th := range ths {
			require.NoError(t, th.Submit(func() { l.Get() }))
		}
		runtime.KeepAlive(ths)
		return (int64(heap()) - int64(before)) / n
	}
	perThread()
	ls := make([]*ste.Local[int], 100_000)
	for i := range ls {
		ls[i] = ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	}
	for _, l := range ls {
		require.NoError(t, l.Close())
	}
	ls = nil
	for range 5 {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
	require.Less(t, perThread(), int64(5000), "bytes; it was 15,000 with the highest slots")
}
