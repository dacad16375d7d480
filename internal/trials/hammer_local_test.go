package trials

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two Threads that close two Locals at each other, Threads that end, takes, visits: no hang, each closed once.
func TestLocalStorm(t *testing.T) {
	for range testkit.Rounds(25) {
		func() {
			over := make(chan struct{})
			go func() {
				select {
				case <-over:
				case <-time.After(testkit.Patience()):
					buf := make([]byte, 1<<20)
					fmt.Printf("%s\n", buf[:runtime.Stack(buf, true)])
					panic("hang")
				}
			}()
			defer close(over)
			var opened, ended atomic.Int64
			var ths [3]*ste.Thread
			var ls [3]*ste.Local[*atomic.Int64]
			for i := range ths {
				th, err := ste.New(ste.WithErrorHandler(func(error) {}))
				require.NoError(t, err)
				ths[i] = th
			}
			for i := range ls {
				ls[i] = ste.NewLocal(func() (*atomic.Int64, error) {
					switch rand.Intn(8) {
					case 0:
						return nil, errors.New("oh")
					case 1:
						panic("oh")
					case 2:
						ste.Current().Thread().RunPending()
					case 3:
						ls[(i+1)%3].TryGet()
					case 4:
						ls[i].Close()
					case 5:
						ths[rand.Intn(3)].Submit(func() { ls[rand.Intn(3)].TryGet() })
					}
					opened.Add(1)
					return new(atomic.Int64), nil
				}, func(n **atomic.Int64) error {
					if (*n).Add(1) != 1 {
						t.Error("closed twice")
					}
					ended.Add(1)
					switch rand.Intn(8) {
					case 0:
						return errors.New("oh")
					case 1:
						panic("oh")
					case 2:
						ls[i].Close()
					case 3:
						func() { defer func() { recover() }(); ls[(i+1)%3].TryGet() }()
					case 4:
						ls[(i+2)%3].Close()
					case 5:
						runtime.Goexit()
					case 6:
						ths[rand.Intn(3)].Submit(func() {})
					case 7:
						ls[i].Each(context.Background(), func(ste.Tag, **atomic.Int64) error { return nil })
					}
					return nil
				})
			}
			safe := func(f func()) { defer func() { recover() }(); f() }
			one := func() {
				th, l := ths[rand.Intn(3)], ls[rand.Intn(3)]
				switch rand.Intn(9) {
				case 0, 1, 2:
					th.Submit(func() { safe(func() { l.TryGet() }) })
				case 3:
					th.Submit(func() {
						if n, ok := l.Take(); ok {
							n.Add(1)
							ended.Add(1)
						}
					})
				case 4:
					th.Submit(func() { l.Close() })
				case 5:
					l.Close()
				case 6:
					safe(func() {
						l.Each(context.Background(), func(g ste.Tag, n **atomic.Int64) error {
							g.Check()
							if *n != nil && (*n).Load() != 0 {
								t.Error("visited after close")
							}
							if rand.Intn(4) == 0 {
								if m, ok := l.Take(); ok {
									m.Add(1)
									ended.Add(1)
								}
							}
							return nil
						})
					})
				case 7:
					if rand.Intn(3) == 0 {
						go th.Close()
					}
				case 8:
					th.Submit(func() { safe(func() { ths[rand.Intn(3)].Submit(func() { l.Close() }) }) })
				}
			}
			var fs []func()
			for range 4 {
				fs = append(fs, func() {
					for range 6 {
						one()
					}
				})
			}
			testkit.Together(t, fs...)
			for _, l := range ls {
				l.Close()
			}
			for _, th := range ths {
				th.Close()
			}
			if opened.Load() != ended.Load() {
				t.Errorf("%d opened, %d ended", opened.Load(), ended.Load())
			}
		}()
	}
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

// A bubble's value, the Local closed outside, its slot used by another Local on that Thread.
func TestT16LocalSlot(t *testing.T) {
	closed := 0
	l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { closed++; return nil })
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		synctest.Test(t, func(t *testing.T) {
			th, err := ste.New()
			assert.NoError(t, err)
			assert.NoError(t, th.Submit(func() { l.Get() }))
			close(inside)
			<-leave
			assert.NoError(t, th.Submit(func() {
				_, before := l.TryGet()
				m := ste.NewLocal(func() (int, error) { return 2, nil }, nil)
				m.Get()
				_, after := l.TryGet()
				assert.Equal(t, before == nil, after == nil, "TryGet of a closed Local depends on other Locals: %v, then %v", before, after)
			}))
			assert.NoError(t, th.Close())
		})
	})
	<-inside
	require.NoError(t, l.Close())
	close(leave)
	wg.Wait()
	require.Equal(t, 1, closed)
}

// Close from a second bubble, Each from there.
func TestT16LocalTwoBubbles(t *testing.T) {
	l := ste.NewLocal(func() (int, error) { return 1, nil }, nil)
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		synctest.Test(t, func(t *testing.T) {
			th, _ := ste.New()
			assert.NoError(t, th.Submit(func() { l.Get() }))
			close(inside)
			<-leave
			assert.NoError(t, th.Close())
		})
	})
	<-inside
	synctest.Test(t, func(t *testing.T) {
		th, _ := ste.New()
		assert.NoError(t, th.Submit(func() { l.Get() }))
		n := 0
		assert.NoError(t, l.Each(context.Background(), func(ste.Tag, *int) error { n++; return nil }))
		assert.Equal(t, 1, n)
		assert.NoError(t, l.Close())
		assert.NoError(t, th.Close())
	})
	close(leave)
	wg.Wait()
}

// A Local forgotten while an attached Thread with a value sleeps.
func TestLocalForgottenAttached(t *testing.T) {
	woken := make(chan struct{}, 1)
	closed := 0
	require.NoError(t, ste.Attach(func(th *ste.Thread) error {
		func() {
			l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { closed++; return nil })
			l.Get()
		}()
		for range 200 {
			runtime.GC()
			select {
			case <-woken:
				th.RunPending()
				return nil
			case <-time.After(5 * time.Millisecond):
			}
		}
		t.Error("not woken")
		return nil
	}, ste.WithWaker(func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})))
	require.Equal(t, 1, closed)
}

// The order with what was posted before.
func TestLocalCloseAfterPosts(t *testing.T) {
	for range 100 {
		th, _ := ste.New()
		var bad atomic.Bool
		closed := false
		l := ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { closed = true; return nil })
		th.Submit(func() { l.Get() })
		for range 5 {
			th.Post(func() {
				if closed {
					bad.Store(true)
				}
			})
		}
		l.Close()
		th.Close()
		require.False(t, bad.Load())
	}
}
