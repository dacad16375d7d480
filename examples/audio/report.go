package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/gopxl/beep/v2"
)

// A report is what there is to tell about a run.
type report struct {
	frames int           // per block
	period time.Duration // how long a block sounds
	fast   bool

	times *hdrhistogram.Histogram // of the blocks, in nanoseconds
	late  int

	took           time.Duration
	submits, posts int64
}

// slowest is the longest time that the histogram tells apart; longer ones count
// as this long.
const slowest = time.Hour

func newReport(cfg config, rate beep.SampleRate) *report {
	return &report{
		frames: cfg.frames,
		period: rate.D(cfg.frames),
		fast:   cfg.fast,
		times:  hdrhistogram.New(1, int64(slowest), 3),
	}
}

// add counts a block that was done d after it was due, or asked for.
func (r *report) add(d time.Duration) {
	r.times.RecordValue(int64(min(max(d, 0), slowest))) // in range, so no error
	if !r.fast && d > r.period {
		r.late++
	}
}

// print writes the table, and what its columns mean.
func (r *report) print(w io.Writer) error {
	misses := strconv.Itoa(r.late)
	if r.fast {
		misses = "-"
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "blocks\tp50\tp99\tmax\tdeadline misses\tsubmits/s\tposts/s\t")
	fmt.Fprintf(t, "%d\t%v\t%v\t%v\t%s\t%.0f\t%.0f\t\n",
		r.times.TotalCount(), r.at(50), r.at(99), r.at(100), misses,
		float64(r.submits)/r.took.Seconds(), float64(r.posts)/r.took.Seconds())
	if err := t.Flush(); err != nil {
		return err
	}
	var err error
	if r.fast {
		_, err = fmt.Fprintf(w, `
p50, p99, max: from the call of Submit to the end of the block (%d frames).
There are no due times, so no deadlines, with -fast.
`, r.frames)
	} else {
		_, err = fmt.Fprintf(w, `
p50, p99, max: from when a block was due to when it was done. A block (%d frames)
is due every %v; the deadline is when the next one is due.
`, r.frames, r.period.Round(time.Microsecond))
	}
	if err == nil {
		_, err = fmt.Fprintln(w, "submits/s, posts/s: calls per second from the five goroutines that turn the knobs.")
	}
	return err
}

// at returns the time that p per cent of the blocks did not exceed.
func (r *report) at(p float64) time.Duration {
	return time.Duration(r.times.ValueAtQuantile(p)).Round(time.Microsecond)
}
