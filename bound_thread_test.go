package ste_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// T13: what the Thread owns is released newest first, before the teardowns; what
// those bind, after each.
func TestT13ReleasesBounds(t *testing.T) {
	var order []string
	var th *ste.Thread
	add := func(name string) *ste.Bound[string] {
		b, err := ste.Bind(th, func() (string, error) { return name, nil }, func(s string) error {
			order = append(order, s)
			return errors.New(s)
		})
		require.NoError(t, err)
		return b
	}
	th, err := ste.New(
		ste.WithTeardown(func() error { order = append(order, "first teardown"); return nil }),
		ste.WithTeardown(func() error { add("bound in a teardown"); order = append(order, "second teardown"); return nil }),
	)
	require.NoError(t, err)
	testkit.Watch(th)
	kept := []*ste.Bound[string]{add("one"), add("two"), add("three")}
	require.ErrorContains(t, kept[1].Close(), "two")
	require.EqualError(t, th.Close(), "three\none\nbound in a teardown")
	require.Equal(t, []string{"two", "three", "one", "second teardown", "bound in a teardown", "first teardown"}, order)
	runtime.KeepAlive(kept)
}

// T11: Bind, Do, Use and Close of a Bound take part in rings.
func TestT11Bounds(t *testing.T) {
	a, b := start(t), start(t)
	onB, h := bind(t, b)
	for name, call := range map[string]func() error{
		"Bind": func() error {
			_, err := ste.Bind(b, func() (int, error) { return 0, nil }, func(int) error { return nil })
			return err
		},
		"Do":  func() error { return onB.Do(func(*handle) error { return nil }) },
		"Use": func() error { _, err := ste.Use(onB, func(*handle) (int, error) { return 0, nil }); return err },
	} {
		testkit.Together(t, func() {
			_ = b.Submit(func() {
				_ = a.Submit(func() {
					if err := call(); !errors.Is(err, ste.ErrDeadlock) {
						t.Errorf("%s: %v", name, err)
					}
				})
			})
		})
	}
	require.Zero(t, h.closed)
	testkit.Together(t, func() {
		_ = b.Submit(func() {
			_ = a.Submit(func() {
				if err := onB.Close(); !errors.Is(err, ste.ErrDeadlock) {
					t.Errorf("Close: %v", err)
				}
			})
		})
	})
	for range 3 { // the closing has been started all the same, and takes two steps
		require.NoError(t, b.Submit(func() {}))
	}
	require.Equal(t, 1, h.closed)
	require.NoError(t, onB.Close())
}

// T14: a Bound keeps its Thread, as long as somebody holds it.
func TestT14BoundKeepsItsThread(t *testing.T) {
	var ended atomic.Bool
	th, err := ste.New(ste.WithTeardown(func() error { ended.Store(true); return nil }))
	require.NoError(t, err)
	testkit.Watch(th)
	b, h := bind(t, th)
	th = nil
	for range 10 {
		runtime.GC()
	}
	require.NoError(t, b.Do(func(v *handle) error { v.check("Do"); return nil }))
	require.False(t, ended.Load())
	runtime.KeepAlive(b)
	b = nil
	require.True(t, testkit.Collect(ended.Load))
	require.Equal(t, 1, h.closed)
}

// T16: in a bubble, and from a bubble with a Thread outside.
func TestT16Bounds(t *testing.T) {
	outside := start(t)
	synctest.Test(t, func(t *testing.T) {
		th, err := ste.New()
		require.NoError(t, err)
		b, h := bind(t, th)
		require.NoError(t, b.Do(func(*handle) error { time.Sleep(time.Hour); return nil }))
		require.NoError(t, b.Close())
		_, left := bind(t, th)
		require.NoError(t, th.Close())
		require.Equal(t, 2, h.closed+left.closed)
	})
	synctest.Test(t, func(t *testing.T) { // the collector leaves it alone
		th, err := ste.New()
		require.NoError(t, err)
		_, h := bind(t, th)
		for range 10 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		require.Zero(t, h.closed)
		require.NoError(t, th.Close())
		require.Equal(t, 1, h.closed)
	})
	var kept *ste.Bound[*handle]
	synctest.Test(t, func(t *testing.T) {
		var h *handle
		kept, h = bind(t, outside)
		b, _ := bind(t, outside)
		require.NoError(t, b.Close())
		require.NoError(t, kept.Do(func(v *handle) error { v.check("Do"); return nil }))
		require.Zero(t, h.closed)
	})
	require.NoError(t, kept.Close())
}

// T8: nil functions, nil and zero Bounds are refused at the call.
func TestT8Bounds(t *testing.T) {
	th := start(t)
	b, _ := bind(t, th)
	var none *ste.Bound[int]
	var zero ste.Bound[int]
	open := func() (int, error) { return 0, nil }
	for call, f := range map[string]func(){
		"Bind with a nil open func":  func() { _, _ = ste.Bind(th, nil, func(int) error { return nil }) },
		"Bind with a nil close func": func() { _, _ = ste.Bind(th, open, nil) },
		"Bind of a nil Thread":       func() { _, _ = ste.Bind((*ste.Thread)(nil), open, func(int) error { return nil }) },
		"Do with a nil func":         func() { _ = b.Do(nil) },
		"Post with a nil func":       func() { _ = b.Post(nil) },
		"Use with a nil func":        func() { _, _ = ste.Use[*handle, int](b, nil) },
		"Close of a nil Bound":       func() { _ = none.Close() },
		"Do of the zero Bound":       func() { _ = zero.Do(func(int) error { return nil }) },
		"Thread of the zero Bound":   func() { zero.Thread() },
	} {
		_, value := testkit.Within(t, f)
		require.Contains(t, value, "ste: "+call)
	}
}

