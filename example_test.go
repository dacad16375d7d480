package ste_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"

	"github.com/ste-go/ste"
)

// Many goroutines, one OS thread: the tasks run there one at a time, so the
// counter needs no lock.
func Example() {
	t, err := ste.New(ste.WithName("counter"))
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	n := 0
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { t.Submit(func() { n++ }) })
	}
	wg.Wait()
	fmt.Println(n)
	// Output: 100
}

func ExampleNew() {
	t, err := ste.New(ste.WithName("gl"))
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	fmt.Println(t.Tag().Name(), t.OnThread())
	// Output: gl false
}

// Submit waits, so the task may use the caller's variables, and the caller may
// read them afterwards.
func ExampleThread_Submit() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	var dir string
	var dirErr error
	if err := t.Submit(func() { dir, dirErr = os.Getwd() }); err != nil {
		log.Fatal(err) // the task has not run
	}
	fmt.Println(dir != "", dirErr)
	// Output: true <nil>
}

// The context counts until the task has started. Here it never starts.
// An adder keeps the arguments of its task in fields and the func value that reads
// them in another, so that a call allocates nothing.
type adder struct {
	thread *ste.Thread
	a, b   int
	sum    int
	run    func()
}

func newAdder(t *ste.Thread) *adder {
	ad := &adder{thread: t}
	ad.run = func() { ad.sum = ad.a + ad.b }
	return ad
}

// Add must not be called by two goroutines at a time: they would share the fields.
func (ad *adder) Add(a, b int) int {
	ad.a, ad.b = a, b
	if err := ad.thread.Submit(ad.run); err != nil {
		panic(err)
	}
	return ad.sum
}

// Work with arguments, without an allocation at the call.
func ExampleThread_Submit_arguments() {
	t, err := ste.New()
	if err != nil {
		panic(err)
	}
	defer t.Close()

	fmt.Println(newAdder(t).Add(2, 3))
	// Output: 5
}

func ExampleThread_SubmitContext() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	release := make(chan struct{})
	t.Post(func() { <-release }) // keeps the Thread busy

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err = t.SubmitContext(ctx, func() { fmt.Println("never printed") })
	fmt.Println(err)

	close(release)
	// Output: context deadline exceeded
}

// Post does not wait. The tasks start in the order in which they were posted.
func ExampleThread_Post() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	for i := range 3 {
		if err := t.Post(func() { fmt.Println("task", i) }); err != nil {
			log.Fatal(err)
		}
	}
	t.Close() // runs what was accepted
	// Output:
	// task 0
	// task 1
	// task 2
}

// Close runs everything accepted before it, then ends the Thread. Work that
// comes later is refused.
func ExampleThread_Close() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	t.Post(func() { fmt.Println("accepted") })
	fmt.Println("Close:", t.Close())

	err = t.Submit(func() { fmt.Println("never printed") })
	fmt.Println("Submit:", err)
	fmt.Println(errors.Is(err, ste.ErrClosed), errors.Is(err, os.ErrClosed))
	// Output:
	// accepted
	// Close: <nil>
	// Submit: ste: closed
	// true true
}

// Shutdown drops what is still queued when its context ends. The task that runs
// is not interrupted; Done tells when it has ended too.
func ExampleThread_Shutdown() {
	t, err := ste.New(ste.WithTeardown(func() error {
		fmt.Println("teardown")
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	started, release := make(chan struct{}), make(chan struct{})
	t.Post(func() {
		close(started)
		<-release
		fmt.Println("the running task has ended")
	})
	<-started
	t.Post(func() { fmt.Println("never printed") })

	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err = t.Shutdown(ctx)
	fmt.Println("in time:", !errors.Is(err, context.DeadlineExceeded))

	close(release)
	<-t.Done()
	// Output:
	// in time: false
	// the running task has ended
	// teardown
}

// Call returns what the function returned.
func ExampleCall() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	host, err := ste.Call(t, os.Hostname)
	fmt.Println(host != "", err)
	// Output: true <nil>
}

// Async does not wait; the Future does, when the result is needed.
func ExampleAsync() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	future, err := ste.Async(t, func() (int, error) { return 6 * 7, nil })
	if err != nil {
		log.Fatal(err) // the function will not run
	}
	// ... do something else meanwhile ...
	fmt.Println(future.Wait(context.Background()))
	// Output: 42 <nil>
}

// A Wait that gives up leaves the task alone. Another Wait may take its result.
func ExampleFuture_Wait() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	release := make(chan struct{})
	future, err := ste.Async(t, func() (string, error) {
		<-release
		return "done", nil
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, err = future.Wait(ctx)
	fmt.Println(err)

	close(release)
	fmt.Println(future.Wait(context.Background()))
	// Output:
	// context deadline exceeded
	// done <nil>
}

// A Tagged goes anywhere; its value opens on the Thread that made it.
func ExampleNewTagged() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	counter, err := ste.Call(t, func() (*ste.Tagged[int], error) {
		return ste.NewTagged(41), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	t.Submit(func() {
		*counter.Ptr()++
		fmt.Println(counter.Get())
	})
	fmt.Println(counter.OnThread())
	// Output:
	// 42
	// false
}

// Get would panic here; TryGet returns the same *WrongThreadError.
func ExampleTagged_TryGet() {
	t, err := ste.New(ste.WithName("gl"))
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	var texture *ste.Tagged[uint32]
	t.Submit(func() { texture = ste.NewTagged[uint32](7) })

	_, err = texture.TryGet()
	var wrong *ste.WrongThreadError
	if errors.As(err, &wrong) {
		fmt.Printf("a %v of %q, used on %v\n", wrong.Type, wrong.Want.Name(), wrong.Got)
	}
	// Output: a uint32 of "gl", used on no Thread
}

func ExampleBind() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	b, err := ste.Bind(t,
		func() (*os.File, error) { return os.CreateTemp("", "") },
		func(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) })
	if err != nil {
		log.Fatal(err)
	}
	err = b.Do(func(f *os.File) error { _, err := f.WriteString("hello"); return err })
	fmt.Println(err)
	size, err := ste.Use(b, func(f *os.File) (int64, error) { return f.Seek(0, io.SeekEnd) })
	fmt.Println(size, err)
	fmt.Println(b.Close())
	fmt.Println(b.Do(func(*os.File) error { return nil }))
	// Output:
	// <nil>
	// 5 <nil>
	// <nil>
	// ste: closed
}

func ExampleThread_AfterFunc() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	done := make(chan struct{})
	_, err = t.AfterFunc(time.Millisecond, func() {
		fmt.Println("on the Thread:", t.OnThread())
		close(done)
	})
	if err != nil {
		log.Fatal(err)
	}
	<-done
	// Output: on the Thread: true
}

