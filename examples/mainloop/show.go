//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ste-go/ste"
	"golang.org/x/sync/errgroup"
)

// A shown is what is left of a show.
type shown struct {
	strip   *strip
	window  window
	edits   int64         // by others, counted beside the window
	late    time.Duration // the latest tick of the Every
	refusal error         // what code that is not on the loop's thread gets for the window
	panic   any           // what came to the caller whose task panicked
	told    []error       // by the error handler
	exited  bool          // the goroutine whose task called Goexit did not go on
	end     error         // of Attach and Close
}

// show lets a loop live for a second: its own events go on while others give it work,
// and in the end somebody else closes it.
func show() (*shown, error) {
	r := &shown{strip: newStrip()}
	h, err := startHost("window", 0, r.strip)
	if err != nil {
		return nil, err
	}
	end := r.strip.begun.Add((columns - 2) * column)
	var edits atomic.Int64
	edit := func(k kind) func() { // what a task does
		return func() {
			h.window.Ptr().edits++
			edits.Add(1)
			h.strip.mark(k)
		}
	}
	var others errgroup.Group
	again := func(pause time.Duration, f func() error) {
		others.Go(func() error {
			for {
				time.Sleep(min(pause, time.Until(end)))
				if !time.Now().Before(end) {
					return nil
				}
				if err := f(); err != nil {
					return err
				}
			}
		})
	}
	if err := h.frameEvery(50 * time.Millisecond); err != nil {
		return nil, errors.Join(err, h.end())
	}
	text := "hello, loop"
	again(80*time.Millisecond, func() error {
		if text == "" {
			return nil
		}
		key := text[:1]
		text = text[1:]
		return h.kit.press(key)
	})
	again(70*time.Millisecond, func() error { return h.thread.Submit(edit(aSubmit)) })
	again(170*time.Millisecond, func() error {
		_, err := ste.Call(h.thread, func() (int, error) { edit(aCall)(); return h.window.Get().frames, nil })
		return err
	})
	again(110*time.Millisecond, func() error { return h.thread.Post(edit(aPost)) })
	again(300*time.Millisecond, func() error {
		_, err := h.thread.AfterFunc(20*time.Millisecond, edit(anAfterFunc))
		return err
	})
	others.Go(func() error {
		_, err := h.thread.Every(100*time.Millisecond, func(k ste.Tick) {
			edit(anEvery)()
			r.late = max(r.late, k.Start.Sub(k.Due))
		})
		return err
	})
	others.Go(func() error {
		time.Sleep(columns / 3 * column)
		defer func() {
			if pe, ok := recover().(*ste.PanicError); ok {
				r.panic = pe.Value
			}
		}()
		return h.thread.Submit(func() { h.strip.mark(aPanic); panic("no such font") })
	})
	again(columns/2*column, func() error { // nobody waits for this one
		return h.thread.Post(func() { h.strip.mark(aPanic); panic("no such colour") })
	})
	others.Go(func() error {
		time.Sleep(columns * 2 / 3 * column)
		r.exited = exits(func() { _ = h.thread.Submit(func() { h.strip.mark(aGoexit); runtime.Goexit() }) })
		return nil
	})
	err = others.Wait()
	_, r.refusal = h.window.TryGet()
	var gone error
	r.window, gone = ste.Call(h.thread, func() (window, error) {
		r.edits = edits.Load()
		return h.window.Get(), nil
	})
	r.end = h.end()
	r.told = h.told
	return r, errors.Join(err, gone)
}

// exits reports whether f calls runtime.Goexit.
func exits(f func()) bool {
	returned := false
	var wg sync.WaitGroup
	wg.Go(func() { f(); returned = true })
	wg.Wait()
	return !returned
}

func (r *shown) print(w io.Writer) {
	r.strip.print(w)
	fmt.Fprintf(w, "\nTyped: %q. Edits by others, without a lock: %d of %d. Latest timer: %v.\n",
		r.window.text, r.window.edits, r.edits, r.late.Round(10*time.Microsecond))
	fmt.Fprintf(w, "Panic of a Submit, at its caller: %v.", r.panic)
	for _, err := range r.told {
		var pe *ste.PanicError
		if errors.As(err, &pe) {
			fmt.Fprintf(w, " Of a Post, at the error handler: %v.", pe.Value)
		}
	}
	outcome := "went on"
	if r.exited {
		outcome = "its caller's goroutine ended"
	}
	fmt.Fprintf(w, "\nGoexit of a Submit: %s. Close from elsewhere: the loop ended, errors: %v.\n", outcome, r.end)
	fmt.Fprintf(w, "Another goroutine that asks for the window itself gets\n%v\n", r.refusal)
}
