//go:build cgo && unix

package oslocal_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/ste-go/ste/internal/cgotest"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/oslocal"
	"github.com/ste-go/ste/oslocal/internal/threadword"
	"github.com/stretchr/testify/require"
)

// A use of the thread's counter, beside a variable, a map keyed by the thread's
// number, and what C does.
func BenchmarkGet(b *testing.B) {
	b.Run("way=variable", func(b *testing.B) {
		n := new(int)
		for b.Loop() {
			*n++
		}
	})
	b.Run("way=oslocal", func(b *testing.B) {
		locked(b)
		l := newLocal(b, func() (int, error) { return 0, nil }, nil)
		b.ReportAllocs()
		for b.Loop() {
			*l.Get()++
		}
	})
	b.Run("way=sync.Map/by=Gettid", func(b *testing.B) { syncMap(b, osthread.ID) })
	b.Run("way=sync.Map/by=Self", func(b *testing.B) { syncMap(b, osthread.Self) })
	b.Run("way=pthread_getspecific/calls=each", func(b *testing.B) {
		for b.Loop() {
			cgotest.GetOne()
		}
	})
	b.Run("way=pthread_getspecific/calls=none", func(b *testing.B) { cgotest.GetMany(b.N) })
}

func syncMap(b *testing.B, id func() uint64) {
	locked(b)
	var m sync.Map
	m.Store(id(), new(int))
	for b.Loop() {
		n, _ := m.Load(id())
		*n.(*int)++
	}
}

// A thread's whole life, with a value and without.
func BenchmarkThread(b *testing.B) {
	l := newLocal(b, func() (int, error) { return 0, nil }, func(*int) error { return nil })
	for name, f := range map[string]func(){"without": func() {}, "with": func() { l.Get() }} {
		b.Run("kind=C/value="+name, func(b *testing.B) {
			for b.Loop() {
				cgotest.Calls(f, 1, 0)
			}
		})
		b.Run("kind=Go/value="+name, func(b *testing.B) {
			for b.Loop() {
				done := make(chan struct{})
				go func() {
					defer close(done)
					runtime.LockOSThread()
					f()
				}()
				<-done
			}
		})
	}
}

// A value's whole life on a thread that stays.
func BenchmarkValue(b *testing.B) {
	l := newLocal(b, func() (int, error) { return 0, nil }, nil)
	b.Run("end=Take", func(b *testing.B) {
		locked(b)
		b.ReportAllocs()
		for b.Loop() {
			l.Get()
			l.Take()
		}
	})
	b.Run("end=Close", func(b *testing.B) {
		locked(b)
		b.ReportAllocs()
		for b.Loop() {
			l, err := oslocal.New(func() (int, error) { return 0, nil }, nil)
			require.NoError(b, err)
			l.Get()
			l.Close()
		}
	})
}

// O13: a Get that finds its value allocates nothing, and takes far less than a call
// into C where it needs none.
func TestO13Cost(t *testing.T) {
	locked(t)
	l := newLocal(t, func() (int, error) { return 0, nil }, nil)
	l.Get()
	require.Zero(t, testing.AllocsPerRun(100, func() { l.Get(); l.TryGet() }))
	if testkit.Instrumented || !threadword.Known || runtime.GOARCH != "amd64" {
		t.Skip("times mean something on Linux on amd64, with nothing that watches")
	}
	took := testkit.Fastest(func() { l.Get() }, func() { cgotest.GetOne() })
	t.Logf("1,000 Gets take %v, 1,000 calls into C %v", took[0], took[1])
	require.Less(t, took[0], took[1]/2)
}
