package trials

import (
	"context"
	"errors"
	"math"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
)

// A rudeContext breaks the rules of context.Context.
type rudeContext struct {
	context.Context
	done func() <-chan struct{}
	err  func() error
	on   func(any) any
}

func (c *rudeContext) Done() <-chan struct{} { return c.done() }
func (c *rudeContext) Err() error            { return c.err() }
func (c *rudeContext) Value(k any) any       { return c.on(k) }

// inputContexts are contexts that have ended or are somebody's own.
func inputContexts() []struct {
	with string
	ctx  context.Context
} {
	over := make(chan struct{})
	close(over)
	rude := func(change func(*rudeContext)) context.Context {
		c := &rudeContext{
			Context: context.Background(),
			done:    func() <-chan struct{} { return over },
			err:     func() error { return nil },
			on:      func(any) any { return nil },
		}
		change(c)
		return c
	}
	because, end := context.WithCancelCause(context.Background())
	end(ownError("the cause"))
	past, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	cancel()
	return []struct {
		with string
		ctx  context.Context
	}{
		{"nil context", nil},
		{"ended", testkit.Ended()},
		{"ended with a cause", because},
		{"past", past},
		{"Done closed, Err nil", rude(func(c *rudeContext) {})},
		{"Done nil, Err Canceled", rude(func(c *rudeContext) {
			c.done = func() <-chan struct{} { return nil }
			c.err = func() error { return context.Canceled }
		})},
		{"Err panics", rude(func(c *rudeContext) { c.err = func() error { panic(ownError("of Err")) } })},
		{"Done panics", rude(func(c *rudeContext) { c.done = func() <-chan struct{} { panic(ownError("of Done")) } })},
		{"Value panics", rude(func(c *rudeContext) {
			c.err = func() error { return context.Canceled } // or context.Cause asks since Go 1.26 for no Value
			c.on = func(any) any { panic(ownError("of Value")) }
		})},
		{"Done calls Goexit", rude(func(c *rudeContext) {
			c.done = func() <-chan struct{} { runtime.Goexit(); return nil }
		})},
		{"nil pointer", (*rudeContext)(nil)},
	}
}

// contextRows are every call that takes a context with every context. Where the call
// has nothing else that would end it, its Thread is busy.
func contextRows() (rows []inputRow) {
	for _, c := range inputContexts() {
		own := "the row's context panics with a nil pointer, and that passes through"
		add := func(call, with, at string, f func(e *inputs) []any) {
			r := inputRow{call: call, with: with, at: at, f: f}
			r.release = c.with == "Done nil, Err Canceled" && (call == "Thread.Shutdown" && at == off || call == "Thread.Run" && at == onOwn)
			if c.with == "nil pointer" {
				r.odd = own
			}
			rows = append(rows, r)
		}
		f := func() {}
		add("Thread.SubmitContext", c.with, off, func(e *inputs) []any { return all(e.busy.SubmitContext(c.ctx, f)) })
		add("Thread.SubmitContext", c.with, onOther, func(e *inputs) []any { return all(e.busy.SubmitContext(c.ctx, f)) })
		add("Thread.SubmitContext", c.with+", in place", onOwn, func(e *inputs) []any { return all(e.a.SubmitContext(c.ctx, f)) })
		add("Future.Wait", c.with, off, func(e *inputs) []any { return all(e.never.Wait(c.ctx)) })
		add("Future.Wait", c.with+", a finished Future", off, func(e *inputs) []any { return all(e.ready.Wait(c.ctx)) })
		add("Thread.Shutdown", c.with, off, func(e *inputs) []any { return all(e.busy.Shutdown(c.ctx)) })
		add("Thread.Shutdown", c.with, onOwn, func(e *inputs) []any { return all(e.a.Shutdown(c.ctx)) })
		add("Thread.Run", c.with, onOwn, func(e *inputs) []any { return all(e.a.Run(c.ctx)) })
		add("Local.Each", c.with, off, func(e *inputs) []any {
			return all(e.local.Each(c.ctx, func(ste.Tag, *int) error { return nil }))
		})
	}
	return rows
}

