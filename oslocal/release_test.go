//go:build cgo && (unix || windows)

package oslocal_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// O5: in a close function that runs for Close, every value is out of reach, and
// none is made.
func TestO5CloseFindsNothing(t *testing.T) {
	locked(t)
	other := newLocal(t, func() (int, error) { return 1, nil }, nil)
	other.Get()
	ran := 0
	l := newLocal(t, func() (int, error) { return 1, nil }, func(*int) error {
		ran++
		_, err := other.TryGet()
		assert.ErrorIs(t, err, oslocal.ErrEnded)
		return nil
	})
	l.Get()
	require.NoError(t, l.Close())
	require.Equal(t, 1, ran)
	n := 0
	other.Each(func(*int) { n++ })
	require.Equal(t, 1, n)
}

// O6: Close while the releasing goroutine goes through the object's values: each is
// closed by one of the two.
func TestO6CloseAgainstTheReleasing(t *testing.T) {
	for range testkit.Rounds(200) {
		begun, goOn := make(chan struct{}, 1), make(chan struct{})
		gate := newLocal(t, func() (int, error) { return 0, nil }, func(*int) error {
			begun <- struct{}{}
			<-goOn
			return nil
		})
		var closed atomic.Int64
		l := newLocal(t, func() (int, error) { return 0, nil }, func(*int) error { closed.Add(1); return nil })
		onThread(t, func() { gate.Get() })
		testkit.Await(t, begun) // which holds the releasing goroutine up
		const threads = 50
		for range threads {
			onThread(t, func() { l.Get() })
		}
		together(t, func() { close(goOn) }, func() {
			for closed.Load() < 3 {
				runtime.Gosched()
			}
			assert.NoError(t, l.Close())
		})
		require.EqualValues(t, threads, closed.Load())
	}
}

// O9: an Each that has found a value, and must wait for another Each that is at it,
// does not visit it when Take has come first.
func TestO9EachLooksTwice(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	opened, takeNow := make(chan struct{}), make(chan struct{})
	first, second, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
	l := newLocal(t, func() (int, error) { return 7, nil }, nil)
	go func() {
		defer close(over)
		onThread(t, func() {
			l.Get()
			close(opened)
			<-takeNow
			v, ok := l.Take()
			assert.True(t, ok)
			assert.Equal(t, 7, v)
		})
	}()
	testkit.Await(t, opened)
	go func() {
		defer close(first)
		l.Each(func(*int) { close(begun); <-goOn })
	}()
	testkit.Await(t, begun)
	go func() {
		defer close(second)
		l.Each(func(*int) { t.Error("visited a value that Take has") })
	}()
	testkit.Until(t, "the second waits", func() bool { return blockedIn(".visit(") })
	close(takeNow)
	testkit.Until(t, "Take waits", func() bool { return blockedIn(".take(") })
	close(goOn)
	testkit.Await(t, first)
	testkit.Await(t, second)
	testkit.Await(t, over)
}
