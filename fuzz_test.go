package ste_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/stretchr/testify/require"
)

// Programs made of random calls are run on a Thread and on the reference, which
// must say the same: which task ran when, and how each call ended.

// An ending is how a call or a task has ended.
type ending struct {
	v        int
	err      error
	panicked any
	exited   bool
}

// endingOf calls f on a goroutine of its own.
func endingOf(f func() (int, error)) (o ending) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { o.panicked = recover() }()
		o.exited = true
		v, err := f()
		o = ending{v: v, err: err}
	}()
	<-done
	if o.panicked != nil {
		o.exited = false
	}
	return o
}

// onThread is what a caller gets when a task ends like this.
func (o ending) onThread() ending {
	if _, ok := o.panicked.(*ste.PanicError); o.panicked != nil && !ok {
		o.panicked = &ste.PanicError{Value: o.panicked}
	}
	return o
}

// raise ends the calling code like this, if it is no plain return.
func (o ending) raise() ending {
	if o.panicked != nil {
		panic(o.panicked)
	}
	if o.exited {
		runtime.Goexit()
	}
	return o
}

var droppedText = regexp.MustCompile(`dropped: \d+`)

func (o ending) String() string {
	var pe *ste.PanicError
	switch {
	case o.exited:
		return "exits"
	case o.panicked != nil:
		if err, ok := o.panicked.(error); ok && errors.As(err, &pe) {
			return fmt.Sprintf("panics with a PanicError(%v)", pe.Value)
		}
		return fmt.Sprintf("panics with %v", o.panicked)
	}
	return fmt.Sprintf("%d, %s", o.v, errorText(o.err))
}

func errorText(err error) string {
	for _, known := range []error{nil, ste.ErrClosed, ste.ErrQueueFull, ste.ErrDeadlock, errGivenUp, errEnough} {
		if errors.Is(err, known) {
			return strings.TrimSpace(droppedText.FindString(fmt.Sprint(err)) + " " + fmt.Sprint(known))
		}
	}
	return err.Error()
}

var errGivenUp, errEnough = errors.New("given up"), errors.New("enough")

// variant says which of the calls that wait a Thread gets.
type variant byte

const (
	bySubmit variant = iota
	bySubmitContext
	byCall
	variants
)

// A machine is a Thread or the reference. on says that a task makes the call.
// then is called when the call has ended, which may be much later.
type machine interface {
	submit(what variant, on bool, ctx context.Context, f func() (int, error), then func(ending))
	post(f func()) error
	async(name string, f func() (int, error)) error
	wait(on bool, name string, ctx context.Context, then func(ending))
	shutdown(on bool, ctx context.Context, then func(ending))
	hold() error // a task that lasts until release
	release()
	rest() // returns when nothing more can happen
}

// real is a Thread as a machine.
type real struct {
	th      *ste.Thread
	bubbled bool
	calls   atomic.Int64 // that have not ended
	queued  atomic.Int64 // tasks of Post and Async that have not ended
	closing atomic.Bool  // somebody has called shutdown
	holding chan struct{}
	futures map[string]*ste.Future[int] // written while nobody else runs
	mu      sync.Mutex                  // guards futures
}

// waiting makes a call that may wait.
func (r *real) waiting(on bool, f func() (int, error), then func(ending)) {
	if on {
		v, err := f()
		then(ending{v: v, err: err})
		return
	}
	r.calls.Add(1)
	go func() {
		defer r.calls.Add(-1)
		then(endingOf(f))
	}()
}

func (r *real) submit(what variant, on bool, ctx context.Context, f func() (int, error), then func(ending)) {
	r.waiting(on, func() (v int, err error) {
		body := func() { v, err = f() }
		switch {
		case what == byCall && ctx.Err() == nil && ctx.Done() == nil:
			return ste.Call(r.th, f)
		case what == bySubmit && ctx.Err() == nil && ctx.Done() == nil:
			if refused := r.th.Submit(body); refused != nil {
				return 0, refused
			}
		default:
			if refused := r.th.SubmitContext(ctx, body); refused != nil {
				return 0, refused
			}
		}
		return v, err
	}, then)
}

func (r *real) post(f func()) error {
	r.queued.Add(1)
	err := r.th.Post(func() { defer r.queued.Add(-1); f() })
	if err != nil {
		r.queued.Add(-1)
	}
	return err
}

