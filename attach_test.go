package ste_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// attach runs body as a Thread on a goroutine of its own and returns that Thread at
// once, and a function that waits for the end of Attach.
func attach(t testing.TB, body func(*ste.Thread) error, opts ...ste.Option) (th *ste.Thread, end func() error) {
	t.Helper()
	begun, over := make(chan *ste.Thread), make(chan error, 1)
	go func() {
		over <- ste.Attach(func(th *ste.Thread) error {
			begun <- th
			return body(th)
		}, opts...)
	}()
	return <-begun, func() (err error) {
		ended := make(chan struct{})
		go func() { err = <-over; close(ended) }()
		testkit.Await(t, ended)
		return err
	}
}

// running is attach for a body that does nothing but Run.
func running(t testing.TB, opts ...ste.Option) *ste.Thread {
	t.Helper()
	th, end := attach(t, func(th *ste.Thread) error { return th.Run(context.Background()) }, opts...)
	t.Cleanup(func() {
		assert.NoError(t, th.Close())
		assert.NoError(t, end())
	})
	return th
}

// lockedHere reports whether the calling goroutine is locked to its OS thread.
func lockedHere() bool {
	var buf [200]byte
	header, _, _ := bytes.Cut(buf[:runtime.Stack(buf[:], false)], []byte("\n"))
	return bytes.Contains(header, []byte("locked to thread"))
}

// T1, T5, T10, T13: the body is on the Thread, on its caller's goroutine and OS
// thread, and so are the hooks and tasks; afterwards the goroutine is as before.
func TestAttach(t *testing.T) {
	var order []string
	note := func(s string) func() error { return func() error { order = append(order, s); return nil } }
	var of *ste.Thread
	var inHook, inTask uint64
	err := ste.Attach(func(th *ste.Thread) error {
		of = th
		note("body")()
		tid := osthread.ID()
		require.True(t, lockedHere())
		require.True(t, th.OnThread())
		require.Equal(t, th.Tag(), ste.Current())
		require.Equal(t, "host", th.Tag().Name())
		require.Same(t, th, th.Tag().Thread())
		v := ste.NewTagged(5)
		ran := false
		require.NoError(t, th.Submit(func() { ran = true })) // in place
		require.True(t, ran)
		b, err := ste.Bind(th, func() (int, error) { return 7, nil }, func(int) error {
			require.True(t, th.OnThread())
			return note("close")()
		})
		require.NoError(t, err)
		require.NoError(t, th.Post(func() {
			require.True(t, th.OnThread())
			require.Equal(t, 5, v.Get())
			inTask = osthread.ID()
			require.NoError(t, b.Do(func(v int) error { require.Equal(t, 7, v); return note("use")() }))
		}))
		_, err = th.AfterFunc(0, func() { require.Equal(t, 5, v.Get()); note("timer")() })
		require.NoError(t, err)
		require.Equal(t, 2, th.RunPending())
		require.Equal(t, tid, inHook)
		require.Equal(t, tid, inTask)
		require.Equal(t, 5, v.Get())
		require.NoError(t, th.Post(func() { require.Equal(t, 5, v.Get()); note("late task")() }))
		_, err = th.AfterFunc(time.Hour, func() { note("never")() })
		require.NoError(t, err)
		select {
		case <-th.Done():
			t.Error("Done before the end")
		default:
		}
		return errors.New("of the body")
	}, ste.WithName("host"),
		ste.WithInit(func() error { inHook = osthread.ID(); return note("init")() }),
		ste.WithTeardown(func() error { note("last")(); return errors.New("of the last teardown") }),
		ste.WithTeardown(note("first teardown")))
	require.EqualError(t, err, "of the body\nof the last teardown")
	require.Equal(t, []string{"init", "body", "timer", "use", "late task", "close", "first teardown", "last"}, order)
	require.False(t, lockedHere())
	require.True(t, testkit.IsClosed(of.Done()))
	require.Equal(t, ste.Tag{}, ste.Current())
	require.False(t, of.OnThread())
	require.ErrorIs(t, of.Post(func() {}), ste.ErrClosed)
	require.EqualError(t, of.Close(), "of the last teardown")
	require.Nil(t, of.Tag().Thread())

	mine := errors.New("mine")
	require.Same(t, mine, ste.Attach(func(*ste.Thread) error { return mine }))
}

