package trials

import (
	"context"
	"runtime"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
)

// tagRows are Tags and Tagged values: zero, foreign, ended, off every Thread.
func tagRows() (rows []inputRow) {
	add := func(call, with, at, odd string, f func(e *inputs) []any) {
		rows = append(rows, inputRow{call: call, with: with, at: at, odd: odd, f: f})
	}
	add("Current", "", off, "", func(*inputs) []any { return all(ste.Current()) })
	add("Current", "", onOwn, "", func(*inputs) []any { return all(ste.Current()) })
	add("Current", "a goroutine that a task has started", onOwn, "", func(*inputs) []any {
		c := make(chan ste.Tag)
		go func() { c <- ste.Current() }()
		return all(<-c)
	})
	const zeroTag = "the zero Tag has answers: it belongs to no Thread"
	for _, g := range []struct {
		with string
		tag  func(*inputs) ste.Tag
		zero bool
	}{
		{"zero Tag", func(*inputs) ste.Tag { return ste.Tag{} }, true},
		{"the Tag of a closed Thread", func(e *inputs) ste.Tag { return e.closed.Tag() }, false},
		{"the Tag of another Thread", func(e *inputs) ste.Tag { return e.b.Tag() }, false},
	} {
		odd := ""
		if g.zero {
			odd = zeroTag
		}
		add("Tag.Name", g.with, onOwn, odd, func(e *inputs) []any { return all(g.tag(e).Name()) })
		add("Tag.String", g.with, onOwn, odd, func(e *inputs) []any { return all(g.tag(e).String()) })
		add("Tag.ID", g.with+": is it 0?", onOwn, odd, func(e *inputs) []any { return all(g.tag(e).ID() == 0) })
		add("Tag.Thread", g.with, onOwn, odd, func(e *inputs) []any { return all(g.tag(e).Thread()) })
		for _, at := range []string{off, onOwn} {
			add("Tag.OnThread", g.with, at, odd, func(e *inputs) []any { return all(g.tag(e).OnThread()) })
			add("Tag.Check", g.with, at, "", func(e *inputs) []any { return none(g.tag(e).Check) })
		}
	}
	const zeroTagged = "only asks: the zero Tagged belongs to no Thread"
	for _, v := range []struct {
		with, at string
		v        func(*inputs) *ste.Tagged[int]
		asks     string
	}{
		{"nil Tagged", onOwn, func(*inputs) *ste.Tagged[int] { return nil }, ""},
		{"zero Tagged", onOwn, func(*inputs) *ste.Tagged[int] { return new(ste.Tagged[int]) }, zeroTagged},
		{"another Thread's value", onOwn, func(e *inputs) *ste.Tagged[int] { return e.other }, ""},
		{"a Thread's value", off, func(e *inputs) *ste.Tagged[int] { return e.other }, ""},
		{"a closed Thread's value", off, func(e *inputs) *ste.Tagged[int] { return e.dead }, ""},
		{"a closed Thread's value", onOwn, func(e *inputs) *ste.Tagged[int] { return e.dead }, ""},
		{"its own value", inHook, func(*inputs) *ste.Tagged[int] { return ste.NewTagged(1) }, ""},
	} {
		add("Tagged.Get", v.with, v.at, "", func(e *inputs) []any { return all(v.v(e).Get()) })
		add("Tagged.TryGet", v.with, v.at, "", func(e *inputs) []any { return all(v.v(e).TryGet()) })
		add("Tagged.Ptr", v.with, v.at, "", func(e *inputs) []any { return all(*v.v(e).Ptr()) })
		add("Tagged.OnThread", v.with, v.at, v.asks, func(e *inputs) []any { return all(v.v(e).OnThread()) })
		add("Tagged.Tag", v.with, v.at, v.asks, func(e *inputs) []any { return all(v.v(e).Tag()) })
	}
	add("NewTagged", "", off, "", func(*inputs) []any { return all(ste.NewTagged(1)) })
	add("NewTagged", "a nil interface", onOwn, "", func(*inputs) []any { return all(ste.NewTagged[error](nil).Get()) })
	return rows
}

