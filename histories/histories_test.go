// Package histories checks that what concurrent callers see of a Thread can be
// explained by one thing after another: their histories are linearizable. The
// checker is porcupine, which is why this is a module of its own.
package histories

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/ste-go/ste"
	"github.com/stretchr/testify/require"
)

var roundsFlag = flag.Int("rounds", 2000, "histories to check")

const clients = 4

// An input is what a client asked for.
type input struct {
	what   string
	client int
	seq    int // of the client's calls
	add    int // to the number that lives on the Thread
}

// What a client can ask for. A call of the library is one or more of these: a
// Post is accepted by the time it returns and runs at some time after, a Close
// begins and ends.
const (
	runs       = "runs" // output: what the number was before
	accepted   = "accepted"
	refused    = "refused" // with ErrClosed
	beginClose = "begins to close"
	endClose   = "has closed"
)

// A state is all that there is of a Thread in the model.
type state struct {
	number     int
	last       [clients]int // T3: the newest task of each client that has run
	begun, end bool
}

var model = porcupine.Model{
	Init: func() any { return state{} },
	Step: func(s, in, out any) (bool, any) {
		st, i := s.(state), in.(input)
		switch i.what {
		case runs:
			ok := !st.end && st.number == out.(int) && i.seq > st.last[i.client]
			st.number += i.add
			st.last[i.client] = i.seq
			return ok, st
		case accepted:
			return !st.begun, st
		case refused:
			return st.begun, st
		case beginClose:
			st.begun = true
			return true, st
		case endClose:
			ok := st.begun
			st.end = true
			return ok, st
		}
		panic("unknown: " + i.what)
	},
	DescribeOperation: func(in, out any) string {
		i := in.(input)
		return fmt.Sprintf("%d.%d %s (+%d) %v", i.client, i.seq, i.what, i.add, out)
	},
	DescribeState: func(s any) string { return fmt.Sprintf("%+v", s) },
}

// A recorder writes a history down. Its clock has no two equal times.
type recorder struct {
	clock atomic.Int64
	mu    sync.Mutex
	ops   []porcupine.Operation
	wrong []string
}

func (r *recorder) now() int64 { return r.clock.Add(1) }

func (r *recorder) add(call int64, in input, out any) {
	end := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	// Clients of the checker do one thing at a time: these are all different.
	r.ops = append(r.ops, porcupine.Operation{ClientId: len(r.ops), Input: in, Call: call, Output: out, Return: end})
}

func (r *recorder) check(ok bool, format string, args ...any) {
	if !ok {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.wrong = append(r.wrong, fmt.Sprintf(format, args...))
	}
}

// history lets clients loose on a Thread and closes it meanwhile.
func history(t *testing.T, rnd *rand.Rand) *recorder {
	rec := new(recorder)
	th, err := ste.New(ste.WithWaitStrategy(ste.WaitStrategy(rnd.IntN(3))))
	require.NoError(t, err)
	number := 0 // lives on the Thread
	var all sync.WaitGroup
	gate := make(chan struct{})
	for client := range clients {
		plan := rand.New(rand.NewPCG(rnd.Uint64(), 0))
		all.Go(func() {
			<-gate
			for seq := 1; seq <= 5; seq++ {
				in := input{what: runs, client: client, seq: seq, add: 1 + plan.IntN(9)}
				use(rec, th, &number, in, plan.IntN(4))
			}
		})
	}
	for range 1 + rnd.IntN(2) {
		delay := time.Duration(rnd.IntN(60)) * time.Microsecond
		all.Go(func() {
			<-gate
			for begun := time.Now(); time.Since(begun) < delay; {
				runtime.Gosched()
			}
			from := rec.now()
			begin := input{what: beginClose}
			rec.check(th.Close() == nil, "Close failed")
			rec.add(from, begin, nil)
			rec.add(from, input{what: endClose}, nil)
		})
	}
	close(gate)
	all.Wait()
	return rec
}

// use makes one call that adds to the number.
func use(rec *recorder, th *ste.Thread, number *int, in input, how int) {
	ran := atomic.Int64{}
	old, from := 0, rec.now()
	body := func() {
		ran.Add(1)
		old = *number
		*number += in.add
	}
	var err error
	switch how {
	case 0:
		err = th.Submit(body)
	case 1:
		_, err = ste.Call(th, func() (int, error) { body(); return 0, nil })
	case 2:
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(in.add)*3*time.Microsecond)
		err = th.SubmitContext(ctx, body)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			rec.check(ran.Load() == 0, "gave up, and it ran")
			return
		}
	case 3:
		in := in // the caller goes on to change its own
		err = th.Post(func() {
			body()
			rec.add(from, in, old)
		})
	}
	if err != nil {
		rec.check(errors.Is(err, ste.ErrClosed) && ran.Load() == 0, "%v, ran %d times", err, ran.Load())
		in.what = refused
		rec.add(from, in, nil)
		return
	}
	if how != 3 {
		rec.check(ran.Load() == 1, "nil, ran %d times", ran.Load())
		rec.add(from, in, old)
	}
	in.what = accepted
	rec.add(from, in, nil)
}

// TestLinearizable: T3, T4, T6 and T13 for histories of four clients who submit,
// call, give up and post while others close the Thread.
func TestLinearizable(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	n, told := 0, map[string]int{}
	for i := range *roundsFlag {
		runtime.GOMAXPROCS(1 + i%4)
		rec := history(t, rnd)
		require.Empty(t, rec.wrong)
		n += len(rec.ops)
		for _, op := range rec.ops {
			told[op.Input.(input).what]++
		}
		result, info := porcupine.CheckOperationsVerbose(model, rec.ops, time.Minute)
		if result != porcupine.Ok {
			picture, err := os.CreateTemp("", "history-*.html")
			require.NoError(t, err)
			require.NoError(t, porcupine.Visualize(model, info, picture))
			require.NoError(t, picture.Close())
			t.Fatalf("%v; a picture is in %s; history: %v", result, picture.Name(), rec.ops)
		}
	}
	t.Logf("%d histories, %d operations: %v; seed %d", *roundsFlag, n, told, seed)
	require.Positive(t, told[refused], "no history saw the closing")
}

// TestModelSaysNo: the model is worth something.
func TestModelSaysNo(t *testing.T) {
	run := func(client, seq, old int) (input, any) {
		return input{what: runs, client: client, seq: seq, add: 1}, old
	}
	one := func(ops ...func(*recorder)) *recorder {
		r := new(recorder)
		for _, op := range ops {
			op(r)
		}
		return r
	}
	is := func(what string) func(*recorder) {
		return func(r *recorder) { r.add(r.now(), input{what: what}, nil) }
	}
	ran := func(client, seq, old int) func(*recorder) {
		return func(r *recorder) {
			in, out := run(client, seq, old)
			r.add(r.now(), in, out)
		}
	}
	for name, r := range map[string]*recorder{
		"two tasks at a time":         one(ran(0, 1, 0), ran(1, 1, 0)),
		"tasks of one client swapped": one(ran(0, 2, 0), ran(0, 1, 1)),
		"runs after Close":            one(is(beginClose), is(endClose), ran(0, 1, 0)),
		"accepted after a refusal":    one(is(beginClose), is(refused), is(accepted)),
		"refused by an open Thread":   one(is(refused), is(beginClose)),
	} {
		require.False(t, porcupine.CheckOperations(model, r.ops), name)
	}
	require.True(t, porcupine.CheckOperations(model, one(
		is(accepted), ran(0, 1, 0), ran(1, 1, 1), is(beginClose), is(refused), ran(0, 2, 2), is(endClose)).ops))
}
