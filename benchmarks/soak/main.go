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
