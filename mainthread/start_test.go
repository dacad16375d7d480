package mainthread_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/mainthread"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever func main has waited for before Run, and in whatever order, the tasks run
// on the main OS thread: at every start, with two to four processes at a time.
func TestEveryStartIsOnTheMainThread(t *testing.T) {
	testkit.NeedProcesses(t)
	starts := testkit.Size(20, 60, 300)
	var next, good atomic.Int64
	for part, atATime := range []int{2, 3, 4} {
		var wg sync.WaitGroup
		for range atATime {
			wg.Go(func() {
				for {
					i := next.Add(1)
					if i > int64(starts*(part+1)/3) {
						next.Add(-1)
						return
					}
					out, code := testkit.RunChild(t, "start", "STE_START="+strconv.FormatInt(i, 10))
					if assert.Zero(t, code, "start %d: %s", i, out) {
						good.Add(1)
					}
				}
			})
		}
		wg.Wait()
	}
	require.EqualValues(t, starts, good.Load())
}

func init() {
	testkit.Children["start"] = func() {
		var t scenario
		seed, err := strconv.ParseUint(os.Getenv("STE_START"), 10, 64)
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(seed, 0))
		for range 2 {
			for range 6 {
				waits[r.IntN(len(waits))](r)
			}
			ran := 0
			mainthread.Run(func(th *ste.Thread) {
				for range 3 {
					require.NoError(t, th.Submit(func() {
						require.True(t, onMainThread(), "off the main thread")
						ran++
					}))
					waits[r.IntN(len(waits))](r)
				}
			})
			require.Equal(t, 3, ran)
			require.True(t, onMainThread())
		}
	}
}

// waits are what an ordinary program does before it gets to its main part.
var waits = []func(*rand.Rand){
	func(r *rand.Rand) { time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond) },
	func(*rand.Rand) { runtime.GC() },
	func(r *rand.Rand) { // channels
		there, back := make(chan int), make(chan int)
		go func() {
			defer close(back)
			for v := range there {
				back <- v
			}
		}()
		for i := range 1 + r.IntN(100) {
			there <- i
			<-back
		}
		close(there)
		<-back
	},
	func(r *rand.Rand) { // goroutines that work
		var wg sync.WaitGroup
		for range 1 + r.IntN(20) {
			wg.Go(func() { _ = fmt.Sprint(make([]int, 1000)) })
		}
		wg.Wait()
	},
	func(r *rand.Rand) { // a lock, held by others
		var mu sync.Mutex
		var wg sync.WaitGroup
		held := 0
		hold := func() {
			mu.Lock()
			defer mu.Unlock()
			time.Sleep(50 * time.Microsecond)
			held++
		}
		for range 1 + r.IntN(5) {
			wg.Go(hold)
		}
		hold()
		wg.Wait()
	},
	func(*rand.Rand) { // a file
		var t scenario
		f, err := os.CreateTemp("", "start")
		require.NoError(t, err)
		defer os.Remove(f.Name())
		_, err = f.Write(make([]byte, 10_000))
		require.NoError(t, err)
		require.NoError(t, f.Close())
		_, err = os.ReadFile(f.Name())
		require.NoError(t, err)
	},
	func(*rand.Rand) { // a pipe
		var t scenario
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer r.Close()
		go func() { time.Sleep(100 * time.Microsecond); w.Write([]byte("hello")); w.Close() }()
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
	},
	func(*rand.Rand) { // the network
		var t scenario
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		go func() {
			c, err := l.Accept()
			require.NoError(t, err)
			defer c.Close()
			io.Copy(c, io.LimitReader(c, 1000))
		}()
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer c.Close()
		_, err = c.Write(make([]byte, 1000))
		require.NoError(t, err)
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.True(t, bytes.Equal(got, make([]byte, 1000)))
	},
}
