// Command soak uses all features of ste at once, under a random load, for as long as
// one likes, and checks the promises all the time:
//
//	scripts/soak.sh 30m
//	scripts/soak.sh -race 30m
//
// docs/reliability.md says what is checked.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"time"
)

func main() {
	seed := flag.Uint64("seed", 0, "repeats the load of the run that printed it; 0 takes a new one")
	length := flag.Duration("for", time.Minute, "how long")
	flag.Parse()
	if flag.NArg() > 0 || *length <= 0 {
		fmt.Fprintln(os.Stderr, "soak: -for must be positive, and there are no arguments; see -help")
		os.Exit(2)
	}
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	if raceText() != "" && *length > sliceMost {
		os.Exit(inSlices(*seed, *length))
	}
	fmt.Fprintf(os.Stderr, "soak: %v, seed %d%s\n", *length, *seed, raceText())
	// The first Ctrl-C ends the load, the second the program.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	s := newSoak(*seed, *length)
	s.run(ctx, func() { s.line(os.Stderr) })
	if !s.summary(os.Stdout) {
		os.Exit(1)
	}
}

// sliceMost is how long one process lasts under the race detector. Go 1.26's never
// gives back what it keeps of a coroutine (coroexit does not call racegoend): some
// 0.7 MiB for each Thread here, 19 GiB in nine minutes.
const sliceMost = 3 * time.Minute

// inSlices soaks in one process after the other, and returns the exit code of the first
// that fails.
func inSlices(seed uint64, length time.Duration) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) // the child has it too
	defer stop()
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 2
	}
	for left := length; left > 0 && ctx.Err() == nil; left -= sliceMost {
		cmd := exec.Command(self, "-seed", fmt.Sprint(seed), "-for", min(left, sliceMost).String())
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		fmt.Fprintf(os.Stderr, "soak: %v left, in processes of %v\n", left, sliceMost)
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "soak:", err)
			return 1
		}
		seed++
	}
	return 0
}