// timerRows are durations, and Timers that have ended.
func timerRows() (rows []inputRow) {
	add := func(call, with, at string, f func(e *inputs) []any) {
		rows = append(rows, inputRow{call: call, with: with, at: at, f: f})
	}
	for _, d := range []struct {
		with string
		d    time.Duration
	}{{"0", 0}, {"-1 ns", -1}, {"the least Duration", math.MinInt64}} {
		add("Thread.AfterFunc", d.with+": runs at once", off, func(e *inputs) []any {
			ran := make(chan struct{})
			tm, err := e.a.AfterFunc(d.d, func() { close(ran) })
			<-ran
			return all(tm, err)
		})
		add("Thread.Every", "period "+d.with, off, func(e *inputs) []any { return all(e.a.Every(d.d, func(ste.Tick) {})) })
	}
	const most = time.Duration(math.MaxInt64)
	add("Thread.AfterFunc", "the greatest Duration, then Stop", off, func(e *inputs) []any {
		tm, err := e.a.AfterFunc(most, func() {})
		return all(tm, err, tm.Stop())
	})
	add("Thread.Every", "the greatest Duration, then Stop", off, func(e *inputs) []any {
		tm, err := e.a.Every(most, func(ste.Tick) {})
		return all(tm, err, tm.Stop())
	})
	add("Thread.Every", "period 1 ns, then Stop", onOwn, func(e *inputs) []any {
		tm, err := e.a.Every(1, func(ste.Tick) {})
		return all(tm, err, tm.Stop())
	})
	hour := func(e *inputs) *ste.Timer { tm, _ := e.a.AfterFunc(time.Hour, func() {}); return tm }
	add("Timer.Stop", "nil Timer", off, func(*inputs) []any { return all((*ste.Timer)(nil).Stop()) })
	add("Timer.Stop", "zero Timer", off, func(*inputs) []any { return all(new(ste.Timer).Stop()) })
	for _, at := range []string{off, onOwn, onOther} {
		add("Timer.Stop", "twice", at, func(e *inputs) []any { tm := hour(e); return all(tm.Stop(), tm.Stop()) })
	}
	add("Timer.Stop", "a Thread that has closed", off, func(e *inputs) []any { tm := hour(e); e.a.Close(); return all(tm.Stop()) })
	add("Timer.Stop", "an AfterFunc in its own func", off, func(e *inputs) []any {
		var tm *ste.Timer
		got := make(chan bool, 1)
		e.a.Submit(func() { tm, _ = e.a.AfterFunc(0, func() { got <- tm.Stop() }) })
		return all(<-got)
	})
	add("Timer.Stop", "an Every in its own func", off, func(e *inputs) []any {
		var tm *ste.Timer
		got := make(chan bool, 1)
		e.a.Submit(func() { tm, _ = e.a.Every(1, func(ste.Tick) { got <- tm.Stop() }) })
		return all(<-got)
	})
	return rows
}

// ringRows are calls on a Thread whose task waits for the caller's, and waits for
// what can only end after the wait.
func ringRows() (rows []inputRow) {
	ring := func(call string, f func(e *inputs) []any) {
		rows = append(rows, inputRow{call: call, with: "a Thread that waits for this one", at: onOwn, f: func(e *inputs) (r []any) {
			if err := e.b.Submit(func() { r = f(e) }); err != nil {
				return all(err)
			}
			return r
		}})
	}
	for _, c := range threadCalls {
		switch c.name {
		case "Thread.Run", "Thread.RunPending", "Thread.OnThread", "Thread.Tag", "Thread.Done", "Thread.Closed":
			continue // do not wait
		}
		ring(c.name, func(e *inputs) []any { return c.f(e.a) })
	}
	ring("Bound.Do", func(e *inputs) []any { return all(e.bound.Do(with)) })
	ring("Bound.Post", func(e *inputs) []any { return all(e.bound.Post(func(int) {})) })
	ring("Bound.Close", func(e *inputs) []any { return all(e.bound.Close()) })
	ring("Use", func(e *inputs) []any { return all(ste.Use(e.bound, func(int) (int, error) { return 1, nil })) })
	ring("Local.Each", func(e *inputs) []any {
		return all(e.local.Each(context.Background(), func(ste.Tag, *int) error { return nil }))
	})
	ring("Future.Wait", func(e *inputs) []any {
		fu, err := ste.Async(e.a, one)
		if err != nil {
			return all(err)
		}
		return all(fu.Wait(context.Background()))
	})
	ring("Local.Close", func(e *inputs) []any { return all(e.mine.Close()) })
	return append(rows, inputRow{call: "Future.Wait", with: "a Future of this Thread, which has not run", at: onOwn, f: func(e *inputs) []any {
		fu, err := ste.Async(e.a, one)
		if err != nil {
			return all(err)
		}
		return all(fu.Wait(context.Background()))
	}})
}