// valueRows are Futures, Bounds and Locals: nil, zero, closed, in the middle of
// something, and functions that end badly.
func valueRows() (rows []inputRow) {
	add := func(call, with, at string, f func(e *inputs) []any) {
		rows = append(rows, inputRow{call: call, with: with, at: at, f: f})
	}
	bg := context.Background()
	add("Future.Wait", "nil Future", off, func(*inputs) []any { return all((*ste.Future[int])(nil).Wait(bg)) })
	add("Future.Wait", "zero Future", off, func(*inputs) []any { return all(new(ste.Future[int]).Wait(bg)) })
	add("Future.Done", "nil Future", off, func(*inputs) []any { return all((*ste.Future[int])(nil).Done()) })
	add("Future.Done", "zero Future", off, func(*inputs) []any { return all(new(ste.Future[int]).Done()) })
	add("Future.Wait", "a task that was dropped", off, func(e *inputs) []any {
		e.busy.Shutdown(testkit.Ended())
		return all(e.never.Wait(bg))
	})
	add("Future.Done", "a task that was dropped", off, func(e *inputs) []any {
		e.busy.Shutdown(testkit.Ended())
		return all(e.never.Done())
	})

	boundCalls := map[string]func(*ste.Bound[int]) []any{
		"Bound.Do":     func(b *ste.Bound[int]) []any { return all(b.Do(with)) },
		"Bound.Post":   func(b *ste.Bound[int]) []any { return all(b.Post(func(int) {})) },
		"Bound.Close":  func(b *ste.Bound[int]) []any { return all(b.Close()) },
		"Bound.Thread": func(b *ste.Bound[int]) []any { return all(b.Thread()) },
		"Use": func(b *ste.Bound[int]) []any {
			return all(ste.Use(b, func(int) (int, error) { return 1, nil }))
		},
	}
	for _, call := range []string{"Bound.Do", "Use", "Bound.Post", "Bound.Close", "Bound.Thread"} {
		f := boundCalls[call]
		add(call, "nil Bound", off, func(*inputs) []any { return f(nil) })
		add(call, "zero Bound", off, func(*inputs) []any { return f(new(ste.Bound[int])) })
		for _, at := range []string{off, onOwn, onOther} {
			add(call, "a closed Bound", at, func(e *inputs) []any { e.bound.Close(); return f(e.bound) })
		}
		add(call, "a closed Thread", off, func(e *inputs) []any { e.a.Close(); return f(e.bound) })
		add(call, "", onOther, func(e *inputs) []any { return f(e.bound) })
		add(call, "in its own use", onOwn, func(e *inputs) (r []any) {
			e.bound.Do(func(int) error { r = f(e.bound); return nil })
			return r
		})
		add(call, "in its own use, after Close there", onOwn, func(e *inputs) (r []any) {
			e.bound.Do(func(int) error { e.bound.Close(); r = f(e.bound); return nil })
			return r
		})
		add(call, "in its own close", onOwn, func(e *inputs) (r []any) {
			var b *ste.Bound[int]
			b, _ = ste.Bind(e.a, one, func(int) error { r = observed(func() []any { return f(b) }); return nil })
			b.Close()
			return r
		})
	}
	for _, bad := range []struct {
		with string
		f    func() error
	}{
		{"that fails", func() error { return ownError("of the row") }},
		{"that fails with an empty text", func() error { return ownError("") }},
		{"that panics", func() error { panic(ownError("of the row")) }},
		{"that panics with nil", func() error { panic(nil) }},
		{"that calls Goexit", func() error { runtime.Goexit(); return nil }},
	} {
		add("Bind", "an open "+bad.with, off, func(e *inputs) []any {
			return all(ste.Bind(e.a, func() (int, error) { return 1, bad.f() }, with))
		})
		add("Bound.Close", "a close "+bad.with, off, func(e *inputs) []any {
			b, err := ste.Bind(e.a, one, func(int) error { return bad.f() })
			if err != nil {
				return all(err)
			}
			return all(b.Close())
		})
		add("Local.TryGet", "an open "+bad.with, onOwn, func(*inputs) []any {
			return all(ste.NewLocal(func() (int, error) { return 1, bad.f() }, nil).TryGet())
		})
		add("Local.Close", "a close "+bad.with, onOwn, func(*inputs) []any {
			l := ste.NewLocal(one, func(*int) error { return bad.f() })
			l.Get()
			return all(l.Close())
		})
		add("Thread.Close", "a teardown "+bad.with, off, func(*inputs) []any {
			th, err := ste.New(ste.WithTeardown(bad.f))
			if err != nil {
				return all(err)
			}
			testkit.Watch(th)
			return all(th.Close())
		})
	}

	localCalls := map[string]func(*ste.Local[int]) []any{
		"Local.Get":    func(l *ste.Local[int]) []any { return all(*l.Get()) },
		"Local.TryGet": func(l *ste.Local[int]) []any { return all(l.TryGet()) },
		"Local.Take":   func(l *ste.Local[int]) []any { return all(l.Take()) },
		"Local.Close":  func(l *ste.Local[int]) []any { return all(l.Close()) },
		"Local.Each": func(l *ste.Local[int]) []any {
			return all(l.Each(bg, func(ste.Tag, *int) error { return ownError("visited") }))
		},
	}
	for _, call := range []string{"Local.Get", "Local.TryGet", "Local.Take", "Local.Each", "Local.Close"} {
		f := localCalls[call]
		add(call, "nil Local", onOwn, func(*inputs) []any { return f(nil) })
		add(call, "zero Local", onOwn, func(*inputs) []any { return f(new(ste.Local[int])) })
		fresh := func() *ste.Local[int] { return ste.NewLocal(one, intHook) }
		for _, at := range []string{off, onOwn} {
			add(call, "a closed Local", at, func(*inputs) []any { l := fresh(); l.Close(); return f(l) })
		}
		for _, at := range []string{off, onOwn, inHook} {
			add(call, "no value yet", at, func(*inputs) []any { return f(fresh()) })
		}
		add(call, "in its own close", onOwn, func(*inputs) (r []any) {
			var l *ste.Local[int]
			l = ste.NewLocal(one, func(*int) error { r = observed(func() []any { return f(l) }); return nil })
			l.Get()
			l.Close()
			return r
		})
		add(call, "in its own open", onOwn, func(*inputs) (r []any) {
			var l *ste.Local[int]
			l = ste.NewLocal(func() (int, error) { r = observed(func() []any { return f(l) }); return 1, nil }, nil)
			l.TryGet()
			l.Close()
			return r
		})
	}
	return rows
}

// observed is what f does, as results.
func observed(f func() []any) []any {
	var a answer
	watchCall(&a, f)
	return all(a.text)
}
