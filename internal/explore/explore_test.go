package explore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Two goroutines of n steps each, in every order: as many runs as there are ways
// to mix them.
func TestAllOrders(t *testing.T) {
	for n, want := range []int{1: 2, 2: 6, 3: 20, 4: 70} {
		if n == 0 {
			continue
		}
		seen := map[string]bool{}
		_, all, failure := All(func() func() error {
			var order strings.Builder
			for _, name := range []string{"a", "b"} {
				Go(name, func() {
					for range n {
						Point(Change, "step", nil)
						order.WriteString(name)
					}
				})
			}
			return func() error { seen[order.String()] = true; return nil }
		}, 2*n, 0)
		require.Nil(t, failure)
		require.True(t, all)
		require.Len(t, seen, want)
	}
}

// counter is two goroutines that add without an atomic addition.
func counter() func() error {
	n := 0
	for i := range 2 {
		Go(fmt.Sprint("adder ", i), func() {
			Point(Look, "load", nil)
			old := n
			Point(Change, "store", nil)
			n = old + 1
		})
	}
	return func() error {
		if n != 2 {
			return errors.New("an addition is lost")
		}
		return nil
	}
}

// A bug that needs one interruption is found with a bound of one and not without,
// at random too, and its replay shows it again.
func TestFindsAndReplays(t *testing.T) {
	_, all, failure := All(counter, 0, 0)
	require.Nil(t, failure)
	require.True(t, all)
	_, _, failure = All(counter, 1, 0)
	for _, f := range []*Failure{failure, Random(counter, 1, 3, 1000)} {
		require.NotNil(t, f)
		again := Replay(counter, f.Seed)
		require.NotNil(t, again)
		require.Equal(t, f.Err, again.Err)
		require.Equal(t, f.Log, again.Log)
		require.Contains(t, f.Error(), "explore.counter.func1 (explore_test.go:")
	}
	require.Error(t, Replay(counter, "nonsense").Err)
}

// Who waits for what never comes, spins for it, panics, or goes on without end is
// reported; who ends by runtime.Goexit is not.
func TestReports(t *testing.T) {
	for want, f := range map[string]func(){
		"waits for ever: waiter": func() { Point(Look, "wait", func() bool { return false }) },
		"spins for ever: waiter": func() {
			for {
				Point(Spin, "pause", nil)
			}
		},
		"waiter panicked: oh": func() { panic("oh") },
		"no end after": func() {
			for {
				Point(Change, "step", nil)
			}
		},
	} {
		_, _, failure := All(func() func() error { Go("waiter", f); return nil }, 0, 0)
		require.NotNil(t, failure, want)
		require.ErrorContains(t, failure.Err, want)
	}
}

// A spinning goroutine goes on when another has changed something, and its clock
// when nobody else can.
func TestSpin(t *testing.T) {
	runs, all, failure := All(func() func() error {
		flag, spins := false, 0
		Go("spinner", func() {
			for !flag {
				Point(Spin, "pause", nil)
				spins++
			}
			for from := Now(); Now()-from < tick; {
				Point(Spin, "pause", nil)
			}
		})
		Go("other", func() {
			Point(Change, "store", nil)
			flag = true
		})
		return func() error {
			if spins > 3 {
				return fmt.Errorf("%d turns of a loop for one change", spins)
			}
			return nil
		}
	}, 5, 0)
	require.Nil(t, failure)
	require.True(t, all)
	require.Less(t, runs, 100)
}