func ExampleThread_Every() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	ticks := make(chan ste.Tick, 1)
	every, err := t.Every(time.Millisecond, func(k ste.Tick) {
		select {
		case ticks <- k:
		default:
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	k := <-ticks
	fmt.Println("late:", k.Start.Sub(k.Due) >= 0)
	fmt.Println("stopped:", every.Stop(), every.Stop())
	// Output:
	// late: true
	// stopped: true false
}

func ExampleCurrent() {
	t, err := ste.New(ste.WithName("gl"))
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	fmt.Println("here:", ste.Current())
	t.Submit(func() { fmt.Println("in a task:", ste.Current().Name(), ste.Current() == t.Tag()) })
	// Output:
	// here: no Thread
	// in a task: gl true
}

// A Tag says which Thread some code belongs on, and does not keep that Thread
// alive.
func ExampleTag() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	tag := t.Tag()
	draw := func() {
		tag.Check() // panics on any other Thread, and on none
		fmt.Println("drawing")
	}
	t.Submit(draw)
	fmt.Println("may draw here:", tag.OnThread())
	// Output:
	// drawing
	// may draw here: false
}

// Each teardown follows the init that it undoes. They run on the Thread, the
// inits before New returns, the teardowns in Close, newest first.
func ExampleWithInit() {
	say := func(s string) func() error {
		return func() error { fmt.Println(s); return nil }
	}
	t, err := ste.New(
		ste.WithInit(say("open the window")), ste.WithTeardown(say("close the window")),
		ste.WithInit(say("make the context")), ste.WithTeardown(say("free the context")),
	)
	if err != nil {
		log.Fatal(err)
	}
	t.Submit(func() { fmt.Println("draw") })
	t.Close()
	// Output:
	// open the window
	// make the context
	// draw
	// free the context
	// close the window
}

// A failed init leaves no Thread. Of the teardowns only those listed before it
// run: they undo what had succeeded.
func ExampleWithTeardown() {
	say := func(s string) func() error {
		return func() error { fmt.Println(s); return nil }
	}
	_, err := ste.New(
		ste.WithInit(say("open the window")), ste.WithTeardown(say("close the window")),
		ste.WithInit(func() error { return errors.New("no such device") }),
		ste.WithTeardown(say("never printed")),
	)
	fmt.Println(err)
	// Output:
	// open the window
	// close the window
	// no such device
}

// Nobody waits for a Post, so its panic goes to the error handler. Without one
// it would end the process.
func ExampleWithErrorHandler() {
	t, err := ste.New(ste.WithErrorHandler(func(err error) {
		var pe *ste.PanicError
		if errors.As(err, &pe) {
			fmt.Println("a task panicked:", pe.Value)
		}
	}))
	if err != nil {
		log.Fatal(err)
	}
	t.Post(func() { panic("out of tape") })
	t.Post(func() { fmt.Println("the Thread goes on") })
	t.Close()
	// Output:
	// a task panicked: out of tape
	// the Thread goes on
}

// The limit counts what is queued, not the task that runs.
func ExampleWithQueueLimit() {
	t, err := ste.New(ste.WithQueueLimit(1))
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	started, release := make(chan struct{}), make(chan struct{})
	t.Post(func() { close(started); <-release })
	<-started
	fmt.Println(t.Post(func() {}))
	fmt.Println(t.Post(func() {}))
	close(release)
	// Output:
	// <nil>
	// ste: queue full
}

// A panic of a task reaches the caller that waits for it.
func ExamplePanicError() {
	t, err := ste.New(ste.WithName("gl"))
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	defer func() {
		err, _ := recover().(error)
		var pe *ste.PanicError
		if errors.As(err, &pe) {
			fmt.Printf("%q panicked: %v\n", pe.Tag.Name(), pe.Value)
			fmt.Println("no such file:", errors.Is(err, os.ErrNotExist)) // looks into Value
		}
	}()
	t.Submit(func() { panic(os.ErrNotExist) })
	// Output:
	// "gl" panicked: file does not exist
	// no such file: true
}

// The call that would close a ring of waits gets an error; nothing hangs.
func ExampleErrDeadlock() {
	a, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer a.Close()
	b, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	a.Submit(func() {
		b.Submit(func() {
			err := a.Submit(func() { fmt.Println("never printed") })
			fmt.Println(errors.Is(err, ste.ErrDeadlock))
		})
	})
	// Output: true
}
