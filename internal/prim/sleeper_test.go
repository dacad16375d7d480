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

// Who waits sleeps until somebody rings, now or before it came to wait, also if the kernel
// wakes it for no reason again and again; and no ring is lost.
func TestSleeperHearsRings(t *testing.T) {
	if !futex.Works {
		t.Skip("nobody sleeps in the kernel in this build")
	}
	for _, woken := range []bool{false, true} {
		s := NewKernelBell().s
		var rings, heard atomic.Int64
		var stop atomic.Bool
		n := int64(testkit.Rounds(2))
		fs := []func(){
			func() {
				defer stop.Store(true)
				for i := range n {
					if !s.waitUntil(Never) || rings.Load() != i+1 {
						t.Errorf("woke after %d rings and not %d", rings.Load(), i+1)
						break
					}
					heard.Add(1)
				}
			},
			func() {
				for i := 0; !stop.Load(); runtime.Gosched() {
					if rings.Load() != heard.Load() {
						continue // never two
					}
					if i++; i%4 == 0 {
						time.Sleep(20 * time.Microsecond)
					}
					for begun := Now(); Now()-begun < int64(i%50)*20; {
					}
					if !stop.Load() {
						rings.Add(1)
						s.ring()
					}
				}
			},
		}
		if woken {
			fs = append(fs, func() {
				for ; !stop.Load(); runtime.Gosched() {
					futex.Wake(&s.word)
				}
			})
		}
		testkit.Together(t, fs...)
	}
}

// Who sleeps with a limit wakes by a ring, or when its time has come and not before; a ring
// of that instant is not lost.
func TestSleeperLimit(t *testing.T) {
	if !futex.Works {
		t.Skip("nobody sleeps in the kernel in this build")
	}
	s := NewKernelBell().s
	var next atomic.Int64 // when to ring; 0 after that
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			at := next.Load()
			if at == Never {
				return
			}
			if at == 0 || Now() < at {
				runtime.Gosched()
				continue
			}
			s.ring()
			next.Store(0)
		}
	}()
	late, n := 0, testkit.Rounds(10)
	testkit.Together(t, func() {
		defer next.Store(Never)
		for i := range n {
			at := Now() + int64(i%40)*50 // so short that it does not fall asleep, mostly
			if i%20 == 0 {
				at += 20_000
			}
			next.Store(at + int64(i%7)*50)
			if !s.waitUntil(at) {
				if Now() < at {
					t.Error("before its time")
				}
				late++
				if !s.waitUntil(Never) { // hangs if it is lost
					t.Error("no ring")
				}
			}
			for next.Load() != 0 {
				runtime.Gosched()
			}
			if s.waitUntil(Now()) {
				t.Error("a second ring")
			}
		}
	})
	testkit.Await(t, over)
	t.Logf("the time came first %d times of %d", late, n)
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
