package ste_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
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

// Identity.
func TestG1Local(t *testing.T) {
	l := ste.NewLocal(func() (ste.Tag, error) { return ste.Current(), nil }, nil)
	a, b := start(t), start(t)
	for _, th := range []*ste.Thread{a, b} {
		require.NoError(t, th.Submit(func() {
			next, stop := iter.Pull(func(yield func(ste.Tag) bool) {
				for yield(*l.Get()) {
				}
			})
			defer stop()
			for range 3 {
				g, _ := next()
				require.Equal(t, th.Tag(), g)
			}
		}))
	}
	require.NoError(t, a.Submit(func() {
		require.NoError(t, a.Post(func() { assert.Equal(t, a.Tag(), *l.Get()) }))
		require.Equal(t, 1, a.RunPending())
		next, stop := iter.Pull(func(yield func(int) bool) { assert.NoError(t, l.Close()); yield(1) })
		next()
		stop()
	}))
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
	n := testkit.Size(5_000, 10_000, 100_000)
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
	require.ErrorIs(t, l.Each(testkit.Ended(), add), context.Canceled)
	require.Equal(t, "boom", testkit.PanicOf[*ste.PanicError](t, func() { l.Each(context.Background(), func(ste.Tag, *int) error { panic("boom") }) }).Value)
	returned, _ := testkit.Within(t, func() {
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

// Take leaves nothing to close.
func TestLocalTake(t *testing.T) {
	n, closed := 0, 0
	l := ste.NewLocal(func() (int, error) { n++; return n, nil }, func(*int) error { closed++; return nil })
	th, err := ste.New()
	require.NoError(t, err)
	testkit.Watch(th)
	require.NoError(t, th.Submit(func() {
		_, ok := l.Take()
		require.False(t, ok)
		kept := l.Get()
		require.Equal(t, 1, *kept)
		v, ok := l.Take()
		require.True(t, ok)
		require.Equal(t, 1, v)
		require.Zero(t, *kept, "the value has one place")
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

// A value that is taken while Each is on its way is not visited.
func TestLocalTakenBeforeItsVisit(t *testing.T) {
	a, b := start(t), start(t)
	l := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
	for _, th := range []*ste.Thread{a, b} {
		require.NoError(t, th.Submit(func() { l.Get() }))
	}
	var visited []ste.Tag
	require.NoError(t, l.Each(context.Background(), func(tag ste.Tag, _ *int) error {
		visited = append(visited, tag)
		return b.Submit(func() { l.Take() })
	}))
	require.Equal(t, []ste.Tag{a.Tag()}, visited)
}

// A Close inside close makes the error vanish when the Close outside was refused.
func TestLocalErrorIsHeard(t *testing.T) {
	var told []error
	a, b := start(t, ste.WithErrorHandler(func(err error) { told = append(told, err) })), start(t)
	var l *ste.Local[int]
	l = ste.NewLocal(func() (int, error) { return 0, nil }, func(*int) error {
		_ = l.Close() // once more does no harm
		return errors.New("of close")
	})
	require.NoError(t, a.Submit(func() {
		l.Get()
		require.NoError(t, b.Submit(func() {
			err := l.Close()
			require.ErrorIs(t, err, ste.ErrDeadlock)
			require.NotContains(t, err.Error(), "of close")
		}))
	}))
	require.NoError(t, a.Submit(func() {}))
	require.Len(t, told, 1, "the error of close reached nobody")
}

type endingContext struct {
	context.Context
	cancel func()
}

func (c endingContext) Done() <-chan struct{} { c.cancel(); return c.Context.Done() }

var errCause = errors.New("the cause")

// Each: the end of ctx, met together with a closing Thread, is told as ErrClosed.
func TestLocalEachCause(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	th := start(t)
	hold := make(chan struct{})
	require.NoError(t, th.Submit(func() { l.Get() }))
	require.NoError(t, th.Post(func() { <-hold }))
	go th.Close()
	for !th.Closed() {
		runtime.Gosched()
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	err := l.Each(endingContext{ctx, func() { cancel(errCause) }}, func(ste.Tag, *int) error { return nil })
	close(hold)
	require.Equal(t, errCause, err)
}

// Same, with nothing contrived: Each and Shutdown share a ctx.
func TestLocalEachCauseRace(t *testing.T) {
	n := 0
	for range 300 {
		l := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
		th, err := ste.New()
		require.NoError(t, err)
		hold, in := make(chan struct{}), make(chan struct{})
		require.NoError(t, th.Submit(func() { l.Get() }))
		require.NoError(t, th.Post(func() { close(in); <-hold }))
		<-in
		ctx, cancel := context.WithCancelCause(context.Background())
		got := make(chan error)
		go func() { got <- l.Each(ctx, func(ste.Tag, *int) error { return nil }) }()
		shut := make(chan error)
		time.Sleep(200 * time.Microsecond)
		go func() { shut <- th.Shutdown(ctx) }()
		time.Sleep(200 * time.Microsecond)
		cancel(errCause)
		if err := <-got; err != errCause && err != nil { // nil: the Thread was closing already
			n++
		}
		<-shut
		close(hold)
		<-th.Done()
		l.Close()
	}
	require.Zero(t, n, "of 300")
}
