//go:build cgo && (unix || windows)

package oslocal_test

import (
	"runtime"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The seven cases that thread-local storage is tried with in Rust, told for Go:
// there a value's destructor runs on its thread, here on another goroutine.

// A value is closed when its thread has ended.
func TestO3Smoke(t *testing.T) {
	closed := make(chan int, 1)
	l := newLocal(t, func() (int, error) { return 1, nil }, func(v *int) error { closed <- *v; return nil })
	onThread(t, func() {
		*l.Get() += 41
		select {
		case <-closed:
			t.Error("closed while its thread lives")
		default:
		}
		l.Get() // see the type's comment on the race detector
	})
	require.Equal(t, 42, testkit.Await(t, closed))
}

// A value is there, or is made, or can no longer be had, at each time of its life.
func TestO1States(t *testing.T) {
	type state struct{ during chan error }
	var l *oslocal.Local[state]
	l = newLocal(t, func() (state, error) { return state{make(chan error, 1)}, nil }, func(v *state) error {
		_, err := l.TryGet()
		v.during <- err
		return nil
	})
	var during chan error
	onThread(t, func() {
		v, err := l.TryGet()
		assert.NoError(t, err)
		assert.Same(t, v, l.Get())
		during = v.during
		l.Get()
	})
	require.ErrorIs(t, testkit.Await(t, during), oslocal.ErrEnded)
	require.NoError(t, l.Close())
	_, err := l.TryGet()
	require.ErrorIs(t, err, oslocal.ErrClosed)
}

// Two objects whose closes ask for each other's value: the one that is closed first
// finds the other, and not the other way round.
func TestO5Circular(t *testing.T) {
	type found struct {
		name string
		err  error
	}
	got := make(chan found, 2)
	var a, b *oslocal.Local[int]
	a = newLocal(t, func() (int, error) { return 1, nil }, func(*int) error {
		_, err := b.TryGet()
		got <- found{"a", err}
		return nil
	})
	b = newLocal(t, func() (int, error) { return *a.Get() + 1, nil }, func(*int) error {
		v, err := a.TryGet()
		if err == nil && *v != 1 {
			t.Error("another value of a:", *v)
		}
		got <- found{"b", err}
		return nil
	})
	onThread(t, func() { assert.Equal(t, 2, *b.Get()) })
	first, second := testkit.Await(t, got), testkit.Await(t, got)
	require.Equal(t, found{"b", nil}, first, "the newest is closed first")
	require.Equal(t, "a", second.name)
	require.ErrorIs(t, second.err, oslocal.ErrEnded)
}

// A value that refers to its own object, and whose close asks for it.
func TestO5SelfReferential(t *testing.T) {
	type self struct{ l *oslocal.Local[self] }
	got := make(chan error, 1)
	var l *oslocal.Local[self]
	l = newLocal(t, func() (self, error) { return self{l}, nil }, func(v *self) error {
		_, err := v.l.TryGet()
		got <- err
		return nil
	})
	onThread(t, func() { assert.Same(t, l, l.Get().l) })
	require.ErrorIs(t, testkit.Await(t, got), oslocal.ErrEnded)
}

// Closes that use other objects, three deep. A value that the thread has is found,
// a value that it has not is not made.
func TestO5ThreeDeep(t *testing.T) {
	got := make(chan error, 3)
	keep := func(err error) { got <- err }
	c := newLocal(t, func() (int, error) { return 3, nil }, func(*int) error { keep(nil); return nil })
	b := newLocal(t, func() (int, error) { return 2, nil }, func(*int) error {
		v, err := c.TryGet()
		if err == nil {
			*v++
		}
		keep(err)
		return nil
	})
	a := newLocal(t, func() (int, error) { return 1, nil }, func(*int) error {
		v, err := b.TryGet()
		if err == nil {
			*v++
		}
		keep(err)
		return nil
	})
	onThread(t, func() { c.Get(); b.Get(); a.Get() })
	for range 3 {
		require.NoError(t, testkit.Await(t, got))
	}
	onThread(t, func() { a.Get() })
	require.ErrorIs(t, testkit.Await(t, got), oslocal.ErrEnded)
	select {
	case <-got:
		t.Error("a value was made for a thread that has ended")
	default:
	}
}

// Use during and after destruction, by who asks in vain and by who asks with care.
func TestO5DuringAndAfter(t *testing.T) {
	said := make(chan any, 1)
	var l *oslocal.Local[int]
	l = newLocal(t, func() (int, error) { return 1, nil }, func(*int) error {
		defer func() { said <- recover() }()
		l.Get()
		return nil
	})
	onThread(t, func() { l.Get() })
	err, _ := testkit.Await(t, said).(error)
	require.ErrorIs(t, err, oslocal.ErrEnded)
	require.ErrorContains(t, err, "oslocal: Get: ")
}

// Each thread begins with the initial value, also one that begins inside another's
// life, and none sees what the others do.
func TestO2InitialValue(t *testing.T) {
	locked(t)
	l := newLocal(t, func() (int, error) { return 7, nil }, nil)
	*l.Get() = 8
	var fs []func()
	for i := range 8 {
		fs = append(fs, func() {
			assert.Equal(t, 7, *l.Get())
			for j := range 100 {
				*l.Get() = 100*i + j
				runtime.Gosched()
				assert.Equal(t, 100*i+j, *l.Get())
			}
			if i == 0 {
				onThread(t, func() { assert.Equal(t, 7, *l.Get()) })
			}
		})
	}
	together(t, fs...)
	require.Equal(t, 8, *l.Get())
}
