package trials

import (
	"context"
	"go/doc"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
)

// exportedCalls lists the package's exported functions and methods.
func exportedCalls(t *testing.T) (names []string) {
	_, pkg := packageDoc(t)
	add := func(of string, list []*doc.Func) {
		for _, f := range list {
			names = append(names, of+f.Name)
		}
	}
	add("", pkg.Funcs)
	for _, typ := range pkg.Types {
		add("", typ.Funcs)
		add(typ.Name+".", typ.Methods)
	}
	return names
}

// inputRows are all rows, by what they are about.
func inputRows() (rows []inputRow) {
	rows = append(rows, optionRows()...)
	rows = append(rows, nilFuncRows()...)
	rows = append(rows, threadRows()...)
	rows = append(rows, contextRows()...)
	rows = append(rows, timerRows()...)
	rows = append(rows, ringRows()...)
	rows = append(rows, tagRows()...)
	rows = append(rows, valueRows()...)
	return append(rows, errorRows()...)
}

// all makes a list of a call's results.
func all(results ...any) []any { return results }

// none is for a call without results.
func none(f func()) []any { f(); return []any{"returns"} }

func one() (int, error)  { return 1, nil }
func okFunc() error      { return nil }
func with(int) error     { return nil }
func intHook(*int) error { return nil }

// threadCalls are the calls on a Thread, with arguments that are as they should be.
var threadCalls = []struct {
	name string
	f    func(*ste.Thread) []any
}{
	{"Thread.Submit", func(th *ste.Thread) []any { return all(th.Submit(func() {})) }},
	{"Thread.SubmitContext", func(th *ste.Thread) []any {
		return all(th.SubmitContext(context.Background(), func() {}))
	}},
	{"Thread.Post", func(th *ste.Thread) []any { return all(th.Post(func() {})) }},
	{"Call", func(th *ste.Thread) []any { return all(ste.Call(th, one)) }},
	{"Async", func(th *ste.Thread) []any { return all(ste.Async(th, one)) }},
	{"Bind", func(th *ste.Thread) []any { return all(ste.Bind(th, one, with)) }},
	{"Thread.AfterFunc", func(th *ste.Thread) []any { return all(th.AfterFunc(time.Hour, func() {})) }},
	{"Thread.Every", func(th *ste.Thread) []any { return all(th.Every(time.Hour, func(ste.Tick) {})) }},
	{"Thread.RunPending", func(th *ste.Thread) []any { return all(th.RunPending()) }},
	{"Thread.Run", func(th *ste.Thread) []any { return all(th.Run(testkit.Ended())) }},
	{"Thread.OnThread", func(th *ste.Thread) []any { return all(th.OnThread()) }},
	{"Thread.Tag", func(th *ste.Thread) []any { return all(th.Tag()) }},
	{"Thread.Done", func(th *ste.Thread) []any { return all(th.Done()) }},
	{"Thread.Closed", func(th *ste.Thread) []any { return all(th.Closed()) }},
	{"Thread.Close", func(th *ste.Thread) []any { return all(th.Close()) }},
	{"Thread.Shutdown", func(th *ste.Thread) []any { return all(th.Shutdown(context.Background())) }},
}

