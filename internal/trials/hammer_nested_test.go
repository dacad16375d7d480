package trials

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// Everything at once: nested RunPending and Run in tasks of every kind, with ends of
// every kind, a Shutdown or Close in between, on a Thread of its own or an attached one.
func TestNestedHammer(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	for range testkit.Rounds(40) {
		nestedRound(t, seed)
		seed++
	}
}

func nestedRound(t *testing.T, seed uint64) {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 1))
	n := func(k int) int { mu.Lock(); defer mu.Unlock(); return r.IntN(k) }
	ring := make(chan struct{}, 1)
	var ended atomic.Bool
	var opts []ste.Option
	waker := n(2) == 0
	if waker {
		opts = append(opts, ste.WithWaker(func() {
			select {
			case ring <- struct{}{}:
			default:
			}
		}))
	}
	opts = append(opts, ste.WithErrorHandler(func(error) {}), ste.WithWaitStrategy([]ste.WaitStrategy{ste.WaitAdaptive, ste.WaitPark, ste.WaitSpin, ste.WaitKernel}[n(4)]))
	if n(3) == 0 {
		opts = append(opts, ste.WithQueueLimit(1+n(4)))
	}
	var downs int
	opts = append(opts, ste.WithTeardown(func() error { downs++; return nil }))
	var th *ste.Thread
	attachOver := make(chan struct{})
	if n(2) == 0 {
		got := make(chan *ste.Thread)
		go func() {
			defer close(attachOver)
			ste.Attach(func(of *ste.Thread) error {
				got <- of
				switch n(4) {
				case 0:
					ctx, c := context.WithTimeout(context.Background(), time.Millisecond)
					defer c()
					of.Run(ctx)
				case 1:
					for range 5 {
						of.RunPending()
						select {
						case <-ring:
						case <-time.After(time.Millisecond):
						}
					}
				case 2:
					runtime.Goexit()
				}
				return of.Run(context.Background())
			}, opts...)
		}()
		th = <-got
	} else {
		close(attachOver)
		var err error
		th, err = ste.New(opts...)
		require.NoError(t, err)
	}
	tag := th.Tag()
	var running atomic.Int32
	var live []*ste.Tagged[int]
	var depth atomic.Int32
	var body func(d int, id string) func()
	var accepted, ran atomic.Int64
	post := func(d int, id string) {
		var did atomic.Bool
		f := body(d, id)
		g := func() {
			if did.Swap(true) {
				t.Error("twice", id)
			}
			ran.Add(1)
			f()
		}
		if th.Post(g) == nil {
			accepted.Add(1)
		}
	}
	body = func(d int, id string) func() {
		return func() {
			if ended.Load() {
				t.Error(seed, "runs after the end")
			}
			if d0 := depth.Add(1); d0 > 40 {
				depth.Add(-1)
				return
			}
			defer depth.Add(-1)
			if !tag.OnThread() || ste.Current() != tag {
				t.Error(seed, "not on the Thread", id)
			}
			if len(live) < 10 {
				live = append(live, ste.NewTagged(1))
			}
			for _, v := range live {
				v.Get()
			}
			work := func() {
				switch n(9) {
				case 0, 1:
					if d < 3 {
						post(d+1, id+"p")
						post(d+1, id+"q")
					}
					th.RunPending()
				case 2:
					ctx, c := context.WithTimeout(context.Background(), time.Duration(n(300))*time.Microsecond)
					if d < 3 {
						post(d+1, id+"r")
					}
					th.Run(ctx)
					c()
				case 3:
					if d < 3 {
						th.AfterFunc(time.Duration(n(100))*time.Microsecond, body(d+1, id+"t"))
					}
					th.RunPending()
				case 4:
					if b, err := ste.Bind(th, func() (int, error) { th.RunPending(); return 1, nil }, func(int) error {
						if n(4) == 0 {
							runtime.Goexit()
						}
						return nil
					}); err == nil {
						b.Do(func(int) error { th.RunPending(); b.Close(); th.RunPending(); return nil })
					}
				case 5:
					if waker {
						th.RunPending()
						select {
						case <-ring:
						case <-time.After(100 * time.Microsecond):
						}
					}
				case 6:
					var tm *ste.Timer
					k := 0
					tm, _ = th.Every(50*time.Microsecond, func(ste.Tick) {
						th.RunPending()
						if k++; k == 3 && tm != nil {
							tm.Stop()
						}
					})
					th.RunPending()
				}
				switch n(8) {
				case 0:
					runtime.Goexit()
				case 1:
					panic(errors.New("x"))
				case 2:
					defer func() { th.RunPending() }()
					panic("y")
				}
			}
			if n(4) == 0 {
				// only what returns may be inside: Goexit goes through iter.Pull too
				next, stop := iter.Pull(func(yield func(int) bool) { work(); yield(1) })
				defer stop()
				next()
				return
			}
			work()
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var dropped atomic.Bool
	var fs []func()
	for i := range 3 {
		fs = append(fs, func() {
			for j := range 4 {
				id := fmt.Sprint(i, ".", j)
				var runs, done atomic.Int32
				f := body(0, id)
				g := func() {
					if done.Load() != 0 {
						t.Error(seed, "T4", id)
					}
					runs.Add(1)
					if running.Load() < 0 {
						panic("")
					}
					f()
				}
				func() {
					fin := make(chan struct{})
					go func() {
						defer close(fin)
						defer func() { recover(); done.Store(1) }()
						switch n(4) {
						case 0:
							if err := th.Submit(g); err != nil && runs.Load() != 0 {
								t.Error(seed, "T6")
							}
						case 1:
							c, x := context.WithTimeout(context.Background(), time.Duration(n(200))*time.Microsecond)
							defer x()
							if err := th.SubmitContext(c, g); err != nil && runs.Load() != 0 {
								t.Error(seed, "T12")
							}
						case 2:
							if fu, err := ste.Async(th, func() (int, error) { g(); return 0, nil }); err == nil {
								fu.Wait(context.Background())
							}
						case 3:
							post(0, id)
						}
					}()
					<-fin
				}()
			}
		})
	}
	fs = append(fs, func() {
		time.Sleep(time.Duration(n(3000)) * time.Microsecond)
		switch n(3) {
		case 0:
			th.Close()
		case 1:
			go func() { time.Sleep(time.Duration(n(500)) * time.Microsecond); cancel() }()
			if th.Shutdown(ctx) != nil {
				dropped.Store(true)
			}
		case 2:
			dropped.Store(true)
			cancel()
			th.Shutdown(ctx)
		}
	})
	testkit.Together(t, fs...)
	defer cancel()
	testkit.Await(t, th.Done())
	ended.Store(true)
	testkit.Await(t, attachOver)
	if downs != 1 {
		t.Error(seed, "teardowns", downs)
	}
	if a, b := accepted.Load(), ran.Load(); a != b && !dropped.Load() || b > a {
		t.Error(seed, "accepted, ran:", a, b)
	}
	for _, v := range live {
		if v.OnThread() {
			t.Error("G1")
		}
	}
}
