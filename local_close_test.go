package ste_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// T13: at the end of a Thread its values are closed in one order with its Bounds, newest
// first, while work from elsewhere is refused; what a close opens is closed too; a close
// that fails, panics or exits is reported, and the rest still run.
func TestT13ReleasesLocals(t *testing.T) {
	var th *ste.Thread
	var order []string
	fails := map[string]func() error{
		"2": func() error { return errors.New("fails") }, "3": func() error { panic("panics") }, "4": func() error { runtime.Goexit(); return nil },
	}
	late := ste.NewLocal(func() (string, error) { return "late", nil }, func(*string) error {
		order = append(order, "late")
		return nil
	})
	made := func(name string) *ste.Local[string] {
		var l *ste.Local[string]
		l = ste.NewLocal(func() (string, error) { return name, nil }, func(s *string) error {
			require.True(t, th.OnThread())
			refused := make(chan error)
			go func() { refused <- th.Submit(func() {}) }()
			require.ErrorIs(t, <-refused, ste.ErrClosed)
			order = append(order, *s)
			_, err := l.TryGet()
			require.ErrorIs(t, err, ste.ErrClosed, "its own, during its close")
			if name == "1" {
				require.Equal(t, "late", *late.Get())
			}
			if f := fails[name]; f != nil {
				return f()
			}
			return nil
		})
		return l
	}
	var locals []*ste.Local[string]
	th, err := ste.New(ste.WithTeardown(func() error {
		order = append(order, "teardown")
		for _, l := range locals {
			_, err := l.TryGet()
			require.ErrorIs(t, err, ste.ErrClosed, "after its close")
			require.PanicsWithError(t, err.Error(), func() { l.Get() })
		}
		return nil
	}))
	require.NoError(t, err)
	testkit.Watch(th)
	require.NoError(t, th.Submit(func() {
		for i := range 5 {
			l := made(fmt.Sprint(i))
			locals = append(locals, l)
			l.Get()
			_, err := ste.Bind(th, func() (int, error) { return i, nil }, func(i int) error {
				order = append(order, fmt.Sprint("bound ", i))
				return nil
			})
			require.NoError(t, err)
		}
	}))
	err = th.Close()
	require.Equal(t, []string{"bound 4", "4", "bound 3", "3", "bound 2", "2", "bound 1", "1", "late", "bound 0", "0", "teardown"}, order)
	require.ErrorContains(t, err, "ste: the close of a Local's value on "+th.Tag().String()+" called runtime.Goexit")
	require.ErrorContains(t, err, "panics")
	require.ErrorContains(t, err, "fails")
}

// Close closes each value on its own Thread, from wherever it is called, and every Close
// says the same; afterwards there are no values.
func TestLocalClose(t *testing.T) {
	for _, from := range []string{"elsewhere", "a Thread of its own", "one of the Threads", "many at once"} {
		t.Run(from, func(t *testing.T) {
			var closed atomic.Int64
			l := ste.NewLocal(func() (ste.Tag, error) { return ste.Current(), nil }, func(g *ste.Tag) error {
				g.Check()
				closed.Add(1)
				return fmt.Errorf("of %v", g)
			})
			var ths []*ste.Thread
			for range 4 {
				th := start(t)
				require.NoError(t, th.Submit(func() { l.Get() }))
				ths = append(ths, th)
			}
			closing := func() {
				err := l.Close()
				for _, th := range ths {
					assert.ErrorContains(t, err, "of "+th.Tag().String())
				}
				assert.EqualValues(t, 4, closed.Load())
			}
			switch from {
			case "elsewhere":
				closing()
			case "a Thread of its own":
				require.NoError(t, start(t).Submit(closing))
			case "one of the Threads":
				require.NoError(t, ths[1].Submit(closing))
			case "many at once":
				testkit.Together(t, closing, closing, closing, func() { ths[0].Submit(func() { l.Close() }) })
			}
			closing()
			for _, th := range ths {
				require.NoError(t, th.Submit(func() {
					_, err := l.TryGet()
					require.ErrorIs(t, err, ste.ErrClosed)
					require.Panics(t, func() { l.Get() })
					_, ok := l.Take()
					require.False(t, ok)
				}))
			}
			require.NoError(t, l.Each(context.Background(), func(ste.Tag, *ste.Tag) error { t.Error("visited"); return nil }))
			for _, th := range ths {
				require.NoError(t, th.Close(), "the errors were Close's")
			}
		})
	}
}