// threadRows are the calls on every kind of Thread that is not as it should be, and
// from every place.
func threadRows() (rows []inputRow) {
	for _, c := range threadCalls {
		for _, kind := range []struct {
			with, at string
			th       func(*inputs) *ste.Thread
		}{
			{"nil Thread", off, func(*inputs) *ste.Thread { return nil }},
			{"zero Thread", off, func(*inputs) *ste.Thread { return new(ste.Thread) }},
			{"closed Thread", off, func(e *inputs) *ste.Thread { return e.closed }},
			{"closed Thread", onOther, func(e *inputs) *ste.Thread { return e.closed }},
			{"Thread that is closing", inHook, func(e *inputs) *ste.Thread { return ste.Current().Thread() }},
			{"", onOwn, func(e *inputs) *ste.Thread { return e.a }},
			{"", onOther, func(e *inputs) *ste.Thread { return e.a }},
			{"", off, func(e *inputs) *ste.Thread { return e.a }},
		} {
			rows = append(rows, inputRow{call: c.name, with: kind.with, at: kind.at,
				f: func(e *inputs) []any { return c.f(kind.th(e)) }})
		}
	}
	rows = append(rows,
		inputRow{call: "Thread.Close", with: "twice", f: func(e *inputs) []any { return all(e.a.Close(), e.a.Close()) }},
		inputRow{call: "Thread.Shutdown", with: "twice, the second time with an ended context", f: func(e *inputs) []any {
			return all(e.a.Shutdown(context.Background()), e.a.Shutdown(testkit.Ended()))
		}},
		inputRow{call: "Thread.Post", with: "a queue that is full", f: func(e *inputs) []any { return full(func(th *ste.Thread) any { return th.Post(func() {}) }) }},
		inputRow{call: "Async", with: "a queue that is full", f: func(e *inputs) []any {
			return full(func(th *ste.Thread) any { _, err := ste.Async(th, one); return err })
		}},
	)
	return rows
}

// full calls f three times on a Thread with a queue limit of 1 that runs a task.
func full(f func(*ste.Thread) any) []any {
	th, err := ste.New(ste.WithQueueLimit(1))
	if err != nil {
		return all(err)
	}
	testkit.Watch(th)
	leave, began := make(chan struct{}), make(chan struct{})
	th.Post(func() { close(began); <-leave })
	<-began
	answers := all(f(th), f(th), f(th))
	close(leave)
	th.Close()
	return answers
}

// nilFuncRows are nil for a function.
func nilFuncRows() (rows []inputRow) {
	add := func(call, with string, f func(e *inputs) []any) {
		for _, at := range []string{off, onOwn} {
			rows = append(rows, inputRow{call: call, with: with, at: at, f: f})
		}
	}
	bg := context.Background()
	add("Thread.Submit", "nil func", func(e *inputs) []any { return all(e.a.Submit(nil)) })
	add("Thread.SubmitContext", "nil func", func(e *inputs) []any { return all(e.a.SubmitContext(bg, nil)) })
	add("Thread.SubmitContext", "nil func and an ended context", func(e *inputs) []any { return all(e.a.SubmitContext(testkit.Ended(), nil)) })
	add("Thread.Post", "nil func", func(e *inputs) []any { return all(e.a.Post(nil)) })
	add("Call", "nil func", func(e *inputs) []any { return all(ste.Call[int](e.a, nil)) })
	add("Async", "nil func", func(e *inputs) []any { return all(ste.Async[int](e.a, nil)) })
	add("Thread.AfterFunc", "nil func", func(e *inputs) []any { return all(e.a.AfterFunc(0, nil)) })
	add("Thread.Every", "nil func", func(e *inputs) []any { return all(e.a.Every(time.Hour, nil)) })
	add("Thread.Every", "nil func and period 0", func(e *inputs) []any { return all(e.a.Every(0, nil)) })
	add("Bind", "nil open func", func(e *inputs) []any { return all(ste.Bind(e.a, nil, with)) })
	add("Bind", "nil close func", func(e *inputs) []any { return all(ste.Bind(e.a, one, nil)) })
	add("Bound.Do", "nil func", func(e *inputs) []any { return all(e.bound.Do(nil)) })
	add("Bound.Post", "nil func", func(e *inputs) []any { return all(e.bound.Post(nil)) })
	add("Use", "nil func", func(e *inputs) []any { return all(ste.Use[int, int](e.bound, nil)) })
	add("Local.Each", "nil func", func(e *inputs) []any { return all(e.local.Each(bg, nil)) })
	add("NewLocal", "nil open func", func(e *inputs) []any { return all(ste.NewLocal(nil, intHook)) })
	add("NewLocal", "no close func", func(e *inputs) []any { return all(ste.NewLocal(one, nil)) })
	add("Attach", "nil func", func(e *inputs) []any { return all(ste.Attach(nil)) })
	for _, th := range []*ste.Thread{nil, new(ste.Thread)} {
		rows = append(rows, inputRow{call: "Thread.Submit", with: map[bool]string{true: "nil Thread and func", false: "zero Thread and nil func"}[th == nil],
			f: func(*inputs) []any { return all(th.Submit(nil)) }})
	}
	rows = append(rows, inputRow{call: "Thread.Submit", with: "nil func, closed Thread", f: func(e *inputs) []any { return all(e.closed.Submit(nil)) }})
	return rows
}

