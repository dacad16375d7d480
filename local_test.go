package ste_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Thread's value is opened there on first use, is the same from then on and another
// Thread's is another; it is closed there when the Thread ends.
func TestLocal(t *testing.T) {
	var opened, closed atomic.Int64
	l := ste.NewLocal(func() (ste.Tag, error) { opened.Add(1); return ste.Current(), nil }, func(g *ste.Tag) error {
		closed.Add(1)
		g.Check()
		return nil
	})
	ths := make([]*ste.Thread, 5)
	for i := range ths {
		th, err := ste.New()
		require.NoError(t, err)
		testkit.Watch(th)
		ths[i] = th
	}
	require.Zero(t, opened.Load())
	for range 3 {
		for _, th := range ths {
			require.NoError(t, th.Submit(func() {
				v := l.Get()
				require.Equal(t, th.Tag(), *v)
				w, err := l.TryGet()
				require.NoError(t, err)
				require.Same(t, v, w)
			}))
			testkit.Within(t, func() { th.Submit(runtime.Goexit) }) // another goroutine, the same Thread
		}
	}
	require.EqualValues(t, 5, opened.Load())
	for i, th := range ths[:3] {
		require.NoError(t, th.Close())
		require.EqualValues(t, i+1, closed.Load())
	}
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		require.Equal(t, th.Tag(), *l.Get())
		require.EqualValues(t, 6, opened.Load())
		return nil
	}))
	require.EqualValues(t, 4, closed.Load())
	require.NoError(t, l.Close())
	require.EqualValues(t, 6, closed.Load())
	for _, th := range ths {
		require.NoError(t, th.Close())
	}
	require.EqualValues(t, 6, closed.Load())
}

// Off every Thread, and misused.
func TestLocalMisuse(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { t.Error("opened"); return 0, nil }, nil)
	_, err := l.TryGet()
	var wrong *ste.WrongThreadError
	require.ErrorAs(t, err, &wrong)
	require.EqualError(t, err, "ste: wrong thread: ste.Local[int] has a value for each Thread; it was used on no Thread (use Submit; goroutines that a task starts are on no Thread)")
	require.PanicsWithError(t, err.Error(), func() { l.Get() })
	require.PanicsWithError(t, err.Error(), func() { l.Take() })
	require.PanicsWithValue(t, "ste: NewLocal with a nil open func", func() { ste.NewLocal[int](nil, nil) })
	var none context.Context
	require.PanicsWithValue(t, "ste: Each with a nil context", func() { l.Each(none, func(ste.Tag, *int) error { return nil }) })
	require.PanicsWithValue(t, "ste: Each with a nil func", func() { l.Each(context.Background(), nil) })
	var zero ste.Local[int]
	for name, f := range map[string]func(*ste.Local[int]){
		"Get": func(l *ste.Local[int]) { l.Get() }, "TryGet": func(l *ste.Local[int]) { l.TryGet() },
		"Take": func(l *ste.Local[int]) { l.Take() }, "Close": func(l *ste.Local[int]) { l.Close() },
		"Each": func(l *ste.Local[int]) {
			l.Each(context.Background(), func(ste.Tag, *int) error { return nil })
		},
	} {
		require.PanicsWithValue(t, "ste: "+name+" of the zero Local; make Locals with NewLocal", func() { f(&zero) })
		require.PanicsWithValue(t, "ste: "+name+" of a nil Local", func() { f(nil) })
	}
	require.NoError(t, l.Close())
}

// open may fail, panic and exit: then there is no value, and the next Get tries again.
// It may use other Locals, and gets an error for its own.
func TestLocalOpen(t *testing.T) {
	th := start(t, ste.WithName("gl"))
	n := 0
	oh := errors.New("oh")
	other := ste.NewLocal(func() (string, error) { return "other's", nil }, nil)
	var l *ste.Local[string]
	l = ste.NewLocal(func() (string, error) {
		switch n++; n {
		case 1:
			return "", oh
		case 2:
			panic("oh")
		case 3:
			runtime.Goexit()
		case 4:
			return *l.Get(), nil
		case 5:
			_, err := l.TryGet()
			return "", err
		}
		return *other.Get() + " and mine", nil
	}, nil)
	require.NoError(t, th.Submit(func() {
		_, err := l.TryGet()
		require.Same(t, oh, err)
		require.PanicsWithValue(t, "oh", func() { l.TryGet() })
	}))
	returned, panicked := testkit.Within(t, func() { th.Submit(func() { l.TryGet() }) })
	require.False(t, returned)
	require.Nil(t, panicked)
	require.NoError(t, th.Submit(func() {
		again := fmt.Sprintf("ste: Local[string]: open asks for its own value on Thread %d (gl), which it is about to make", th.Tag().ID())
		require.PanicsWithError(t, again, func() { l.TryGet() }) // of Get in open
		_, err := l.TryGet()
		require.EqualError(t, err, again)
		_, ok := l.Take()
		require.False(t, ok)
		require.Equal(t, "other's and mine", *l.Get())
	}))
	require.Equal(t, 6, n)
	n = 0
	require.NoError(t, start(t).Submit(func() { require.PanicsWithError(t, "oh", func() { l.Get() }) }))
}

