package ste_test

import (
	"context"
	"errors"
	"fmt"
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