// T7: a closed Bound keeps neither the value nor close.
func TestT7Bounds(t *testing.T) {
	th := start(t)
	var gone atomic.Int64
	mark := func() *[100]byte {
		v := new([100]byte)
		runtime.AddCleanup(v, func(int) { gone.Add(1) }, 0)
		return v
	}
	closes := func(own *[100]byte) func(*[100]byte) error {
		return func(*[100]byte) error { own[0]++; return nil }
	}
	b, err := ste.Bind(th, func() (*[100]byte, error) { return mark(), nil }, closes(mark()))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	require.True(t, testkit.Collect(func() bool { return gone.Load() == 2 }))
	runtime.KeepAlive(b)
}

// T11: a Close that comes as the Bound has just been closed waits for nobody. (It
// once saw a ring that was not there.)
func TestT11NoFalseRingByBound(t *testing.T) {
	a, o := start(t), start(t)
	for range testkit.Rounds(50) { // the exploration finds it at once, this in one of 50,000
		b, _ := bind(t, o)
		testkit.Together(t, func() {
			_ = a.Submit(func() {
				if err := b.Close(); err != nil {
					t.Errorf("a false ring: %v", err)
				}
			})
		}, func() {
			_ = o.Submit(func() {
				_ = b.Close()
				if err := a.Submit(func() {}); err != nil && !errors.Is(err, ste.ErrDeadlock) {
					t.Error(err)
				}
			})
		})
	}
}

// T1: a Thread that a task has unlocked for good and that was moved does not make itself
// at home where it is now, when a Bound is closed in the task or while it is. (The close
// took the Thread's identity along, and no later look saw anything wrong.)
func TestT1MovedBeforeABoundIsClosed(t *testing.T) {
	for _, when := range []string{"before", "in"} {
		for range 5 {
			out, code := testkit.RunChild(t, "moved "+when+" a close")
			require.NotContains(t, out, "on another OS thread", when)
			if code == 0 {
				require.Contains(t, out, "stayed")
			} else {
				require.Contains(t, out, "ste: Thread 1 (victim) has lost its OS thread")
			}
		}
	}
}

func init() {
	wander := func() {
		for range 100 {
			go func() { time.Sleep(50 * time.Microsecond) }()
			time.Sleep(10 * time.Microsecond)
		}
	}
	scenario := func(before bool) func() {
		return func() {
			th, err := ste.New(ste.WithName("victim"))
			testkit.OrDie(err)
			testkit.OrDie(th.Submit(func() {})) // it is there
			if g, _ := ste.Marks(th.Tag()); g == 0 {
				// Without assembly the OS thread is all that tells where code runs: the task
				// is on no Thread once it was moved, and waits for its own.
				fmt.Println("stayed")
				return
			}
			var tid uint64
			stays := func(what string) {
				if osthread.ID() != tid {
					fmt.Println(what, "on another OS thread")
					os.Exit(1)
				}
			}
			for range 100 {
				b, err := ste.Bind(th, func() (int, error) { return 0, nil }, func(int) error {
					if before {
						stays("closed")
					} else {
						wander()
					}
					return nil
				})
				testkit.OrDie(err)
				testkit.OrDie(th.Submit(func() {
					tid = osthread.ID()
					testkit.StrayUnlocks(10 * ste.LockDepth)
					if before {
						wander()
					}
					testkit.OrDie(b.Close())
					if !before {
						stays("goes on after the close")
					}
				}))
			}
			fmt.Println("stayed")
		}
	}
	testkit.Children["moved before a close"] = scenario(true)
	testkit.Children["moved in a close"] = scenario(false)
}

// T1: locks that tasks have left do not matter to the closes that come after them.
func TestT1StrayLocksBeforeAClose(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		t.Skip("no OS threads")
	}
	th := start(t)
	l := func() *ste.Local[int] {
		l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { return nil })
		require.NoError(t, th.Submit(func() { l.Get() }))
		return l
	}
	for _, stray := range []func(int){testkit.StrayLocks, testkit.StrayUnlocks} {
		for n := range 4 {
			b, h := bind(t, th)
			local := l()
			require.NoError(t, th.Submit(func() { stray(n) }))
			require.NoError(t, b.Close())
			require.Equal(t, 1, h.closed)
			require.NoError(t, th.Submit(func() { stray(n) }))
			require.NoError(t, local.Close())
		}
	}
}

// T1: closes on an attached Thread leave its host's lock count alone.
func TestT1ClosesOnALockedHost(t *testing.T) {
	if runtime.GOARCH == "wasm" {
		t.Skip("no OS threads")
	}
	runtime.LockOSThread()
	closed := make(chan error, 1)
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		local := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { return nil })
		local.Get()
		b, h := bind(t, th)
		go func() { closed <- errors.Join(b.Close(), local.Close(), th.Close()) }()
		require.NoError(t, th.Run(context.Background()))
		require.Equal(t, 1, h.closed)
		return nil
	}))
	require.NoError(t, testkit.Await(t, closed))
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		bind(t, th)
		local := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { return nil })
		local.Get()
		for range 10 * ste.LockDepth { // left for the end
			require.NoError(t, th.Post(func() {}))
		}
		return nil
	}))
	require.True(t, lockedHere())
	runtime.UnlockOSThread()
	require.False(t, lockedHere())
}
