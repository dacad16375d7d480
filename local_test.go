package ste_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
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
		watch(th)
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
			within(t, func() { th.Submit(runtime.Goexit) }) // another goroutine, the same Thread
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
	returned, panicked := within(t, func() { th.Submit(func() { l.TryGet() }) })
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
	watch(th)
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
				together(t, closing, closing, closing, func() { ths[0].Submit(func() { l.Close() }) })
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
		time.Sleep(time.Millisecond)
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

// Each visits every value once, on its Thread; stops at an error and at the end of ctx;
// and leaves out Threads that are closing.
func TestLocalEach(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	var ths []*ste.Thread
	for range 5 {
		th := start(t)
		require.NoError(t, th.Submit(func() { l.Get() }))
		ths = append(ths, th)
	}
	start(t) // without a value
	var seen []ste.Tag
	add := func(g ste.Tag, v *int) error {
		g.Check()
		*v++
		seen = append(seen, g)
		return nil
	}
	require.NoError(t, l.Each(context.Background(), add))
	require.Len(t, seen, 5)
	for i, th := range ths {
		require.Equal(t, th.Tag(), seen[i])
	}
	require.NoError(t, ths[2].Submit(func() { require.NoError(t, l.Each(context.Background(), add)) })) // in place there
	require.Len(t, seen, 10)
	require.NoError(t, ths[2].Submit(func() { require.Equal(t, 2, *l.Get()) }))

	oh := errors.New("oh")
	seen = nil
	require.Same(t, oh, l.Each(context.Background(), func(g ste.Tag, v *int) error {
		add(g, v)
		if len(seen) == 2 {
			return oh
		}
		return nil
	}))
	require.Len(t, seen, 2)
	require.ErrorIs(t, l.Each(ended(), add), context.Canceled)
	require.Equal(t, "boom", panicOf(t, func() { l.Each(context.Background(), func(ste.Tag, *int) error { panic("boom") }) }).Value)
	returned, _ := within(t, func() {
		l.Each(context.Background(), func(ste.Tag, *int) error { runtime.Goexit(); return nil })
	})
	require.False(t, returned)

	require.NoError(t, ths[0].Close())
	hold, held := make(chan struct{}), make(chan struct{})
	require.NoError(t, ths[1].Post(func() { close(held); <-hold }))
	<-held
	go ths[1].Close()
	for ths[1].Post(func() {}) == nil {
		runtime.Gosched()
	}
	seen = nil
	require.NoError(t, l.Each(context.Background(), add))
	require.Len(t, seen, 3)
	close(hold)

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Millisecond)
	defer cancel()
	longer := make(chan struct{})
	require.NoError(t, ths[2].Post(func() { <-longer }))
	require.ErrorIs(t, l.Each(ctx, add), context.DeadlineExceeded)
	close(longer)
}

// Take leaves nothing to close.
func TestLocalTake(t *testing.T) {
	n, closed := 0, 0
	l := ste.NewLocal(func() (int, error) { n++; return n, nil }, func(*int) error { closed++; return nil })
	th, err := ste.New()
	require.NoError(t, err)
	watch(th)
	require.NoError(t, th.Submit(func() {
		_, ok := l.Take()
		require.False(t, ok)
		require.Equal(t, 1, *l.Get())
		v, ok := l.Take()
		require.True(t, ok)
		require.Equal(t, 1, v)
		_, ok = l.Take()
		require.False(t, ok)
		require.Equal(t, 2, *l.Get())
		l.Take()
	}))
	require.NoError(t, l.Each(context.Background(), func(ste.Tag, *int) error { t.Error("visited"); return nil }))
	require.NoError(t, th.Close())
	require.NoError(t, l.Close())
	require.Zero(t, closed)
}

// All at once: Threads that come and go, Each, Close, Take. Each value is closed
// exactly once, or taken, and nobody is left waiting.
func TestLocalRaces(t *testing.T) {
	for range rounds(100) {
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
		together(t, fs...)
		for _, th := range ths {
			require.NoError(t, th.Close())
		}
		require.Equal(t, opened.Load(), ended.Load())
	}
}

