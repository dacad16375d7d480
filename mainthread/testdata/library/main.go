// A library for C in which mainthread.Run cannot work; host has its C program.
package main

import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/mainthread"
)

func init() { try("initialiser") }

// try prints what Run panics with.
func try(where string) {
	defer func() { fmt.Printf("%s: %v\n", where, recover()) }()
	mainthread.Run(func(*ste.Thread) { fmt.Println("f ran") })
}

//export steRun
func steRun() {
	try("call")
	done := make(chan struct{})
	go func() {
		defer close(done)
		try("goroutine")
	}()
	<-done
}

//export steAttach
func steAttach() {
	err := ste.Attach(func(t *ste.Thread) error {
		submitted := make(chan error, 1)
		go func() {
			submitted <- t.Submit(func() {
				// Only Linux knows C's main thread for the process's first one.
				fmt.Println("Attach: on the main thread:", osthread.IsStartup() || runtime.GOOS != "linux")
			})
			t.Close()
		}()
		return errors.Join(t.Run(context.Background()), <-submitted)
	})
	if err != nil {
		fmt.Println(err)
	}
}

func main() { fmt.Println("func main of a library ran") }
