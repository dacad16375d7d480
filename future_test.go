package ste_test

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// T8: an Async panic that no Wait took goes to the handler when the Future is
// garbage, and otherwise when the Thread has closed.
func TestT8AsyncUnclaimed(t *testing.T) {
	got := make(chan error, 10)
	th := start(t, ste.WithErrorHandler(func(err error) { got <- err }))
	boom := func() (int, error) { panic("unclaimed") }

	_, err := ste.Async(th, boom)
	require.NoError(t, err)
	require.True(t, testkit.Collect(func() bool { return len(got) == 1 }), "the Future is garbage, nobody was told")
	require.Contains(t, (<-got).Error(), "unclaimed")

	taken, err := ste.Async(th, boom)
	require.NoError(t, err)
	testkit.PanicOf[*ste.PanicError](t, func() { taken.Wait(context.Background()) })

	waiting, err := ste.Async(th, func() (int, error) { runtime.Gosched(); panic("x") })
	require.NoError(t, err)
	testkit.PanicOf[*ste.PanicError](t, func() { waiting.Wait(context.Background()) })

	kept, err := ste.Async(th, boom)
	require.NoError(t, err)
	require.NoError(t, th.Close())
	require.Len(t, got, 1, "the Thread has closed")
	testkit.PanicOf[*ste.PanicError](t, func() { kept.Wait(context.Background()) }) // still there for who asks late
	runtime.KeepAlive(kept)
}

// T8: a Wait whose context panics or exits has taken nothing: the panic of the task is
// still nobody's, and told.
func TestT8WaitWhoseContextFails(t *testing.T) {
	for name, fail := range map[string]func(){"panics": func() { panic("odd") }, "exits": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			told := make(chan error, 1)
			th := start(t, ste.WithErrorHandler(func(err error) { told <- err }))
			goOn := make(chan struct{})
			fu, err := ste.Async(th, func() (int, error) { <-goOn; panic("unheard") })
			require.NoError(t, err)
			testkit.Within(t, func() { fu.Wait(oddErr{context.Background(), fail}) })
			close(goOn)
			<-fu.Done()
			require.NoError(t, th.Close())
			require.Len(t, told, 1)
			var pe *ste.PanicError
			require.ErrorAs(t, <-told, &pe)
			require.Equal(t, "unheard", pe.Value)
			runtime.KeepAlive(fu)
		})
	}
}

// oddErr is a Context of somebody's own, whose Err fails.
type oddErr struct {
	context.Context
	fail func()
}

func (c oddErr) Err() error { c.fail(); return nil }

// T8: a panic for which a Wait is waiting is that one's, also if the Thread ends before
// the waiter gets to run.
func TestT8WaiterOfAClosingThread(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range max(testkit.Rounds(100), 50) {
		told := make(chan error, 1)
		th, err := ste.New(ste.WithErrorHandler(func(err error) { told <- err }))
		require.NoError(t, err)
		goOn, waits := make(chan struct{}), make(chan any)
		fu, err := ste.Async(th, func() (int, error) {
			<-goOn
			th.Close()
			panic("heard")
		})
		require.NoError(t, err)
		go func() {
			defer func() { waits <- recover() }()
			fu.Wait(context.Background())
		}()
		for ste.Waiting(fu) == 0 {
			runtime.Gosched()
		}
		close(goOn)
		var pe *ste.PanicError
		require.ErrorAs(t, (<-waits).(error), &pe)
		<-th.Done()
		require.Empty(t, told)
	}
}

// T7, T8: a panic that a late Wait takes is nobody else's any more, and not kept. Nor is
// one that is told because its Future was forgotten.
func TestT8LateWait(t *testing.T) {
	told := make(chan error, 1)
	th := start(t, ste.WithErrorHandler(func(err error) { told <- err }))
	boom := func() (int, error) { panic("late") }
	fu, err := ste.Async(th, boom)
	require.NoError(t, err)
	<-fu.Done()
	require.Equal(t, 1, ste.Unclaimed(th))
	for range 2 {
		require.Panics(t, func() { fu.Wait(context.Background()) })
		require.Zero(t, ste.Unclaimed(th))
	}
	require.Empty(t, told)
	runtime.KeepAlive(fu)
	fu, err = ste.Async(th, boom)
	require.NoError(t, err)
	<-fu.Done()
	fu = nil
	require.True(t, testkit.Collect(func() bool { return len(told) == 1 }))
	require.NoError(t, th.Submit(func() {}))
	require.Zero(t, ste.Unclaimed(th))
}

// T8: a Wait that has given up takes no panic: it goes to the handler.
func TestT8WaitThatGaveUp(t *testing.T) {
	told := make(chan error, 1)
	th := start(t, ste.WithErrorHandler(func(err error) { told <- err }))
	hang := make(chan struct{})
	fu, err := ste.Async(th, func() (int, error) { <-hang; panic("unheard") })
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = fu.Wait(ctx)
	require.ErrorIs(t, err, context.Canceled)
	close(hang)
	require.NoError(t, th.Close())
	require.ErrorContains(t, testkit.Await(t, told), "unheard")
	runtime.KeepAlive(fu)
}

// T7: a Future that is kept after its end keeps nothing of its closure.
func TestT7FutureForgetsItsClosure(t *testing.T) {
	th := start(t)
	freed := make(chan struct{})
	fu := func() *ste.Future[int] {
		big := new([1 << 16]byte)
		runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, freed)
		fu, err := ste.Async(th, func() (int, error) { return int(big[0]), nil })
		require.NoError(t, err)
		return fu
	}()
	_, err := fu.Wait(context.Background())
	require.NoError(t, err)
	require.NoError(t, th.Submit(func() {})) // the Thread has done with it
	require.True(t, testkit.Collect(func() bool { return testkit.IsClosed(freed) }))
	runtime.KeepAlive(fu)
}

// T5: a Future may be printed while its task runs: nothing of the Thread's shows.
func TestT5FutureIsPrinted(t *testing.T) {
	th := start(t)
	stop := make(chan struct{})
	var fus []*ste.Future[[]string]
	for range 100 {
		fu, err := ste.Async(th, func() ([]string, error) { return []string{"a value that no address looks like"}, nil })
		require.NoError(t, err)
		fus = append(fus, fu)
	}
	go func() {
		defer close(stop)
		th.Submit(func() {})
	}()
	for !testkit.IsClosed(stop) {
		for _, fu := range fus {
			require.NotContains(t, fmt.Sprintf("%+v %#v", fu, fu), "no address")
			reflect.DeepEqual(fu, fus[0])
		}
		runtime.Gosched()
	}
}
