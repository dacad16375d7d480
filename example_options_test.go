package ste_test

import (
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/ste-go/ste"
)

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
