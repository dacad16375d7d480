package ste_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

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