// T14: a Local that nobody holds any more is closed, on the Threads.
func TestLocalUnreachable(t *testing.T) {
	th := start(t)
	closed := make(chan bool, 1)
	func() {
		l := ste.NewLocal(func() (int, error) { return 0, nil }, func(*int) error { closed <- th.OnThread(); return nil })
		require.NoError(t, th.Submit(func() { l.Get() }))
	}()
	for range 200 {
		runtime.GC()
		select {
		case on := <-closed:
			require.True(t, on)
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Error("not closed")
}

// T14: a Local does not keep its Threads.
func TestT14LocalKeepsNoThread(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	var tag ste.Tag
	done := func() <-chan struct{} {
		th, err := ste.New()
		require.NoError(t, err)
		watch(th)
		require.NoError(t, th.Submit(func() { l.Get() }))
		tag = th.Tag()
		return th.Done()
	}()
	for range 200 {
		runtime.GC()
		select {
		case <-done:
			require.NoError(t, l.Each(context.Background(), func(ste.Tag, *int) error { t.Error("visited"); return nil }))
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Errorf("%v was not closed", tag)
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

// T7: nothing is kept of ended Threads nor of closed Locals, however many there were.
func TestT7Locals(t *testing.T) {
	long := start(t)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	l := ste.NewLocal(func() ([]byte, error) { return make([]byte, 4096), nil }, nil)
	round := func(n int) {
		for range n {
			th, err := ste.New()
			require.NoError(t, err)
			require.NoError(t, th.Submit(func() { l.Get() }))
			require.NoError(t, th.Close())
		}
		for range 10 * n {
			l := ste.NewLocal(func() ([]byte, error) { return make([]byte, 4096), nil }, nil)
			require.NoError(t, long.Submit(func() { l.Get() }))
			require.NoError(t, l.Close())
		}
	}
	round(20)
	before := heap()
	round(200)
	require.Less(t, heap(), before+500_000, "200 Threads and 2,000 Locals of 4 KiB each")
	require.NoError(t, l.Close())

	// Who keeps the Tag of a Thread keeps little more than that.
	l = ste.NewLocal(func() ([]byte, error) { return nil, nil }, nil)
	tags := make([]ste.Tag, 1000)
	before = heap()
	for i := range tags {
		th, err := ste.New()
		require.NoError(t, err)
		tags[i] = th.Tag()
		require.NoError(t, th.Submit(func() { l.Get() }))
		require.NoError(t, th.Close())
	}
	require.Less(t, heap(), before+uint64(300*len(tags)))
	runtime.KeepAlive(tags)
	require.NoError(t, l.Close())

	// While teardowns run, a closed value is not kept either.
	freed := make(chan struct{})
	big := ste.NewLocal(func() (*[]byte, error) {
		v := new([]byte)
		runtime.SetFinalizer(v, func(*[]byte) { close(freed) })
		return v, nil
	}, nil)
	th, err := ste.New(ste.WithTeardown(func() error {
		for range 100 {
			runtime.GC()
			select {
			case <-freed:
				return nil
			case <-time.After(5 * time.Millisecond):
			}
		}
		return errors.New("the value is kept")
	}))
	require.NoError(t, err)
	require.NoError(t, th.Submit(func() { big.Get() }))
	require.NoError(t, th.Close())
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

// endsAtSecondLook is a context that ends between two looks at it.
type endsAtSecondLook struct {
	context.Context
	looks int
}

func (c *endsAtSecondLook) Err() error {
	if c.looks++; c.looks > 1 {
		return context.DeadlineExceeded
	}
	return nil
}

// The soak found that Each returned ErrClosed, which is said of no Thread, where its
// context ended while a Thread refused the visit.
func TestLocalEachEndsAsAThreadCloses(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
	defer l.Close()
	th := start(t)
	release := make(chan struct{})
	begun := make(chan struct{})
	require.NoError(t, th.Post(func() { l.Get(); close(begun); <-release }))
	<-begun
	ended, end := context.WithCancel(context.Background())
	end()
	require.Error(t, th.Shutdown(ended)) // it is closed, and the value is there
	defer close(release)
	err := l.Each(&endsAtSecondLook{Context: context.Background()}, func(ste.Tag, *int) error { return nil })
	require.ErrorIs(t, err, context.DeadlineExceeded)
}
