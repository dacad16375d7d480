package trials

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A hooked Thread runs f in one of its hooks, once. It is made by New, which may
// fail, and ends by end, which starts the hook if that has not run before.
type hookMaker func(f func() error) (th *ste.Thread, end func() error, err error)

// inATask is the hook that runs in the middle of a task, whose lock count is the task's.
const inATask = "close of a Bound, on the Thread"

// hookMakers are the hooks in which user code can do something wrong.
var hookMakers = map[string]hookMaker{
	"init": func(f func() error) (*ste.Thread, func() error, error) {
		th, err := ste.New(ste.WithInit(f))
		return th, func() error { return th.Close() }, err
	},
	"teardown": func(f func() error) (*ste.Thread, func() error, error) {
		th, err := ste.New(ste.WithTeardown(f))
		return th, func() error { return th.Close() }, err
	},
	"close of a Bound": func(f func() error) (*ste.Thread, func() error, error) {
		th, err := ste.New()
		if err != nil {
			return nil, nil, err
		}
		b, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error { return f() })
		return th, func() error { return errors.Join(b.Close(), th.Close()) }, err
	},
	inATask: func(f func() error) (*ste.Thread, func() error, error) {
		th, err := ste.New()
		if err != nil {
			return nil, nil, err
		}
		b, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error { return f() })
		return th, func() (err error) {
			return errors.Join(th.Submit(func() { err = b.Close() }), err, th.Close())
		}, err
	},
	"close of a Local": func(f func() error) (*ste.Thread, func() error, error) {
		th, err := ste.New()
		if err != nil {
			return nil, nil, err
		}
		l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { return f() })
		err = th.Submit(func() { l.Get() })
		return th, func() error { return errors.Join(l.Close(), th.Close()) }, err
	},
	"end of the Thread of a Local": func(f func() error) (*ste.Thread, func() error, error) {
		th, err := ste.New()
		if err != nil {
			return nil, nil, err
		}
		l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { return f() })
		err = th.Submit(func() { l.Get() })
		return th, func() error { defer runtime.KeepAlive(l); return th.Close() }, err
	},
	"error handler": func(f func() error) (*ste.Thread, func() error, error) {
		th, err := ste.New(ste.WithErrorHandler(func(error) { f() }))
		if err != nil {
			return nil, nil, err
		}
		return th, func() error {
			return errors.Join(th.Post(func() { panic("for the handler") }), th.Submit(func() {}), th.Close())
		}, nil
	},
}

// misdeeds are what a hook of th may do wrong; back is another Thread.
var misdeeds = map[string]func(th, back *ste.Thread) error{
	"fails":          func(*ste.Thread, *ste.Thread) error { return errors.New("of the hook") },
	"panics":         func(*ste.Thread, *ste.Thread) error { panic("of the hook") },
	"panics nil":     func(*ste.Thread, *ste.Thread) error { panic(nil) },
	"Goexit":         func(*ste.Thread, *ste.Thread) error { runtime.Goexit(); return nil },
	"Goexit in deep": func(th, _ *ste.Thread) error { return th.Submit(func() { th.Submit(runtime.Goexit) }) },
	"re-enters":      func(th, _ *ste.Thread) error { return th.Submit(func() { th.Submit(func() {}) }) },
	"posts":          func(th, _ *ste.Thread) error { th.Post(func() {}); return nil },
	"closes":         func(th, _ *ste.Thread) error { return th.Close() },
	"shuts down":     func(th, _ *ste.Thread) error { return th.Shutdown(testkit.Ended()) },
	"runs": func(th, _ *ste.Thread) error {
		th.RunPending()
		th.Run(testkit.Ended())
		return nil
	},
	"attaches": func(*ste.Thread, *ste.Thread) error {
		if ste.Attach(func(*ste.Thread) error { return nil }) == nil {
			return errors.New("attached")
		}
		return nil
	},
	"binds": func(th, _ *ste.Thread) error {
		_, err := ste.Bind(th, func() (int, error) { return 1, nil }, func(int) error { return nil })
		return err
	},
	"waits for its own Future": func(th, _ *ste.Thread) error {
		fu, err := ste.Async(th, func() (int, error) { return 1, nil })
		if err != nil {
			return nil // closing
		}
		if _, err := fu.Wait(context.Background()); !errors.Is(err, ste.ErrDeadlock) {
			return fmt.Errorf("no ring: %w", err)
		}
		return nil
	},
	"ring": func(th, back *ste.Thread) error {
		var inner error
		err := back.Submit(func() { inner = th.Submit(func() {}) })
		if err == nil && !errors.Is(inner, ste.ErrDeadlock) && !errors.Is(inner, ste.ErrClosed) {
			err = fmt.Errorf("no ring: %w", inner)
		}
		return err
	},
	"ring of Closes": func(th, back *ste.Thread) error {
		return back.Submit(func() { th.Close() })
	},
	"unlocks": func(*ste.Thread, *ste.Thread) error { testkit.StrayUnlocks(2); return nil },
	"locks":   func(*ste.Thread, *ste.Thread) error { testkit.StrayLocks(3); return nil },
	"locks and unlocks": func(*ste.Thread, *ste.Thread) error {
		testkit.StrayUnlocks(2)
		testkit.StrayLocks(1)
		return nil
	},
	"starts a goroutine that outlives it": func(th, _ *ste.Thread) error {
		go func() {
			<-th.Done()
			if th.OnThread() || ste.Current() != (ste.Tag{}) || th.Submit(func() {}) == nil {
				panic("on an ended Thread")
			}
		}()
		return nil
	},
	"makes a Thread": func(*ste.Thread, *ste.Thread) error {
		th, err := ste.New()
		if err != nil {
			return err
		}
		testkit.Watch(th)
		return errors.Join(th.Submit(func() {}), th.Close())
	},
}

