// Command matrix measures what a hand-off to an OS thread costs with ste, beside
// what one would write by hand.
//
//	go -C benchmarks run ./matrix          all of it, some 25 minutes
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
	"slices"
	"strings"
	"time"
)

// flags are what the command line says.
type flags struct {
	quick, json bool
	jitter      bool
	only        map[string]bool // kinds of rows, none for all
	long        int             // how many times as long as usual
	pictures    string          // a folder
	redraw      string          // a folder
	cells       *regexp.Regexp  // nil for all
	who         []contestant    // the strategies
	few         []contestant    // those of the rows that usually run only the default; the figures are about the first
}

// kinds are the rows that can be measured alone. The matrix can, by -cells.
var kinds = []struct{ name, what string }{
	{"rivals", "the cells with the rivals, in half a minute"},
	{"pauses", "single calls after a pause beside two C threads, in 15 seconds"},
	{"bursts", "bursts of calls after a pause, in 6 minutes (or those of -cells, as in burst=10/procs=2/busy=0/gap=20ms-sleep)"},
	{"series", "a caller that goes round 8 threads, in 15 seconds"},
	{"rates", "the processor time at 1 to 1,000 submits a second, in 2 minutes"},
	{"bystanders", "how late others are beside a busy pair, in half a minute"},
}

// parse returns flag.ErrHelp when help was asked for, and given.
func parse(args []string, help io.Writer) (flags, error) {
	f := flags{only: map[string]bool{}, who: strategies, few: strategies[:1]}
	set := flag.NewFlagSet("matrix", flag.ContinueOnError)
	set.SetOutput(io.Discard) // an error is told once, by main
	set.BoolVar(&f.quick, "quick", false, "measure for a minute only, for CI")
	set.BoolVar(&f.json, "json", false, "print JSON")
	set.BoolVar(&f.jitter, "jitter", false, "measure how late ticks are, in 4 minutes, and nothing else")
	asked := map[string]*bool{}
	for _, k := range kinds {
		asked[k.name] = set.Bool(k.name, false, "measure "+k.what+", and nothing else")
	}
	set.IntVar(&f.long, "long", 1, "measure `n` times as long, for ratios that scatter less")
	set.StringVar(&f.pictures, "pictures", "", "write pictures into this `folder`, and beside each what it shows")
	set.StringVar(&f.redraw, "redraw", "", "draw the pictures of this `folder` again, and measure nothing")
	cells := set.String("cells", "", "measure only cells whose name matches this `regexp`, as in procs=2/busy=0/gc=quiet/gap=none/callers=1, and nothing else")
	wait := set.String("wait", "", "comma-separated `list` of wait strategies: "+strategyNames()+" (default all; "+strategies[0].name+" where only one is measured); the figures are about the first")
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
	for name, on := range asked {
		if *on {
			f.only[name] = true
		}
	}
	if *cells != "" {
		re, err := regexp.Compile(*cells)
		if err != nil {
			return f, fmt.Errorf("-cells: %w", err)
		}
		f.cells = re
		if len(f.only) == 0 {
			f.only["matrix"] = true
		} else if !f.only["bursts"] {
			return f, errors.New("-cells narrows the matrix and -bursts only")
		}
	}
	if f.long < 1 {
		return f, fmt.Errorf("-long %d: at least 1", f.long)
	}
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
		f.few = f.who
	}
	return f, nil
}

// measures says that rows of this kind are asked for.
func (f flags) measures(kind string) bool { return len(f.only) == 0 || f.only[kind] }

// matches says that a cell is asked for; usual, that it is measured if none is named.
func (f flags) matches(cell fmt.Stringer, usual bool) bool {
	if f.cells == nil {
		return usual
	}
	return f.cells.MatchString(cell.String())
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
	p = p.times(f.long)
	row := func(name string, to *[]*cellResult, run func() (*cellResult, error)) {
		steps = append(steps, step{name, func() error {
			row, err := run()
			if row != nil {
				if to != &r.Rivals { // whose pictures are drawn
					row.hists = nil
				}
				*to = append(*to, row)
			}
			return err
		}})
	}
	few, all := append([]contestant{baseline, twin}, f.few...), append([]contestant{baseline, twin}, f.who...)
	if f.measures("matrix") {
		var shared allowance
		for _, c := range allCells() {
			if f.matches(c, true) {
				shared.add(p.cell)
				row(c.String(), &r.Cells, func() (*cellResult, error) {
					return shared.spend(p.cell, func(budget time.Duration) (*cellResult, error) { return measure(ctx, c, all, p, budget) })
				})
			}
		}
	}
	if f.measures("rivals") {
		withRivals := append([]contestant{baseline, twin, strategies[0]}, rivals...)
		for _, c := range rivalCells() {
			row("rivals "+c.String(), &r.Rivals, func() (*cellResult, error) { return measure(ctx, c, withRivals, p, p.rival) })
		}
	}
	if f.measures("pauses") {
		for _, g := range gaps[2:] {
			row("a call after "+g.name, &r.Pauses, func() (*cellResult, error) { return measurePause(ctx, g, few, p) })
		}
	}
	if f.measures("bursts") {
		var shared allowance
		for _, c := range burstCells() {
			if f.matches(c, c.usual() && (!f.quick || c.quick())) {
				share := p.share(c.time)
				shared.add(share)
				row(c.String(), &r.Bursts, func() (*cellResult, error) {
					return shared.spend(share, func(budget time.Duration) (*cellResult, error) { return measureBursts(ctx, c, few, budget) })
				})
			}
		}
	}
	if f.measures("series") {
		for _, procs := range []int{2, 4} {
			row("threads in turn", &r.Series, func() (*cellResult, error) { return measureSeries(ctx, procs, few, p) })
		}
	}
	if f.measures("rates") {
		for _, rate := range rates {
			if !f.quick || rate.quick() {
				row(rate.String(), &r.Rates, func() (*cellResult, error) { return measureRate(ctx, rate, all, p) })
			}
		}
	}
	if f.measures("bystanders") {
		for _, b := range bystanders {
			row("bystander: "+b.name, &r.Bystanders, func() (*cellResult, error) { return measureBystander(ctx, b, few, p) })
		}
	}
	if len(f.only) > 0 {
		if len(steps) == 0 {
			one := hotCell.String()
			if f.only["bursts"] {
				one = burstCells()[0].String()
			}
			return nil, fmt.Errorf("-cells: no cell matches %q; one is %s", f.cells, one)
		}
		return steps, nil
	}
	return append(steps,
		step{"C limits", func() (err error) { r.Limit, err = measureLimit(ctx, f.few[0], p); return }},
		step{"Post, bursts, 1 producer", func() error { return r.post(ctx, 1, burst, p) }},
		step{"Post, bursts, 8 producers", func() error { return r.post(ctx, 8, burst, p) }},
		step{"Post, streams, 1 producer", func() error { return r.post(ctx, 1, stream, p) }},
		step{"Post, streams, 8 producers", func() error { return r.post(ctx, 8, stream, p) }},
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
	r := &report{Machine: thisMachine(), Quick: f.quick, About: f.few[0].name}
	steps, err := r.steps(ctx, f)
	if err != nil {
		return err
	}
	failed := r.measureAll(ctx, steps)
	r.finish()
	if len(f.only) > 0 {
		r.Figures = slices.DeleteFunc(r.Figures, func(f figure) bool { return f.Got == "-" })
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
	if os.Getenv(metronomeVariable) != "" {
		metronome(os.Stdout)
		return
	}
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