// Close waits for a value that is being opened, and closes it.
func TestLocalCloseDuringOpen(t *testing.T) {
	th := start(t)
	in, leave := make(chan struct{}), make(chan struct{})
	closed := false
	fails := false
	open := func() (int, error) {
		close(in)
		<-leave
		if fails {
			return 0, errors.New("oh")
		}
		return 7, nil
	}
	for _, fails = range []bool{false, true} {
		in, leave, closed = make(chan struct{}), make(chan struct{}), false
		l := ste.NewLocal(open, func(*int) error { closed = true; return nil })
		require.NoError(t, th.Post(func() {
			_, err := l.TryGet()
			require.Error(t, err)
			require.Equal(t, !fails, errors.Is(err, ste.ErrClosed))
			_, err = l.TryGet()
			require.ErrorIs(t, err, ste.ErrClosed)
		}))
		<-in
		over := make(chan error)
		go func() { over <- l.Close() }()
		waits := regexp.MustCompile(`(?m)^goroutine \d+ \[chan receive[^\]]*\]:\n(?:.+\n)*?.*\(\*Local\[\.\.\.\]\)\.Close\(`)
		testkit.Until(t, "Close waits", func() bool {
			buf := make([]byte, 1<<20)
			return waits.Match(buf[:runtime.Stack(buf, true)])
		})
		select {
		case <-over:
			t.Error("Close did not wait")
		default:
		}
		close(leave)
		require.NoError(t, <-over)
		require.NoError(t, th.Submit(func() { require.Equal(t, !fails, closed) }))
	}
	var l *ste.Local[int] // by open itself
	l = ste.NewLocal(func() (int, error) { require.NoError(t, l.Close()); return 1, nil }, func(*int) error { return errors.New("of close") })
	require.NoError(t, th.Submit(func() {
		_, err := l.TryGet()
		require.ErrorIs(t, err, ste.ErrClosed)
		require.ErrorContains(t, err, "of close")
	}))
}

// T11: Close and Each take part in rings; Close closes all the same.
func TestT11Locals(t *testing.T) {
	var told []error
	a, b := start(t, ste.WithErrorHandler(func(err error) { told = append(told, err) })), start(t)
	closed := 0
	l := ste.NewLocal(func() (int, error) { return 0, nil }, func(*int) error { closed++; return errors.New("of close") })
	require.NoError(t, a.Submit(func() { l.Get() }))
	require.NoError(t, a.Submit(func() {
		require.NoError(t, b.Submit(func() {
			err := l.Each(context.Background(), func(ste.Tag, *int) error { t.Error("visited"); return nil })
			require.ErrorIs(t, err, ste.ErrDeadlock)
			require.ErrorContains(t, err, a.Tag().String())
			require.ErrorIs(t, l.Close(), ste.ErrDeadlock)
		}))
	}))
	require.NoError(t, a.Submit(func() { require.Equal(t, 1, closed) }))
	require.Len(t, told, 1)
	require.ErrorContains(t, told[0], "of close")
	require.EqualError(t, l.Close(), "of close")
}

// T16: what was made in a bubble is not touched from outside it; from inside, a Local of
// outside works for Threads of both.
func TestT16Locals(t *testing.T) {
	var closed atomic.Int64
	l := ste.NewLocal(func() (ste.Tag, error) { return ste.Current(), nil }, func(*ste.Tag) error { closed.Add(1); return nil })
	outside := start(t)
	require.NoError(t, outside.Submit(func() { l.Get() }))
	other := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	visited := func(l *ste.Local[ste.Tag]) (n int) {
		require.NoError(t, l.Each(context.Background(), func(ste.Tag, *ste.Tag) error { n++; return nil }))
		return n
	}
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			th, err := ste.New()
			require.NoError(t, err)
			require.NoError(t, th.Submit(func() { l.Get(); other.Get() }))
			require.Equal(t, 2, visited(l))
			answer := make(chan int)
			go func() { answer <- visited(l) }()
			require.Equal(t, 2, <-answer)
			require.NoError(t, th.Close())
			require.Equal(t, 1, visited(l))
		})
	}
	require.EqualValues(t, 2, closed.Load())

	// From outside while the bubble is there.
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		synctest.Test(t, func(t *testing.T) {
			th, err := ste.New()
			require.NoError(t, err)
			require.NoError(t, th.Submit(func() { l.Get() }))
			close(inside)
			<-leave
			require.NoError(t, th.Submit(func() {
				require.Equal(t, th.Tag(), *l.Get(), "left to its Thread")
			}))
			require.NoError(t, th.Close())
		})
	})
	<-inside
	require.Equal(t, 1, visited(l))
	require.NoError(t, l.Close())
	require.EqualValues(t, 3, closed.Load())
	close(leave)
	wg.Wait()
	require.EqualValues(t, 4, closed.Load())
	require.NoError(t, other.Close())
}

