// A library for C whose Threads wait in the kernel; host has its C program.
package main

import "C"

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ste-go/ste"
)

func orDie(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// use calls th in several ways, with pauses in which it falls asleep.
func use(th *ste.Thread) {
	n := 0
	for i := range 50 {
		orDie(th.Submit(func() { n++ }))
		orDie(th.Post(func() { n++ }))
		rang := make(chan struct{})
		_, err := th.AfterFunc(200*time.Microsecond, func() { n++; close(rang) })
		orDie(err)
		<-rang
		orDie(th.Submit(func() { n++ }))
		if n != 4*(i+1) {
			orDie(fmt.Errorf("%d ran and not %d", n, 4*(i+1)))
		}
	}
}

// steServe makes a Thread, uses it and closes it.
//
//export steServe
func steServe() {
	th, err := ste.New(ste.WithWaitStrategy(ste.WaitKernel))
	orDie(err)
	use(th)
	orDie(th.Close())
	fmt.Println("served")
}

// steAttach makes the calling thread of C's a Thread.
//
//export steAttach
func steAttach() {
	orDie(ste.Attach(func(th *ste.Thread) error {
		go func() { use(th); th.Close() }()
		if err := th.Run(context.Background()); !errors.Is(err, ste.ErrClosed) {
			return err
		}
		return nil
	}, ste.WithWaitStrategy(ste.WaitKernel)))
	fmt.Println("attached")
}

// steLeave leaves a Thread asleep.
//
//export steLeave
func steLeave() {
	th, err := ste.New(ste.WithWaitStrategy(ste.WaitKernel))
	orDie(err)
	use(th)
	fmt.Println("left asleep")
}

func main() {}