// Attach on a Thread is an error, also inside an iter.Pull body or a callback; so
// are bad options, and nil panics.
func TestAttachMisuse(t *testing.T) {
	nobody := func(*ste.Thread) error { t.Error("ran"); return nil }
	th := start(t, ste.WithName("gl"))
	require.NoError(t, th.Submit(func() {
		err := ste.Attach(nobody)
		require.EqualError(t, err, fmt.Sprintf("ste: Attach on Thread %d (gl): one OS thread cannot be two Threads; use that one", th.Tag().ID()))
	}))
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		require.ErrorContains(t, ste.Attach(nobody), "ste: Attach on "+th.Tag().String())
		return nil
	}))
	require.ErrorContains(t, ste.Attach(nobody, ste.WithQueueLimit(0)), "ste: WithQueueLimit(0)")
	require.PanicsWithValue(t, "ste: Attach with a nil func", func() { ste.Attach(nil) })
	require.PanicsWithValue(t, "ste: Attach with a nil Option (number 1)", func() { ste.Attach(nobody, nil) })
	require.PanicsWithValue(t, "ste: WithWaker with a nil func", func() { ste.WithWaker(nil) })
	var none context.Context
	require.PanicsWithValue(t, "ste: Run with a nil context", func() { start(t).Run(none) })
	var zero ste.Thread
	require.Panics(t, func() { zero.RunPending() })
	require.Panics(t, func() { zero.Run(context.Background()) })
	for _, f := range []func(){func() { th.RunPending() }, func() { th.Run(context.Background()) }} {
		func() {
			defer func() {
				var wrong *ste.WrongThreadError
				err, _ := recover().(error)
				require.ErrorAs(t, err, &wrong)
				require.Equal(t, th.Tag(), wrong.Want)
			}()
			f()
		}()
	}
}

// T8, T9, T13: an init that fails, panics or exits: body does not run, the
// teardowns listed before do.
func TestAttachInitFails(t *testing.T) {
	for name, init := range map[string]func() error{
		"error": func() error { return errors.New("oh") }, "panic": func() error { panic("oh") }, "Goexit": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			down := 0
			teardown := ste.WithTeardown(func() error { down++; return nil })
			var err error
			returned, panicked := testkit.Within(t, func() {
				err = ste.Attach(func(*ste.Thread) error { t.Error("body ran"); return nil },
					teardown, ste.WithInit(init), teardown)
			})
			require.Nil(t, panicked)
			require.Equal(t, name != "Goexit", returned)
			require.Equal(t, 1, down)
			switch name {
			case "error":
				require.EqualError(t, err, "oh")
			case "panic":
				var pe *ste.PanicError
				require.ErrorAs(t, err, &pe)
				require.Equal(t, "oh", pe.Value)
			}
		})
	}
}

// T8, T9, T13: a body that panics or exits closes the Thread all the same, and the
// panic reaches Attach's caller as it is; errors of the closing are not lost.
func TestAttachBodyEndsBadly(t *testing.T) {
	type mine struct{}
	for _, how := range []string{"panic", "Goexit"} {
		t.Run(how, func(t *testing.T) {
			var told []error
			ran, locked := false, true
			var th *ste.Thread
			var v *ste.Tagged[int]
			returned, panicked := testkit.Within(t, func() {
				defer func() { locked = lockedHere() }()
				ste.Attach(func(of *ste.Thread) error {
					th, v = of, ste.NewTagged(1)
					require.NoError(t, th.Post(func() { ran = true }))
					require.NoError(t, th.Post(runtime.Goexit))
					if how == "panic" {
						panic(mine{})
					}
					runtime.Goexit()
					return nil
				}, ste.WithTeardown(func() error { return errors.New("of the teardown") }),
					ste.WithErrorHandler(func(err error) { told = append(told, err) }))
			})
			require.False(t, returned)
			require.False(t, locked)
			if how == "panic" {
				require.Equal(t, mine{}, panicked)
			}
			require.True(t, ran)
			testkit.Await(t, th.Done())
			require.False(t, v.OnThread())
			require.EqualError(t, th.Close(), "of the teardown")
		})
	}
	told := make(chan error, 1)
	require.Panics(t, func() {
		ste.Attach(func(*ste.Thread) error { panic("oh") },
			ste.WithTeardown(func() error { return errors.New("of the teardown") }),
			ste.WithErrorHandler(func(err error) { told <- err }))
	})
	require.EqualError(t, <-told, "of the teardown")
}

// T8: the stack of a body's panic that nobody recovers is in the output.
func TestAttachPanicKeepsItsStack(t *testing.T) {
	out, code := testkit.RunChild(t, "attach panics")
	require.NotZero(t, code)
	require.Contains(t, out, "BoomFrame")
	require.Contains(t, out, "drained")
}

func init() {
	testkit.Children["attach panics"] = func() {
		ste.Attach(func(th *ste.Thread) error {
			th.Post(func() { fmt.Println("drained") })
			testkit.BoomFrame("oh")
			return nil
		})
	}
}