func (r *real) async(name string, f func() (int, error)) error {
	r.queued.Add(1)
	fu, err := ste.Async(r.th, func() (int, error) { defer r.queued.Add(-1); return f() })
	if err != nil {
		r.queued.Add(-1)
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.futures[name] = fu
	return nil
}

func (r *real) wait(on bool, name string, ctx context.Context, then func(ending)) {
	r.mu.Lock()
	fu := r.futures[name]
	r.mu.Unlock()
	r.waiting(on, func() (int, error) { return fu.Wait(ctx) }, then)
}

func (r *real) shutdown(on bool, ctx context.Context, then func(ending)) {
	r.closing.Store(true)
	r.waiting(on, func() (int, error) {
		if ctx.Done() == nil {
			return 0, r.th.Close()
		}
		return 0, r.th.Shutdown(ctx)
	}, then)
}

// hold waits for its task with Submit where others may call Submit meanwhile:
// those then come after one another in the order of their calls. A lone Submit
// may let others pass, see the lane in internal/inbox.
func (r *real) hold() error {
	holds, release, refused := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	body := func() { close(holds); <-release }
	if r.bubbled {
		go func() { refused <- r.th.Submit(body) }()
	} else if err := r.th.Post(body); err != nil {
		return err
	}
	select {
	case err := <-refused:
		return err
	case <-holds:
		r.holding = release
		return nil
	}
}

func (r *real) release() { close(r.holding); r.holding = nil }

func (r *real) rest() {
	if r.bubbled {
		synctest.Wait()
		return
	}
	begun := time.Now()
	for r.calls.Load() > 0 || r.holding == nil && !over(r.th) && (r.closing.Load() || r.queued.Load() > 0) {
		runtime.Gosched()
		if time.Since(begun) > *patienceFlag {
			panic("somebody waits for ever")
		}
	}
	if r.holding == nil {
		r.th.Submit(func() {}) // comes after what the error handler does for the last
	}
}

func over(th *ste.Thread) bool {
	select {
	case <-th.Done():
		return true
	default:
		return false
	}
}

// A script is what both executors are made to do.
type script struct {
	mode    byte // which strategy; the first is in a bubble
	limit   int
	fails   bool // the teardown does
	actions []action
	size    int
}

// An action is a call, by the driver or by a task.
type action struct {
	what   byte
	name   string
	number int
	how    variant
	ctx    byte     // what context the call gets
	body   []action // of its task
	ends   byte     // and how that ends
	future string   // to wait for
}

const (
	doSubmit = iota
	doPost
	doAsync
	doWait
	doShutdown
	inTasks // those before may also be called by tasks
	doHold  = iota - 1
	doRelease
	doCancel // ends the contexts of all calls before
	doLimit  // ends the context of the oldest Shutdown
	whats
)

var whatNames = [whats]string{"Submit", "Post", "Async", "Wait", "Shutdown", "hold", "release", "cancel", "limit"}

const (
	never = iota // ends
	later        // ends when the driver wants
	past         // has ended
	contexts
)

const (
	returns = iota
	fails
	panics
	exits
	ways
)

func (a action) String() string {
	s := fmt.Sprintf("%s %s", a.name, whatNames[a.what])
	switch {
	case a.what == doSubmit:
		s += [variants]string{"", "Context", " by Call"}[a.how]
	case a.what == doWait:
		s += " for " + a.future
	}
	s += [contexts]string{"", " with a context", " with an ended context"}[a.ctx]
	if a.what <= doAsync {
		s += fmt.Sprintf(" {%v %s}", a.body, [ways]string{"returns", "fails", "panics", "exits"}[a.ends])
	}
	return s
}

// A decoder makes a script of bytes; any will do.
type decoder struct {
	left   []byte
	asyncs []string
	size   int
}

func (d *decoder) next(n int) byte {
	if len(d.left) == 0 {
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return b % byte(n)
}

func decode(data []byte) script {
	d := &decoder{left: data}
	p := script{mode: d.next(1 + len(strategies)), limit: int(d.next(4)), fails: d.next(2) == 1}
	for len(d.left) > 0 && len(p.actions) < 30 {
		p.actions = append(p.actions, d.action(fmt.Sprint(len(p.actions)), 0))
	}
	p.size = d.size
	return p
}

func (d *decoder) action(name string, depth int) action {
	d.size++
	a := action{name: name, number: d.size, what: d.next(whats)}
	if depth > 0 {
		a.what %= inTasks
	}
	switch a.what {
	case doSubmit, doPost, doAsync:
		a.how, a.ends = variant(d.next(int(variants))), d.next(ways)
		for i := range d.next(4 - depth) {
			a.body = append(a.body, d.action(fmt.Sprint(name, ".", i), depth+1))
		}
	case doWait:
		if len(d.asyncs) > 0 {
			a.future = d.asyncs[int(d.next(255))%len(d.asyncs)]
		}
	}
	if a.what == doSubmit || a.what == doWait || a.what == doShutdown {
		a.ctx = d.next(contexts)
	}
	if depth > 0 && a.ctx == later { // there is nobody else to end it
		a.ctx = past
	}
	if a.what == doAsync {
		d.asyncs = append(d.asyncs, name)
	}
	return a
}

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
//	go test -run '^$' -fuzz FuzzReference .
func FuzzReference(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, decode(data)) })
}

// TestReference does so with programs at random.
func TestReference(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	n := 0
	for range rounds(20) {
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
