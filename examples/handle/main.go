//go:build cgo && linux

// Command handle wraps a C handle that only its own OS thread may close, and closes
// it in every way there is.
//
//	go run ./examples/handle
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/ste-go/ste"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintf(os.Stderr, "handle: unexpected argument %q; there are none\n", os.Args[1])
		os.Exit(1)
	}
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "handle:", err)
		os.Exit(1)
	}
}

// A way is one in which a handle comes to its end. It returns what close said.
type way struct {
	name string
	end  func(t *ste.Thread, b *ste.Bound[lock]) error
}

// use uses the handle; from wherever it is called, the C code runs on the Thread.
func use(b *ste.Bound[lock]) error { return b.Do(lock.use) }

var ways = []way{
	{"Close", func(_ *ste.Thread, b *ste.Bound[lock]) error {
		return errors.Join(use(b), b.Close())
	}},
	{"Close by ten goroutines at once", func(_ *ste.Thread, b *ste.Bound[lock]) error {
		errs := make([]error, 10)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { errs[i] = b.Close() })
		}
		all.Wait()
		return errors.Join(errs...)
	}},
	{"Close on the Thread", func(t *ste.Thread, b *ste.Bound[lock]) (err error) {
		return errors.Join(t.Submit(func() { err = errors.Join(use(b), b.Close()) }), err)
	}},
	{"Close in the middle of its own use", func(_ *ste.Thread, b *ste.Bound[lock]) error {
		return errors.Join(b.Do(func(l lock) error { return errors.Join(b.Close(), l.use()) }), b.Close())
	}},
	{"a panic in a use, then Close", func(_ *ste.Thread, b *ste.Bound[lock]) error {
		func() {
			defer func() { _ = recover() }()
			_ = b.Do(func(lock) error { panic("oh") })
		}()
		return errors.Join(use(b), b.Close())
	}},
	{"a Goexit in a use, then Close", func(_ *ste.Thread, b *ste.Bound[lock]) error {
		var gone sync.WaitGroup
		gone.Go(func() { _ = b.Do(func(lock) error { runtime.Goexit(); return nil }) })
		gone.Wait()
		return errors.Join(use(b), b.Close())
	}},
	{"Close of the Thread", func(t *ste.Thread, b *ste.Bound[lock]) error {
		return errors.Join(use(b), t.Close(), b.Close())
	}},
	{"Shutdown while a task hangs", func(t *ste.Thread, b *ste.Bound[lock]) error {
		hang := make(chan struct{})
		if err := t.Post(func() { <-hang }); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if err := t.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("the Shutdown: %w", err)
		}
		close(hang)
		return b.Close()
	}},
}

// run ends a handle in each way and prints how that went.
func run(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "how it came to its end\twhat C said\thandles left")
	for _, way := range ways {
		t, err := ste.New(ste.WithName("locks"))
		if err != nil {
			return err
		}
		b, err := bindLock(t)
		if err != nil {
			return err
		}
		err = way.end(t, b)
		fmt.Fprintf(table, "%s\t%s\t%d\n", way.name, said(err), locksOpen())
		if err := errors.Join(err, t.Close()); err != nil {
			return errors.Join(table.Flush(), fmt.Errorf("%s: %w", way.name, err))
		}
	}
	fmt.Fprintf(table, "nobody holds it any more\t%s\t%d\n", said(garbage()), locksOpen())
	fmt.Fprintf(table, "by hand, with a finalizer\t%s\t%d\n", said(finalizer()), locksOpen())
	return table.Flush()
}

func said(err error) string {
	if err == nil {
		return "well"
	}
	return err.Error()
}

// garbage forgets a Bound and waits until the runtime has had it closed.
func garbage() error {
	told := make(chan error, 1)
	t, err := ste.New(ste.WithErrorHandler(func(err error) { told <- err }))
	if err != nil {
		return err
	}
	defer t.Close()
	if _, err := bindLock(t); err != nil {
		return err
	}
	for end := time.Now().Add(10 * time.Second); locksOpen() > 0 && time.Now().Before(end); {
		runtime.GC()
		select {
		case err := <-told:
			return err
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// finalizer is how it is mostly done: the collector's goroutine closes the handle,
// on whatever thread it happens to be.
func finalizer() error {
	closed, opened := make(chan error, 1), make(chan error)
	over := make(chan struct{})
	defer close(over)
	go func() { // as a Thread would
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		type owner struct{ lock }
		l, err := openLock()
		if err == nil {
			runtime.SetFinalizer(&owner{l}, func(o *owner) { closed <- o.close() })
		}
		opened <- err
		<-over // its thread still lives
	}()
	if err := <-opened; err != nil {
		return err
	}
	for range 10_000 {
		runtime.GC()
		select {
		case err := <-closed:
			return err
		case <-time.After(time.Millisecond):
		}
	}
	return errors.New("never closed")
}