// G1: what an attached Thread has made opens for nobody once body has ended: not
// for the goroutine that was the Thread, not on its OS thread, and not for thousands
// of later goroutines, which get its address.
func TestG1AfterAttach(t *testing.T) {
	var made []*ste.Tagged[int]
	for i := range max(testkit.Rounds(100), 50) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { recover() }()
			runtime.LockOSThread() // the same OS thread, and longer
			defer func() {
				for _, v := range made {
					assert.False(t, v.OnThread())
				}
				runtime.UnlockOSThread()
			}()
			ste.Attach(func(*ste.Thread) error {
				v := ste.NewTagged(i)
				made = append(made, v)
				assert.True(t, v.OnThread())
				switch i % 3 {
				case 1:
					panic("oh")
				case 2:
					runtime.Goexit()
				}
				return nil
			})
		}()
		testkit.Await(t, done)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if made[i].OnThread() || ste.Current() != (ste.Tag{}) {
					t.Error("opens on a later goroutine")
				}
			})
		}
		wg.Wait()
	}
	_, err := made[0].TryGet()
	var wrong *ste.WrongThreadError
	require.ErrorAs(t, err, &wrong)
	require.True(t, wrong.Ended)
}

// T4, T6, T13: Submit from elsewhere waits until body drains; Close from elsewhere
// wakes a Run and waits for the end of body.
func TestAttachFromElsewhere(t *testing.T) {
	leave := make(chan struct{})
	th, end := attach(t, func(*ste.Thread) error { <-leave; return nil })
	submitted := make(chan error)
	ran := false
	go func() { submitted <- th.Submit(func() { ran = true }) }()
	closed := make(chan error)
	time.Sleep(time.Millisecond)
	select {
	case <-submitted:
		t.Error("Submit did not wait for body")
	default:
	}
	go func() { // Submit has come first, or is refused
		for th.Post(func() {}) == nil {
			runtime.Gosched()
		}
		closed <- th.Close()
	}()
	go th.Close()
	time.Sleep(time.Millisecond)
	select {
	case <-closed:
		t.Error("Close did not wait for body")
	default:
	}
	close(leave)
	if err := <-submitted; err != nil {
		require.ErrorIs(t, err, ste.ErrClosed)
	} else {
		require.True(t, ran)
	}
	require.NoError(t, <-closed)
	require.NoError(t, end())

	for range max(testkit.Rounds(50), 20) {
		past := false
		th, end := attach(t, func(th *ste.Thread) error {
			err := th.Run(context.Background())
			past = true
			return err
		})
		outcomes := make([]outcome, 2)
		ctx, cancel := context.WithCancel(context.Background())
		testkit.Together(t, func() { racer(th, ctx, 0, &outcomes[0]) }, func() { racer(th, ctx, 1, &outcomes[1]) }, cancel, func() {
			assert.NoError(t, th.Close())
			assert.True(t, past)
		})
		require.NoError(t, end())
		checkOutcome(t, &outcomes[0])
		checkOutcome(t, &outcomes[1])
	}
}

// T1: a body that leaves the lock count changed hears of it at the end of Attach. A
// surplus unlock took the caller's own lock away.
func TestT1BodyStrayLock(t *testing.T) {
	if !canPull {
		t.Skip("no OS threads")
	}
	for _, stray := range []string{"lock", "unlock"} {
		out, code := testkit.RunChild(t, "body stray "+stray)
		require.NotZero(t, code)
		require.Contains(t, out, "OS thread locking must match")
		require.NotContains(t, out, "went on")
	}
}

func init() {
	testkit.Children["body stray lock"] = func() {
		ste.Attach(func(th *ste.Thread) error { runtime.LockOSThread(); return nil })
		fmt.Fprintln(os.Stderr, "went on; locked:", lockedHere())
	}
	testkit.Children["body stray unlock"] = func() {
		runtime.LockOSThread() // the caller's own
		ste.Attach(func(th *ste.Thread) error { runtime.UnlockOSThread(); return nil })
		fmt.Fprintln(os.Stderr, "went on; still locked:", lockedHere())
	}
}

func init() {
	testkit.Children["attach in init"] = func() {
		fmt.Fprintln(os.Stderr, initErr)
		if initErr != nil {
			os.Exit(3)
		}
	}
}

// Attach in a package initialiser.
var initErr = func() (err error) {
	if os.Getenv(testkit.Variable) != "attach in init" {
		return nil
	}
	n := 0
	err = ste.Attach(func(th *ste.Thread) error {
		th.Post(func() { n++ })
		th.Post(runtime.Goexit)
		th.Post(func() { th.Post(func() { n++ }); th.RunPending() })
		th.RunPending()
		th.Post(runtime.Goexit)
		return nil
	})
	if n != 2 {
		return fmt.Errorf("ran %d", n)
	}
	return err
}()

func TestAttachInAnInitialiser(t *testing.T) {
	out, code := testkit.RunChild(t, "attach in init")
	require.Zero(t, code, out)
}
