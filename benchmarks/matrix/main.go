// Command matrix measures what a hand-off to an OS thread costs with ste, beside
// what one would write by hand.
//
//	go -C benchmarks run ./matrix          all of it, at most 15 minutes
//	go -C benchmarks run ./matrix -quick   60 seconds, to see that it runs
//
// The README beside this module says how to read the result.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"time"
)

// flags are what the command line says.
type flags struct {
	quick, json bool
	jitter      bool
	rivals      bool
	pictures    string         // a folder
	redraw      string         // a folder
	cells       *regexp.Regexp // nil for all
	who         []contestant   // the strategies
}

// parse returns flag.ErrHelp when help was asked for, and given.
func parse(args []string, help io.Writer) (flags, error) {
	var f flags
	set := flag.NewFlagSet("matrix", flag.ContinueOnError)
	set.SetOutput(io.Discard) // an error is told once, by main
	set.BoolVar(&f.quick, "quick", false, "measure for a minute only, for CI")
	set.BoolVar(&f.json, "json", false, "print JSON")
	set.BoolVar(&f.jitter, "jitter", false, "measure how late ticks are, in 4 minutes, and nothing else")
	set.BoolVar(&f.rivals, "rivals", false, "measure the cells with the rivals, in half a minute, and nothing else")
	set.StringVar(&f.pictures, "pictures", "", "write pictures into this `folder`, and beside each what it shows")
	set.StringVar(&f.redraw, "redraw", "", "draw the pictures of this `folder` again, and measure nothing")
	cells := set.String("cells", "", "measure only cells whose name matches this `regexp`, as in procs=2/busy=0/gc=quiet/gap=none/callers=1, and nothing else")
	wait := set.String("wait", "", "comma-separated `list` of wait strategies: "+strategyNames()+" (default all)")
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(help, "Measures what a hand-off to an OS thread costs with ste. Flags:")
			set.SetOutput(help)
			set.PrintDefaults()
		}
		return f, fmt.Errorf("%w; see -help", err)
	}
	if set.NArg() > 0 {
		return f, fmt.Errorf("unexpected argument %q; see -help", set.Arg(0))
	}
	if *cells != "" {
		re, err := regexp.Compile(*cells)
		if err != nil {
			return f, fmt.Errorf("-cells: %w", err)
		}
		f.cells = re
		if f.rivals {
			return f, errors.New("-rivals measures cells of its own; leave out -cells")
		}
	}
	f.who = strategies
	if *wait != "" {
		f.who = nil
		for _, name := range strings.Split(*wait, ",") {
			found := false
			for _, s := range strategies {
				if s.name == name {
					f.who, found = append(f.who, s), true
				}
			}
			if !found {
				return f, fmt.Errorf("-wait: no strategy %q; there are %s", name, strategyNames())
			}
		}
	}
	return f, nil
}

// A step is a part of the run, for the progress bar.
type step struct {
	name string
	run  func() error
}

// steps lists all there is to do, in order. Each puts what it has measured into
// the report.
func (r *report) steps(ctx context.Context, f flags) (steps []step, err error) {
	p := wholePace
	if f.quick {
		p = quickPace
	}
	var cells []cell
	for _, c := range allCells() {
		if f.cells == nil || f.cells.MatchString(c.String()) {
			cells = append(cells, c)
		}
	}
	if len(cells) == 0 {
		return nil, fmt.Errorf("-cells: no cell matches %q; one is %s", f.cells, hotCell)
	}
	if f.rivals {
		cells = nil
	}
	// Slow cells cannot keep to their share of the time; the cells after them
	// get less then.
	var spent time.Duration
	who := append([]contestant{baseline, twin}, f.who...)
	for i, c := range cells {
		steps = append(steps, step{c.String(), func() error {
			from := time.Now()
			left := p.cell*time.Duration(len(cells)) - spent
			row, err := measure(ctx, c, who, p, left/time.Duration(len(cells)-i))
			spent += time.Since(from)
			if row != nil {
				row.hists = nil
				r.Cells = append(r.Cells, row)
			}
			return err
		}})
	}
	if f.cells != nil {
		return steps, nil
	}
	withRivals := append([]contestant{baseline, twin, strategies[0]}, rivals...)
	for _, c := range rivalCells() {
		steps = append(steps, step{"rivals " + c.String(), func() error {
			row, err := measure(ctx, c, withRivals, p, p.rival)
			if row != nil {
				r.Rivals = append(r.Rivals, row)
			}
			return err
		}})
	}
	if f.rivals {
		return steps, nil
	}
	return append(steps,
		step{"C limits", func() (err error) { r.Limit, err = measureLimit(ctx, p); return }},
		step{"Post, bursts, 1 producer", func() error { return r.post(ctx, 1, burst, p) }},
		step{"Post, bursts, 8 producers", func() error { return r.post(ctx, 8, burst, p) }},
		step{"Post, streams, 1 producer", func() error { return r.post(ctx, 1, stream, p) }},
		step{"Post, streams, 8 producers", func() error { return r.post(ctx, 8, stream, p) }},
		step{"1,000 submits a second", func() error { return r.Upkeep.measurePaced(ctx, 2*p.extra) }},
		step{"100 idle Threads", func() error { return r.Upkeep.measureIdle(ctx, p.idle) }},
		step{"New + Close", func() error { return r.Upkeep.measureNew(ctx, p.extra) }},
		step{"memory", r.Upkeep.measureHeap},
		step{"operations", func() (err error) { r.Operations, err = measureOperations(); return }},
	), nil
}

func (r *report) post(ctx context.Context, producers, posts int, p pace) error {
	row, err := measurePost(ctx, producers, posts, p.extra)
	if row != nil {
		r.Post = append(r.Post, row)
	}
	return err
}

func run(ctx context.Context, args []string) error {
	f, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	if f.redraw != "" {
		return redraw(f.redraw)
	}
	if f.pictures != "" {
		// Not after a quarter of an hour.
		if err := os.MkdirAll(f.pictures, 0o777); err != nil {
			return fmt.Errorf("-pictures: %w", err)
		}
	}
	if f.jitter {
		return jitter(ctx, f, os.Stdout)
	}
	r := &report{Machine: thisMachine(), Quick: f.quick}
	steps, err := r.steps(ctx, f)
	if err != nil {
		return err
	}
	failed := r.measureAll(ctx, steps)
	r.finish()
	if f.cells != nil || f.rivals {
		r.Figures = nil // they are about the whole
	}
	return errors.Join(failed, r.write(f))
}

// measureAll runs the steps. What was measured before an error or a Ctrl-C stays
// in the report.
func (r *report) measureAll(ctx context.Context, steps []step) error {
	bar := newBar(len(steps))
	defer bar.Clear()
	for _, s := range steps {
		bar.Describe(fmt.Sprintf("%-58s", s.name))
		if err := s.run(); err != nil {
			r.Interrupted = true
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if ctx.Err() != nil {
			r.Interrupted = true
			return nil
		}
		_ = bar.Add(1) // it only shows
	}
	return nil
}

// write puts the report where the flags say.
func (r *report) write(f flags) error {
	var pictures error
	if f.pictures != "" {
		if err := r.draw(f.pictures); err != nil {
			pictures = fmt.Errorf("pictures: %w", err)
		}
	}
	if f.json {
		return errors.Join(pictures, r.writeJSON(os.Stdout))
	}
	return errors.Join(pictures, r.writeText(os.Stdout))
}

func main() {
	// The first Ctrl-C ends the measuring, the second the program.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}
