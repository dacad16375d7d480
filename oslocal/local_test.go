//go:build cgo && (unix || windows)

package oslocal_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/ste-go/ste/internal/here"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var errTest = errors.New("test")

// O1: a failed open leaves no value, and the next call tries again.
func TestO1OpenFails(t *testing.T) {
	locked(t)
	n := 0
	l := newLocal(t, func() (int, error) {
		switch n++; n {
		case 1, 2:
			return 0, errTest
		case 3:
			panic(errTest)
		case 4:
			runtime.Goexit()
		}
		return n, nil
	}, func(*int) error { return nil })
	_, err := l.TryGet()
	require.ErrorIs(t, err, errTest)
	require.PanicsWithError(t, "oslocal: Get: test", func() { l.Get() })
	require.PanicsWithValue(t, errTest, func() { l.TryGet() })
	onThread(t, func() { l.Get(); t.Error("returned") })
	_, ok := l.Take()
	require.False(t, ok)
	require.Equal(t, 5, *l.Get())
	require.Equal(t, 5, *l.Get())
}

// O1: open may use other objects; its own it may not, however far away.
func TestO1Recursion(t *testing.T) {
	locked(t)
	var a, b *oslocal.Local[int]
	deep := true
	a = newLocal(t, func() (int, error) {
		if deep {
			return *b.Get(), nil
		}
		return 1, nil
	}, nil)
	b = newLocal(t, func() (int, error) { v, err := a.TryGet(); return *v, err }, nil)
	const want = "oslocal: open of a Local of int asks for that Local's value, which it is to make"
	require.PanicsWithValue(t, want, func() { a.Get() })
	deep = false
	require.Equal(t, 1, *b.Get())
	// Another thread's value is another matter.
	var c *oslocal.Local[int]
	first := true
	c = newLocal(t, func() (int, error) {
		if first {
			first = false
			onThread(t, func() { assert.Equal(t, 0, *c.Get()) })
			return 1, nil
		}
		return 0, nil
	}, nil)
	require.Equal(t, 1, *c.Get())
}

// Wrong arguments and the zero value are told at once.
func TestMisuse(t *testing.T) {
	open := func() (int, error) { return 0, nil }
	panics := func(want string, f func()) {
		t.Helper()
		require.PanicsWithValue(t, "oslocal: "+want, f)
	}
	panics("New with a nil open func", func() { oslocal.New[int](nil, nil) })
	panics("New with a nil Option", func() { oslocal.New(open, nil, nil) })
	panics("WithErrorHandler with a nil func", func() { oslocal.WithErrorHandler(nil) })
	panics("WithKey with a nil func", func() { oslocal.WithKey[int](nil) })
	panics("WithKey with a func(*string) uintptr for a Local of int", func() {
		oslocal.New(open, nil, oslocal.WithKey(func(*string) uintptr { return 0 }))
	})
	var zero oslocal.Local[int]
	for call, f := range map[string]func(){
		"Get": func() { zero.Get() }, "TryGet": func() { zero.TryGet() }, "Take": func() { zero.Take() },
		"Each": func() { zero.Each(func(*int) {}) }, "Close": func() { zero.Close() }, "Key": func() { zero.Key() },
	} {
		panics(call+" of a Local that New has not made", f)
	}
	var none *oslocal.Local[int]
	panics("Get of a Local that New has not made", func() { none.Get() })
	l := newLocal(t, open, nil)
	panics("Each with a nil func", func() { l.Each(nil) })
}

// O3: the newest value is closed first, whatever its object, and none twice.
func TestO3Order(t *testing.T) {
	closed := make(chan int, 10)
	var ls []*oslocal.Local[int]
	for i := range 10 {
		ls = append(ls, newLocal(t, func() (int, error) { return i, nil }, func(v *int) error { closed <- *v; return nil }))
	}
	order := []int{3, 1, 4, 5, 9, 2, 6, 8, 7, 0}
	onThread(t, func() {
		for _, i := range order {
			ls[i].Get()
		}
		ls[4].Take()
		ls[5].Take()
		ls[0].Take()
		for _, l := range ls[:4] {
			l.Get()
		}
	})
	for _, want := range []int{0, 7, 8, 6, 2, 9, 1, 3} {
		require.Equal(t, want, testkit.Await(t, closed))
	}
}

