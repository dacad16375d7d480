package mainthread_test

import (
	"fmt"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/mainthread"
)

// A program's func main hands the main thread over and goes on, as another
// goroutine, in the function it passes.
func Example() {
	// In func main:
	mainthread.Run(func(t *ste.Thread) {
		title := "hello"
		err := t.Submit(func() {
			fmt.Println("opens the window on the main thread:", title)
		})
		if err != nil {
			fmt.Println(err)
		}
	}, ste.WithTeardown(func() error {
		fmt.Println("closes it there")
		return nil
	}))
}
