//go:build cgo && unix

package oslocal_test

import (
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ste-go/ste/internal/cgotest"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// O4: a destructor of somebody else's key that calls Go while the thread dies, in
// every round that there is, before and after ours: its values are there or it is
// told that it is late, and nothing is made that nobody would close.
func TestO4DestructorsCallGo(t *testing.T) {
	for _, before := range []bool{true, false} { // does the thread have a value?
		var open, closed atomic.Int64
		l := newLocal(t, func() (int, error) { open.Add(1); return 1, nil }, func(*int) error { closed.Add(1); return nil })
		late, had := 0, 0
		for range testkit.Rounds(20) {
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
		testkit.Until(t, "all closed", func() bool { return open.Load() == closed.Load() })
		require.Positive(t, late)
		t.Logf("before=%v: %d in time, %d late", before, had, late)
		require.EqualValues(t, testkit.Rounds(20), open.Load(), "one value for each thread")
	}
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
	testkit.Children["no keys"] = func() {
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
}

func TestO8NoKeyAtAll(t *testing.T) {
	require.Contains(t, runChild(t, "no keys"), "oslocal: the process has no thread-local keys left: ")
}