// O7: what goes wrong in a close that nobody waits for is told, and the rest of
// the thread's values are closed.
func TestO7Errors(t *testing.T) {
	told, closed := make(chan error, 4), make(chan struct{}, 4)
	var ls []*oslocal.Local[int]
	for i := range 4 {
		ls = append(ls, newLocal(t, func() (int, error) { return i, nil }, func(v *int) error {
			closed <- struct{}{}
			switch *v {
			case 1:
				return errTest
			case 2:
				panic("bad")
			case 3:
				runtime.Goexit()
			}
			return nil
		}, oslocal.WithErrorHandler(func(err error) { told <- err; runtime.Goexit() })))
	}
	for range testkit.Rounds(100) {
		onThread(t, func() {
			for _, l := range ls {
				l.Get()
			}
		})
		require.ErrorContains(t, testkit.Await(t, told), "called runtime.Goexit")
		require.ErrorContains(t, testkit.Await(t, told), "close panicked: bad\n\ngoroutine ")
		require.ErrorIs(t, testkit.Await(t, told), errTest)
		for range 4 {
			testkit.Await(t, closed)
		}
	}
}

// O9: Take hands out, and forgets.
func TestO9Take(t *testing.T) {
	locked(t)
	n := 0
	l := newLocal(t, func() (int, error) { n++; return n, nil }, func(v *int) error { assert.Equal(t, 2, *v); return nil })
	_, ok := l.Take()
	require.False(t, ok)
	l.Get()
	v, ok := l.Take()
	require.True(t, ok)
	require.Equal(t, 1, v)
	_, ok = l.Take()
	require.False(t, ok)
	require.Equal(t, 2, *l.Get())
}

// O9: Each finds the values of all threads, and none is closed while it looks.
func TestO9Each(t *testing.T) {
	type value struct{ visits, closed atomic.Int64 }
	var all atomic.Int64
	l := newLocal(t, func() (*value, error) { all.Add(1); return new(value), nil },
		func(v **value) error { (*v).closed.Add(1); return nil })
	var busy atomic.Int64
	busy.Store(4)
	user := func() {
		defer busy.Add(-1)
		for range testkit.Rounds(100) {
			onThread(t, func() { l.Get() })
			l.Get()
			if v, ok := l.Take(); ok {
				v.closed.Add(1)
			}
		}
	}
	looker := func() {
		for busy.Load() > 0 {
			l.Each(func(v **value) {
				assert.Zero(t, (*v).closed.Load())
				(*v).visits.Add(1)
				runtime.Gosched()
				assert.Zero(t, (*v).closed.Load())
			})
		}
	}
	together(t, user, user, user, user, looker, looker)

	var held [3]chan struct{}
	out := make(chan struct{})
	for i := range held {
		held[i] = make(chan struct{})
		go onThread(t, func() { l.Get(); close(held[i]); <-out })
	}
	for _, h := range held {
		testkit.Await(t, h)
	}
	testkit.Until(t, "the values of living threads, and no others", func() bool {
		n := 0
		l.Each(func(**value) { n++ })
		return n == len(held)
	})
	if here.Known {
		for call, f := range map[string]func(){"Close": func() { l.Close() }, "Take": func() { l.Take() }, "Each": func() { l.Each(func(**value) {}) }} {
			require.PanicsWithValue(t, "oslocal: "+call+" in Each of the same Local, for whose end it would wait", func() {
				l.Each(func(**value) { f() })
			})
		}
	}
	close(out)
}
