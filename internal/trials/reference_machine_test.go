package trials

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
)

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

// variant says which of the calls that wait a Thread gets.
type variant byte

const (
	bySubmit variant = iota
	bySubmitContext
	byCall
	variants
)

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
	// First what is queued: a task may call and close before it is queued no more.
	for on := r.holding == nil; on && !over(r.th) && r.queued.Load() > 0 || r.calls.Load() > 0 || on && !over(r.th) && r.closing.Load(); {
		runtime.Gosched()
		if time.Since(begun) > testkit.Patience() {
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
