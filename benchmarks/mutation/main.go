//go:build unix

// Command mutation makes small mistakes in a package, one at a time, and counts how
// many of them its tests notice:
//
//	go -C benchmarks run ./mutation            the root package, some 50 minutes
//	go -C benchmarks run ./mutation -only '^timer.go:'
//
// A mistake is a condition turned round, a statement left out, a limit moved by one,
// a sign changed or an error forgotten. Functions without preemption points
// (go:nosplit) are left alone. For each mistake the tests run that come to where it
// is, the quick ones first; what lives is then tried with the exploration of
// interleavings. docs/reliability.md has the result.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

func main() {
	dir := flag.String("dir", "..", "the package's `folder`")
	others := flag.String("tests", "../internal/trials", "more `folders` with tests of the package, separated by commas")
	only := flag.String("only", "", "only mutants whose line in -list matches this `regexp`")
	run := flag.String("run", ".", "only tests whose name matches this `regexp`")
	skip := flag.String("skip", "^TestPolicy|^Fuzz", "leave out tests whose name matches this `regexp`")
	procs := flag.Int("procs", runtime.NumCPU(), "how many at a time")
	full := flag.Bool("full", false, "run the tests that find nothing once more without -short")
	explored := flag.String("explored", "../internal/orders", "the `folder` of the exploration's tests, tried last; \"\" for none")
	list := flag.Bool("list", false, "print the mutants, and run nothing")
	flag.Parse()
	if flag.NArg() > 0 || *procs < 1 {
		fail(fmt.Errorf("-procs must be positive, and there are no arguments; see -help"))
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		fail(fmt.Errorf("-only: %w", err))
	}
	skips, err := regexp.Compile(*skip)
	if err != nil {
		fail(fmt.Errorf("-skip: %w", err))
	}
	runs, err := regexp.Compile(*run)
	if err != nil {
		fail(fmt.Errorf("-run: %w", err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)

	g, sources, err := grow(*dir)
	if err != nil {
		fail(err)
	}
	mutants := slices.DeleteFunc(g.mutants, func(m *mutant) bool { return !wanted.MatchString(m.String()) })
	if *list {
		for _, m := range mutants {
			fmt.Println(m)
		}
		return
	}
	t, err := build(*dir, strings.FieldsFunc(*others, func(r rune) bool { return r == ',' }), *explored, g.pkg.Name, sources)
	if err != nil {
		fail(err)
	}
	defer os.RemoveAll(t.tmp)
	fmt.Fprintf(os.Stderr, "mutation: %d mutants; each test by itself, to see which it comes to\n", len(mutants))
	if err := t.survey(ctx, runs, skips); err != nil {
		os.RemoveAll(t.tmp)
		fail(err)
	}
	work := make(chan *mutant)
	var workers sync.WaitGroup
	var mu sync.Mutex
	done, alive := 0, 0
	for range *procs {
		workers.Go(func() {
			for m := range work {
				how := t.try(ctx, m, *full)
				mu.Lock()
				m.how = how
				done++
				if !m.killed() {
					alive++
					fmt.Fprintf(os.Stderr, "%v\n", m)
				}
				if done%20 == 0 {
					fmt.Fprintf(os.Stderr, "mutation: %d of %d, %d alive\n", done, len(mutants), alive)
				}
				mu.Unlock()
			}
		})
	}
	for _, m := range mutants {
		if ctx.Err() == nil {
			work <- m
		}
	}
	close(work)
	workers.Wait()
	report(mutants)
}

func (m *mutant) String() string {
	s := fmt.Sprintf("%s:%d: %s", m.file, m.line, m.what)
	if m.how != "" {
		s += ": " + m.how
	}
	return s
}

func (m *mutant) killed() bool { return strings.HasPrefix(m.how, "killed") }

// report prints a line for each file and the mutants that live.
func report(mutants []*mutant) {
	fmt.Println("| file | mutants | killed | of these by a hang | only by the exploration | alive |\n|---|---|---|---|---|---|")
	line := func(name string, of func(m *mutant) bool) {
		var all, killed, hung, explored int
		for _, m := range mutants {
			if m.how == "" || !of(m) { // not tried
				continue
			}
			all++
			if m.killed() {
				killed++
			}
			switch m.how {
			case hangs:
				hung++
			case byExploring:
				explored++
			}
		}
		if all > 0 {
			fmt.Printf("| %s | %d | %d (%.1f %%) | %d | %d | %d |\n", name, all, killed, 100*float64(killed)/float64(all), hung, explored, all-killed)
		}
	}
	var names []string
	for _, m := range mutants {
		if !slices.Contains(names, m.file) {
			names = append(names, m.file)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		line(name, func(m *mutant) bool { return m.file == name })
	}
	line("all", func(*mutant) bool { return true })
	fmt.Println()
	for _, m := range mutants {
		if m.how != "" && !m.killed() {
			fmt.Println(m)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mutation:", err)
	os.Exit(2)
}