// Every hook does everything wrong: the Thread ends all the same, each call returns,
// the error says so, and another Thread is as good as before.
func TestFaultHooks(t *testing.T) {
	testkit.LogTo(t, slog.DiscardHandler)
	back := start(t)
	for hook, maker := range hookMakers {
		for deed, do := range misdeeds {
			if hook == "error handler" && (deed == "panics" || deed == "panics nil") {
				continue // ends the process: TestT8CrashWithoutHandler
			}
			if (hook == inATask || runtime.GOARCH == "wasm") && slices.Contains([]string{"locks", "unlocks", "locks and unlocks"}, deed) {
				continue // ends the process: TestFaultHookInATaskUnlocks; on wasm there is one thread for all
			}
			t.Run(hook+" "+deed, func(t *testing.T) {
				var own *ste.Thread
				var made, returned bool
				var err error
				ran := 0
				ended := false
				done := make(chan struct{})
				go func() {
					defer close(done)
					var th *ste.Thread
					var end func() error
					th, end, err = maker(func() error {
						ran++
						own = ste.Current().Thread()
						testkit.WatchHere()
						return do(own, back)
					})
					if err != nil {
						return
					}
					made = true
					err = end()
					returned = true
					<-th.Done()
					ended = true
				}()
				testkit.Await(t, done)
				require.Equal(t, 1, ran)
				testkit.Await(t, own.Done())
				bad := deed == "fails" || deed == "panics" || deed == "panics nil" || deed == "Goexit" || deed == "Goexit in deep"
				switch {
				case hook == "init" && bad:
					require.False(t, made)
					require.Equal(t, deed == "Goexit" || deed == "Goexit in deep", err == nil)
				case hook == "error handler":
					require.True(t, returned && ended)
				default:
					require.True(t, made && returned && ended)
					require.Equal(t, bad, err != nil, "%v", err)
				}
				require.NoError(t, back.Submit(func() {}))
			})
		}
	}
}

// A hook in the middle of a task that leaves the lock count changed ends the process,
// by the runtime's own check: other coroutines of the task may rely on the count.
func TestFaultHookInATaskUnlocks(t *testing.T) {
	if testing.Short() {
		t.Skip("processes; runs without -short")
	}
	if runtime.GOARCH == "wasm" {
		t.Skip("no OS threads")
	}
	for _, deed := range []string{"locks", "unlocks", "locks and unlocks"} {
		out, code := testkit.RunChild(t, inATask+" "+deed)
		require.NotZero(t, code, out)
		require.Contains(t, out, "OS thread locking must match", deed)
		require.NotContains(t, out, "went on", deed)
	}
}

func init() {
	for _, deed := range []string{"locks", "unlocks", "locks and unlocks"} {
		testkit.Children[inATask+" "+deed] = func() {
			_, end, err := hookMakers[inATask](func() error { return misdeeds[deed](nil, nil) })
			testkit.OrDie(err)
			fmt.Println("went on", end())
		}
	}
}

// Hooks that do not return: Shutdown gives up at its limit and says so, other Threads
// go on, and when the hook returns after all the Thread ends as always.
func TestFaultHooksThatNeverReturn(t *testing.T) {
	for hook, maker := range hookMakers {
		t.Run(hook, func(t *testing.T) {
			hang, hung, made := make(chan struct{}), make(chan struct{}), make(chan struct{})
			var th *ste.Thread
			var end func() error
			go func() {
				defer close(made)
				var err error
				th, end, err = maker(func() error { close(hung); testkit.WatchHere(); <-hang; return nil })
				assert.NoError(t, err)
			}()
			if hook == "init" {
				<-hung // New waits
			} else {
				testkit.Await(t, made)
				go end()
				<-hung
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				defer cancel()
				require.ErrorIs(t, th.Shutdown(ctx), context.DeadlineExceeded)
				require.False(t, testkit.IsClosed(th.Done()))
				require.True(t, th.Closed())
				require.ErrorIs(t, th.Submit(func() {}), ste.ErrClosed)
			}
			require.NoError(t, start(t).Submit(func() {}), "another Thread is unharmed")
			close(hang)
			testkit.Await(t, made)
			if hook == "init" {
				require.NoError(t, th.Close())
			}
			testkit.Await(t, th.Done())
			require.NoError(t, th.Close())
		})
	}
}

// A Context of somebody's own whose Err says nil after Done is closed counts as
// cancelled, also in a Shutdown on the Thread itself: there Go's context package
// panicked on a goroutine of its own and ended the process.
func TestFaultSilentContextOnTheThread(t *testing.T) {
	if testing.Short() {
		t.Skip("a process; runs without -short")
	}
	out, code := testkit.RunChild(t, "silent context")
	require.Zero(t, code, out)
	require.Contains(t, out, "survived")
}

func init() {
	testkit.Children["silent context"] = func() {
		over := make(chan struct{})
		ctx := testkit.OddContext{Context: context.Background(), OnDone: func() <-chan struct{} { return over }}
		th, _ := ste.New()
		th.Submit(func() {
			th.Shutdown(ctx)
			close(over)
			time.Sleep(100 * time.Millisecond)
		})
		fmt.Println("survived")
	}
}