// errorRows are the methods of the errors, on nil and zero ones.
func errorRows() []inputRow {
	const nilReceiver = "a nil error value; Go's own panic"
	var noPanic *ste.PanicError
	var noWrong *ste.WrongThreadError
	ofNil := func(err error) []any { return all(err.Error()) }
	return []inputRow{
		{call: "PanicError.Error", with: "an empty PanicError", f: func(*inputs) []any { return ofNil(&ste.PanicError{}) }},
		{call: "PanicError.Error", with: "a nil *PanicError", odd: nilReceiver, f: func(*inputs) []any { return ofNil(noPanic) }},
		{call: "PanicError.Unwrap", with: "an empty PanicError", f: func(*inputs) []any { return all((&ste.PanicError{}).Unwrap()) }},
		{call: "PanicError.Unwrap", with: "a nil *PanicError", odd: nilReceiver, f: func(*inputs) []any { return all(noPanic.Unwrap()) }},
		{call: "PanicError.Unwrap", with: "a Value that is no error", f: func(*inputs) []any { return all((&ste.PanicError{Value: 1}).Unwrap()) }},
		{call: "PanicError.Unwrap", with: "a Value that is a nil *PanicError", f: func(*inputs) []any {
			return all((&ste.PanicError{Value: noPanic}).Unwrap() == error(noPanic))
		}},
		{call: "PanicError.Unwrap", with: "errors.Is on one that holds itself", f: func(*inputs) []any {
			return all("not called: errors.Is would never end, as with any error that wraps itself")
		}},
		{call: "WrongThreadError.Error", with: "an empty WrongThreadError", f: func(*inputs) []any { return ofNil(&ste.WrongThreadError{}) }},
		{call: "WrongThreadError.Error", with: "a nil *WrongThreadError", odd: nilReceiver, f: func(*inputs) []any { return ofNil(noWrong) }},
		{call: "WrongThreadError.Error", with: "errors.Is of ErrClosed", f: func(*inputs) []any {
			return all(errors.Is(&ste.WrongThreadError{Ended: true}, ste.ErrClosed))
		}},
	}
}

// broken says which rule the answer breaks, or "": a panic's text and a library
// error's begin with "ste: ", no text is empty, and nil and zero things panic (T8).
func (a answer) broken(r inputRow) string {
	for _, err := range append(a.errs, asError(a.panicked)...) {
		var own ownError
		foreign := errors.As(err, &own)
		switch {
		case foreign && own == "":
		case errors.As(err, new(*runtime.PanicNilError)): // a row's own panic(nil)
		case strings.TrimSpace(err.Error()) == "":
			return "an empty text"
		case foreign, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		case !strings.HasPrefix(err.Error(), "ste: "):
			return "a text without ste:"
		}
	}
	if s, ok := a.panicked.(string); ok && !strings.HasPrefix(s, "ste: ") {
		return "a text without ste:"
	}
	if regexp.MustCompile(`^(nil|zero) `).MatchString(r.with) && a.panicked == nil {
		return "no panic"
	}
	return ""
}

func asError(v any) []error {
	if err, ok := v.(error); ok {
		return []error{err}
	}
	return nil
}