// Values may end in any order: the rest is still found, by Each and by Close.
func TestLocalEndsInAnyOrder(t *testing.T) {
	const n = 4
	for round := range max(testkit.Rounds(100), 60) {
		var closed atomic.Int32 // Close closes on all Threads at a time
		l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { closed.Add(1); return nil })
		ths := startN(t, n)
		for _, th := range ths {
			require.NoError(t, th.Submit(func() { l.Get() }))
		}
		order := rand.Perm(n)
		for left := n; left > round%n; left-- {
			seen := 0
			require.NoError(t, l.Each(context.Background(), func(ste.Tag, *int) error { seen++; return nil }))
			require.Equal(t, left, seen)
			th := ths[order[left-1]]
			if round%2 == 0 {
				require.NoError(t, th.Close())
			} else {
				require.NoError(t, th.Submit(func() { _, ok := l.Take(); require.True(t, ok) }))
			}
		}
		require.NoError(t, l.Close())
		if round%2 == 0 {
			require.EqualValues(t, n, closed.Load())
		} else {
			require.EqualValues(t, round%n, closed.Load())
		}
		for _, th := range ths {
			require.NoError(t, th.Close())
		}
	}
}

// A bubble's value, the Local closed outside, its slot used by another Local on that Thread.
func TestT16LocalSlot(t *testing.T) {
	closed := 0
	l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { closed++; return nil })
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		synctest.Test(t, func(t *testing.T) {
			th, err := ste.New()
			assert.NoError(t, err)
			assert.NoError(t, th.Submit(func() { l.Get() }))
			close(inside)
			<-leave
			assert.NoError(t, th.Submit(func() {
				_, before := l.TryGet()
				m := ste.NewLocal(func() (int, error) { return 2, nil }, nil)
				m.Get()
				_, after := l.TryGet()
				assert.Equal(t, before == nil, after == nil, "TryGet of a closed Local depends on other Locals: %v, then %v", before, after)
			}))
			assert.NoError(t, th.Close())
		})
	})
	<-inside
	require.NoError(t, l.Close())
	close(leave)
	wg.Wait()
	require.Equal(t, 1, closed)
}

// Close from a second bubble, Each from there.
func TestT16LocalTwoBubbles(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		synctest.Test(t, func(t *testing.T) {
			th, _ := ste.New()
			assert.NoError(t, th.Submit(func() { l.Get() }))
			close(inside)
			<-leave
			assert.NoError(t, th.Close())
		})
	})
	<-inside
	synctest.Test(t, func(t *testing.T) {
		th, _ := ste.New()
		assert.NoError(t, th.Submit(func() { l.Get() }))
		n := 0
		assert.NoError(t, l.Each(context.Background(), func(ste.Tag, *int) error { n++; return nil }))
		assert.Equal(t, 1, n)
		assert.NoError(t, l.Close())
		assert.NoError(t, th.Close())
	})
	close(leave)
	wg.Wait()
}

// A Local forgotten while an attached Thread with a value sleeps.
func TestLocalForgottenAttached(t *testing.T) {
	woken := make(chan struct{}, 1)
	closed := 0
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		func() {
			l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { closed++; return nil })
			l.Get()
		}()
		if !testkit.Collect(func() bool { return len(woken) > 0 }) {
			t.Error("not woken")
		}
		th.RunPending()
		return nil
	}, ste.WithWaker(func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})))
	require.Equal(t, 1, closed)
}

// The order with what was posted before.
func TestLocalCloseAfterPosts(t *testing.T) {
	for range 100 {
		th, _ := ste.New()
		var bad atomic.Bool
		closed := false
		l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { closed = true; return nil })
		th.Submit(func() { l.Get() })
		for range 5 {
			th.Post(func() {
				if closed {
					bad.Store(true)
				}
			})
		}
		l.Close()
		th.Close()
		require.False(t, bad.Load())
	}
}
