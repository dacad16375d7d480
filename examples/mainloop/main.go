//go:build linux

// Command mainloop makes a host's own event loop, the kind that a GUI toolkit has, a
// Thread: it sleeps in epoll as before, and others reach it there.
//
//	go run ./examples/mainloop
package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintf(os.Stderr, "mainloop: unexpected argument %q; there are none\n", os.Args[1])
		os.Exit(1)
	}
	done := progress(os.Stderr, columns*column+idleFor+busyFor)
	rep, err := run()
	done()
	if err == nil {
		_, err = fmt.Print(rep)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mainloop:", err)
		os.Exit(1)
	}
}

// How long the two halves of the comparison take.
const idleFor, busyFor = time.Second, 1500 * time.Millisecond

// A report is all that there is to see.
type report struct {
	shown *shown
	rows  []*row
}

func run() (r report, err error) {
	if r.shown, err = show(); err != nil {
		return r, err
	}
	r.rows, err = compare(idleFor, busyFor)
	return r, err
}

func (r report) String() string {
	var b strings.Builder
	r.shown.print(&b)
	fmt.Fprintln(&b)
	printRows(&b, r.rows, idleFor)
	return b.String()
}

// progress shows on a terminal how much of the time has passed, until it is called
// off. Anything else, a file or a pipe, is left alone.
func progress(f *os.File, total time.Duration) (done func()) {
	if !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	bar := progressbar.NewOptions64(total.Milliseconds(),
		progressbar.OptionSetWriter(f),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionClearOnFinish(),
	)
	begun := time.Now()
	off, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C: // a terminal that does not take it is no reason to stop
				passed := min(time.Since(begun), total-time.Millisecond)
				bar.Describe(fmt.Sprintf("%.1f s passed, %.1f s left ", passed.Seconds(), (total - passed).Seconds()))
				_ = bar.Set64(passed.Milliseconds())
			case <-off:
				_ = bar.Clear()
				return
			}
		}
	}()
	return func() { close(off); <-over }
}
