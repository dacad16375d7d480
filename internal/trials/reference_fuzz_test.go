package trials

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/require"
)

// Programs made of random calls are run on a Thread and on the reference, which
// must say the same: which task ran when, and how each call ended.

// A player runs a script on an executor and writes down what happens.
type player struct {
	x       machine
	bubbled bool
	held    bool
	callers bool // somebody has made a call that waits since then
	cancels []context.CancelCauseFunc
	limits  []context.CancelCauseFunc

	mu    sync.Mutex
	tasks []string // what tasks did, in order
	calls []string // how calls of the driver ended, in any order
	there map[string]bool
	trace []string
}

func (p *player) say(list *[]string, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*list = append(*list, fmt.Sprintf(format, args...))
}

func (p *player) handler(err error) { p.say(&p.tasks, "handler: %v", ending{panicked: err}) }

func (p *player) teardown(fails bool) func() error {
	return func() error {
		p.say(&p.tasks, "teardown")
		if fails {
			return errors.New("teardown failed")
		}
		return nil
	}
}

func (p *player) play(prog script) []string {
	for _, a := range prog.actions {
		p.do(a, false)
		p.rest(a.String())
	}
	for _, a := range []action{{what: doRelease, name: "at the end"}, {what: doShutdown, name: "at the end"}} {
		p.do(a, false)
		p.rest(a.String())
	}
	return p.trace
}

// rest waits until nothing moves, and writes down what came of a.
func (p *player) rest(a string) {
	p.x.rest()
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.tasks, "teardown"); i >= 0 {
		slices.Sort(p.tasks[i+1:]) // panics that nobody took come in any order
	}
	slices.Sort(p.calls)
	p.trace = append(p.trace, fmt.Sprintf("%s\n\ttasks: %s\n\tcalls: %s", a,
		strings.Join(p.tasks, "; "), strings.Join(p.calls, "; ")))
	p.tasks, p.calls = nil, nil
}

func (p *player) do(a action, on bool) {
	list := &p.calls
	if on {
		list = &p.tasks
	}
	then := func(e ending) { p.say(list, "%s: %v", a.name, e) }
	if a.what == doShutdown && a.ctx == past && !on && !p.held {
		a.ctx = never // the Thread may have ended before the context is looked at, or not
	}
	waits := a.what == doSubmit || a.what == doWait || a.what == doShutdown
	if waits && p.held && !p.bubbled && !on && a.ctx != past {
		return // no way to tell when it has come to rest
	}
	if a.what == doPost && p.callers && !on {
		return // it might join posts made before the call of another goroutine, which waits
	}
	p.callers = p.held && (p.callers || waits && !on)
	ctx := p.context(a)
	switch a.what {
	case doSubmit:
		p.x.submit(a.how, on, ctx, p.task(a), then)
	case doPost:
		then(ending{err: p.x.post(func() { p.task(a)() })})
	case doAsync:
		err := p.x.async(a.name, p.task(a))
		if err == nil {
			p.mu.Lock()
			p.there[a.name] = true
			p.mu.Unlock()
		}
		then(ending{err: err})
	case doWait:
		p.mu.Lock()
		there := p.there[a.future]
		p.mu.Unlock()
		if there {
			p.x.wait(on, a.future, ctx, then)
		}
	case doShutdown:
		p.x.shutdown(on, ctx, then)
	case doHold:
		if !p.held {
			err := p.x.hold()
			p.held = err == nil
			then(ending{err: err})
		}
	case doRelease:
		if p.held {
			p.held = false
			p.x.release()
		}
	case doCancel:
		for _, cancel := range p.cancels {
			cancel(errGivenUp)
		}
	case doLimit:
		if len(p.limits) > 0 {
			p.limits[0](errGivenUp)
			p.limits = p.limits[1:]
		}
	}
}

// context makes the context for a call.
func (p *player) context(a action) context.Context {
	if a.ctx == never {
		return context.Background()
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	switch {
	case a.ctx == past:
		cancel(errEnough)
	case a.what == doShutdown:
		p.limits = append(p.limits, cancel)
	default:
		p.cancels = append(p.cancels, cancel)
	}
	return ctx
}

// task is what the task of a does.
func (p *player) task(a action) func() (int, error) {
	return func() (int, error) {
		p.say(&p.tasks, "%s runs", a.name)
		for _, b := range a.body {
			p.do(b, true)
		}
		switch a.ends {
		case fails:
			return a.number, fmt.Errorf("%s fails", a.name)
		case panics:
			panic(a.name)
		case exits:
			runtime.Goexit()
		}
		return a.number, nil
	}
}

// compare runs a script on both, and returns how many calls that were.
func compare(t *testing.T, prog script) int {
	bubbled := prog.mode == 0
	var got []string
	onThread := func() {
		p := &player{bubbled: bubbled, there: map[string]bool{}}
		opts := []ste.Option{ste.WithErrorHandler(p.handler), ste.WithTeardown(p.teardown(prog.fails))}
		if prog.limit > 0 {
			opts = append(opts, ste.WithQueueLimit(prog.limit))
		}
		if !bubbled {
			opts = append(opts, ste.WithWaitStrategy(ste.WaitStrategy(prog.mode-1)))
		}
		th, err := ste.New(opts...)
		require.NoError(t, err)
		p.x = &real{th: th, bubbled: bubbled, futures: map[string]*ste.Future[int]{}}
		got = p.play(prog)
	}
	if bubbled {
		synctest.Test(t, func(*testing.T) { onThread() })
	} else {
		onThread()
	}
	p := &player{bubbled: bubbled, there: map[string]bool{}}
	p.x = &reference{limit: prog.limit, handler: p.handler, teardown: p.teardown(prog.fails), futures: map[string]*entry{}}
	want := p.play(prog)
	require.Equal(t, want, got, "%v", prog)
	return prog.size
}

// FuzzReference compares a Thread with the reference.
//
//	go test -run '^$' -fuzz FuzzReference ./internal/trials
func FuzzReference(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, decode(data)) })
}

// TestReference does so with programs at random.
func TestReference(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	n := 0
	for range testkit.Rounds(20) {
		data := make([]byte, 3+r.IntN(150))
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		n += compare(t, decode(data))
		if t.Failed() {
			t.Fatalf("data %x", data)
		}
	}
	t.Logf("%d calls compared, seed %d", n, seed)
}