// optionRows are options, for New and for Attach.
func optionRows() (rows []inputRow) {
	made := func(opts ...ste.Option) []any {
		th, err := ste.New(opts...)
		if err == nil {
			testkit.Watch(th)
			defer th.Close()
		}
		return all(th, err)
	}
	add := func(call, with string, f func() ste.Option) {
		rows = append(rows, inputRow{call: call, with: with, f: func(*inputs) []any { return made(f()) }},
			inputRow{call: call, with: with + ", for Attach", f: func(*inputs) []any {
				return all(ste.Attach(func(*ste.Thread) error { return nil }, f()))
			}})
	}
	const small, big = -1 << 31, 1<<31 - 1
	add("New", "nil Option", func() ste.Option { return nil })
	add("WithInit", "nil func", func() ste.Option { return ste.WithInit(nil) })
	add("WithTeardown", "nil func", func() ste.Option { return ste.WithTeardown(nil) })
	add("WithErrorHandler", "nil func", func() ste.Option { return ste.WithErrorHandler(nil) })
	add("WithWaker", "nil func", func() ste.Option { return ste.WithWaker(nil) })
	add("WithQueueLimit", "0", func() ste.Option { return ste.WithQueueLimit(0) })
	add("WithQueueLimit", "-1", func() ste.Option { return ste.WithQueueLimit(-1) })
	add("WithQueueLimit", "-2^31", func() ste.Option { return ste.WithQueueLimit(small) })
	add("WithQueueLimit", "2^31-1", func() ste.Option { return ste.WithQueueLimit(big) })
	add("WithWaitStrategy", "-1", func() ste.Option { return ste.WithWaitStrategy(-1) })
	add("WithWaitStrategy", "4", func() ste.Option { return ste.WithWaitStrategy(4) })
	add("WithWaitStrategy", "2^31-1", func() ste.Option { return ste.WithWaitStrategy(big) })
	add("WithName", "the empty name", func() ste.Option { return ste.WithName("") })
	add("WithName", "a name of a million bytes", func() ste.Option { return ste.WithName(strings.Repeat("x", 1_000_000)) })
	add("WithName", "a NUL byte in the name", func() ste.Option { return ste.WithName("a\x00b") })
	add("WithName", "no UTF-8", func() ste.Option { return ste.WithName("\xff\xfe") })
	add("WithInit", "one that fails", func() ste.Option { return ste.WithInit(func() error { return ownError("of the row") }) })
	add("WithInit", "one that fails with an empty text", func() ste.Option { return ste.WithInit(func() error { return ownError("") }) })
	add("WithInit", "one that panics", func() ste.Option { return ste.WithInit(func() error { panic(ownError("of the row")) }) })
	add("WithInit", "one that calls Goexit", func() ste.Option { return ste.WithInit(func() error { runtime.Goexit(); return nil }) })
	rows = append(rows,
		inputRow{call: "New", with: "the same Option twice", f: func(*inputs) []any {
			o := ste.WithInit(okFunc)
			return made(o, o)
		}},
		inputRow{call: "WithQueueLimit", with: "0, and then 1", f: func(*inputs) []any { return made(ste.WithQueueLimit(0), ste.WithQueueLimit(1)) }},
		inputRow{call: "Attach", at: onOwn, f: func(*inputs) []any { return all(ste.Attach(func(*ste.Thread) error { return nil })) }},
		inputRow{call: "Attach", with: "a body that panics", f: func(*inputs) []any { return all(ste.Attach(func(*ste.Thread) error { panic(ownError("of the row")) })) }},
		inputRow{call: "Attach", with: "a body that fails with an empty text", f: func(*inputs) []any { return all(ste.Attach(func(*ste.Thread) error { return ownError("") })) }},
	)
	return rows
}
