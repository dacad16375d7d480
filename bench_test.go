package ste_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/byhand"
)

// Single operations, each beside what one would write by hand. Absolute times
// mean little on a shared machine; compare rows of one run.

func BenchmarkSubmit(b *testing.B) {
	f := func() {}
	b.Run("who=byhand", func(b *testing.B) {
		th := byhand.New()
		defer th.Close()
		b.ReportAllocs()
		for b.Loop() {
			th.Do(f)
		}
	})
	b.Run("who=ste/call=Submit", func(b *testing.B) {
		th := start(b)
		b.ReportAllocs()
		for b.Loop() {
			th.Submit(f)
		}
	})
	b.Run("who=ste/call=SubmitContext", func(b *testing.B) {
		th := start(b)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		b.ReportAllocs()
		for b.Loop() {
			th.SubmitContext(ctx, f)
		}
	})
	b.Run("who=ste/call=Call", func(b *testing.B) {
		th := start(b)
		g := func() (int, error) { return 1, nil }
		b.ReportAllocs()
		for b.Loop() {
			ste.Call(th, g)
		}
	})
	b.Run("who=ste/call=inplace", func(b *testing.B) {
		th := start(b)
		b.ReportAllocs()
		th.Submit(func() {
			for b.Loop() {
				th.Submit(f)
			}
		})
	})
}

func BenchmarkSubmitArguments(b *testing.B) {
	b.Run("how=closure", func(b *testing.B) {
		th := start(b)
		b.ReportAllocs()
		for b.Loop() {
			x, y, sum := 1, 2, 0
			th.Submit(func() { sum = x + y })
			_ = sum
		}
	})
	b.Run("how=fields", func(b *testing.B) {
		a := newAdder(start(b))
		b.ReportAllocs()
		for b.Loop() {
			a.Add(1, 2)
		}
	})
}

// Many operations in one task against a task for each: ns/op is for one operation.
func BenchmarkBatching(b *testing.B) {
	for name, wait := range strategies {
		for _, size := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("wait=%s/ops=%d", name, size), func(b *testing.B) {
				th := start(b, ste.WithWaitStrategy(wait))
				n := 0
				f := func() {
					for range size {
						n++
					}
				}
				for i := 0; i < b.N; i += size {
					th.Submit(f)
				}
			})
		}
	}
}

func BenchmarkPost(b *testing.B) {
	b.Run("who=channel", func(b *testing.B) {
		c := make(chan func(), 128)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for f := range c {
				f()
			}
		}()
		f := func() {}
		b.ReportAllocs()
		for b.Loop() {
			c <- f
		}
		close(c)
		<-done
	})
	b.Run("who=ste", func(b *testing.B) {
		th := start(b)
		f := func() {}
		b.ReportAllocs()
		for b.Loop() {
			th.Post(f)
		}
		th.Submit(f)
	})
}

func BenchmarkCheck(b *testing.B) {
	th := start(b)
	// A sub-benchmark runs on a goroutine of its own, so each goes to the Thread
	// by itself.
	on := func(name string, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) { th.Submit(func() { f(b) }) })
	}
	on("call=Tagged.Get", func(b *testing.B) {
		v := ste.NewTagged(1)
		for b.Loop() {
			v.Get()
		}
	})
	on("call=Tag.OnThread", func(b *testing.B) {
		tag := th.Tag()
		for b.Loop() {
			tag.OnThread()
		}
	})
	on("call=Current", func(b *testing.B) {
		for b.Loop() {
			ste.Current()
		}
	})
	tag := th.Tag()
	b.Run("call=Tag.OnThread/where=elsewhere", func(b *testing.B) {
		for b.Loop() {
			tag.OnThread()
		}
	})
}

func BenchmarkNewClose(b *testing.B) {
	b.Run("who=byhand", func(b *testing.B) {
		for b.Loop() {
			byhand.New().Close()
		}
	})
	b.Run("who=ste", func(b *testing.B) {
		for b.Loop() {
			th, err := ste.New()
			if err != nil {
				b.Fatal(err)
			}
			th.Close()
		}
	})
}
