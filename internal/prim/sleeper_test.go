//go:build !ste_explore

package prim

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste/internal/futex"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// woken calls f, with a sleeper that the kernel wakes for no reason again and again.
func woken(t *testing.T, f func(s *sleeper)) {
	if !futex.Works {
		t.Skip("nobody sleeps in the kernel in this build")
	}
	s := NewKernelBell().s
	var stop atomic.Bool
	over := make(chan struct{})
	go func() {
		defer close(over)
		for !stop.Load() {
			futex.Wake(&s.word)
			runtime.Gosched()
		}
	}()
	testkit.Together(t, func() { f(s) })
	stop.Store(true)
	testkit.Await(t, over)
}

// Who is woken for no reason sleeps on, until somebody rings: now, or before it came to
// wait.
func TestSleeperHearsRings(t *testing.T) {
	woken(t, func(s *sleeper) {
		var rings, heard atomic.Int64
		done := make(chan struct{})
		n := int64(testkit.Rounds(5))
		go func() {
			defer close(done)
			for heard.Load() < n {
				if rings.Load() == heard.Load() { // never two
					if heard.Load()%2 == 0 {
						time.Sleep(20 * time.Microsecond)
					}
					rings.Add(1)
					s.ring()
				}
				runtime.Gosched()
			}
		}()
		for i := range n {
			if !s.waitUntil(Never) || rings.Load() != i+1 {
				t.Errorf("woke after %d rings and not %d", rings.Load(), i+1)
				break
			}
			heard.Add(1)
		}
		heard.Store(n)
		<-done
	})
}

// Who sleeps with a limit wakes by a ring, or when its time has come and not before; a ring
// of that instant is not lost.
func TestSleeperLimit(t *testing.T) {
	woken(t, func(s *sleeper) {
		late := 0
		for i := range testkit.Rounds(5) {
			at := Now() + int64(i%50)*2000
			ring := make(chan struct{})
			go func() {
				defer close(ring)
				for Now() < at {
					runtime.Gosched()
				}
				s.ring()
			}()
			if !s.waitUntil(at) {
				if Now() < at {
					t.Error("before its time")
				}
				late++
				if !s.waitUntil(Never) { // hangs if it is lost
					t.Error("no ring")
				}
			}
			<-ring
			if s.waitUntil(Now()) {
				t.Error("a second ring")
			}
		}
		t.Logf("the time came first %d times", late)
	})
}

// The two Bells of a thread are two.
func TestKernelBellOther(t *testing.T) {
	if !futex.Works {
		t.Skip("nobody sleeps in the kernel in this build")
	}
	b := NewKernelBell()
	b.Other().Ring()
	require.False(t, b.WaitUntil(nil, Now()+1000))
	b.Other().Wait()
	require.True(t, b.Kernel() && b.Other().Kernel())
	require.False(t, NewBell().Kernel() || NewBell().Other().Kernel())
}
