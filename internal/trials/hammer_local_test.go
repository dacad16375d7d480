package trials

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
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
