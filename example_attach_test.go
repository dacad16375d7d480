package ste_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ste-go/ste"
)

// A loop that is not ours takes part once round, and is woken from its own wait.
func ExampleAttach() {
	wake := make(chan struct{}, 1) // stands for an eventfd, PostEmptyEvent ...
	waker := ste.WithWaker(func() {
		select {
		case wake <- struct{}{}:
		default: // it remembers one wake-up; that is enough
		}
	})

	threads := make(chan *ste.Thread)
	go func() { // anybody, anywhere
		t := <-threads
		n, err := ste.Call(t, func() (int, error) { return 7, nil })
		fmt.Println(n, err)
		t.Close() // ends the loop
	}()

	err := ste.Attach(func(t *ste.Thread) error {
		threads <- t
		for {
			t.RunPending()
			if t.Closed() {
				return nil
			}
			<-wake // the toolkit waits for its own events here
		}
	}, waker)
	fmt.Println(err)
	// Output:
	// 7 <nil>
	// <nil>
}

// A long task lets others in between its steps.
func ExampleThread_RunPending() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	t.Submit(func() {
		t.Post(func() { fmt.Println("somebody else's") })
		fmt.Println("first half")
		n := t.RunPending()
		fmt.Println("second half, after", n)
	})
	// Output:
	// first half
	// somebody else's
	// second half, after 1
}

// Where the loop is ours, Run is all of it.
func ExampleThread_Run() {
	ctx, cancel := context.WithCancel(context.Background())
	err := ste.Attach(func(t *ste.Thread) error {
		n := 0
		t.Every(time.Millisecond, func(ste.Tick) {
			if n++; n == 3 {
				cancel()
			}
		})
		return t.Run(ctx)
	})
	fmt.Println(err)
	// Output: context canceled
}

// A task that sleeps in a wait of its own is told when others want in.
func ExampleWithWaker() {
	wake := make(chan struct{}, 1)
	t, err := ste.New(ste.WithWaker(func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}))
	if err != nil {
		log.Fatal(err)
	}

	t.Post(func() {
		for t.RunPending(); !t.Closed(); t.RunPending() {
			<-wake // wait4, epoll ...
		}
	})
	t.Submit(func() { fmt.Println("in") })
	fmt.Println(t.Close())
	// Output:
	// in
	// <nil>
}