// All at once: Threads that come and go, Each, Close, Take. Each value is closed
// exactly once, or taken, and nobody is left waiting.
func TestLocalRaces(t *testing.T) {
	for range testkit.Rounds(100) {
		var opened, ended atomic.Int64
		l := ste.NewLocal(func() (*atomic.Int64, error) { opened.Add(1); return new(atomic.Int64), nil }, func(n **atomic.Int64) error {
			if (*n).Add(1) != 1 {
				t.Error("closed twice")
			}
			ended.Add(1)
			return nil
		})
		fs := []func(){
			func() {
				l.Each(context.Background(), func(g ste.Tag, _ **atomic.Int64) error { g.Check(); return nil })
			},
			func() { assert.NoError(t, l.Close()) },
			func() { assert.NoError(t, l.Close()) },
		}
		var ths []*ste.Thread
		for i := range 3 {
			th, err := ste.New()
			require.NoError(t, err)
			ths = append(ths, th)
			fs = append(fs, func() {
				th.Submit(func() {
					if _, err := l.TryGet(); err != nil {
						assert.ErrorIs(t, err, ste.ErrClosed)
					}
					if i == 1 {
						if n, ok := l.Take(); ok {
							n.Add(1)
							ended.Add(1)
						}
					}
				})
			}, func() { assert.NoError(t, th.Close()) })
		}
		testkit.Together(t, fs...)
		for _, th := range ths {
			require.NoError(t, th.Close())
		}
		require.Equal(t, opened.Load(), ended.Load())
	}
}

// Any number of Locals, and slots of closed ones used again by others: never for
// somebody else's value.
func TestLocalMany(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	th := start(t)
	for range 2 {
		locals := make([]*ste.Local[int], n)
		for i := range locals {
			locals[i] = ste.NewLocal(func() (int, error) { return i, nil }, nil)
		}
		require.NoError(t, th.Submit(func() {
			for i, l := range locals {
				if *l.Get() != i {
					t.Fatal("somebody else's value")
				}
			}
			for i, l := range locals {
				if *l.Get() != i {
					t.Fatal("somebody else's value")
				}
			}
		}))
		for i, l := range locals {
			if i%2 == 0 {
				require.NoError(t, l.Close())
			}
		}
		require.NoError(t, th.Submit(func() { // on the slots that are free
			for i := range n / 2 {
				l := ste.NewLocal(func() (int, error) { return -i, nil }, nil)
				if *l.Get() != -i {
					t.Fatal("somebody else's value")
				}
				if i%2 == 0 {
					l.Close()
				}
			}
			for i, l := range locals {
				if v, err := l.TryGet(); i%2 == 0 && !errors.Is(err, ste.ErrClosed) || i%2 == 1 && *v != i {
					t.Fatal("somebody else's value", i, v, err)
				}
			}
		}))
		for _, l := range locals {
			require.NoError(t, l.Close())
		}
	}
}

// A Local that gets the slot of one that is being closed keeps its value when that
// one's is closed.
func TestLocalSlotInUse(t *testing.T) {
	th := start(t)
	for range 20 {
		a := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
		var b *ste.Local[int]
		over := make(chan error, 1)
		require.NoError(t, th.Submit(func() {
			a.Get()
			go func() { over <- a.Close() }() // waits for the end of this task
			time.Sleep(time.Millisecond)
			b = ste.NewLocal(func() (int, error) { return 2, nil }, nil)
			*b.Get() = 3
		}))
		require.NoError(t, <-over)
		require.NoError(t, th.Submit(func() {
			require.Equal(t, 3, *b.Get())
			_, err := a.TryGet()
			require.ErrorIs(t, err, ste.ErrClosed)
		}))
		require.NoError(t, b.Close())
	}
}

// T15: Get allocates nothing once there is a value.
func TestT15LocalGet(t *testing.T) {
	th := start(t)
	l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	require.NoError(t, th.Submit(func() {
		require.Zero(t, testing.AllocsPerRun(1000, func() { *l.Get()++ }))
		require.Equal(t, 1001, *l.Get())
	}))
	require.NoError(t, l.Close())
}
