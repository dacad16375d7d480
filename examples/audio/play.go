package main

import (
	"cmp"
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// play runs the whole sound through the worker and into out, while the hands
// are at the knobs. When it returns nobody uses the worker any more.
func play(ctx context.Context, cfg config, src *source, w *worker, out *output, bar *bar) (*report, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	c := newClock(cfg.fast)
	d := &desk{thread: w.thread, chain: w.chain, bar: bar}
	hands, ctx := errgroup.WithContext(ctx)
	for _, h := range d.hands() {
		hands.Go(func() error { return h.work(ctx, c) })
	}

	rep := newReport(cfg, src.format.SampleRate)
	err := pace(ctx, c, src, w, out, rep)
	rep.took = time.Since(c.start)
	stop()
	err = cmp.Or(hands.Wait(), err)
	rep.submits, rep.posts = d.submits.Load(), d.posts.Load()
	return rep, err
}

// pace is what a sound card does: when the time of a block has come, it asks for
// the block.
func pace(ctx context.Context, c *clock, src *source, w *worker, out *output, rep *report) error {
	rate := src.format.SampleRate
	for at := 0; at < src.frames; at += rep.frames {
		due := rate.D(at)
		if !c.waitSharp(ctx, due) {
			return ctx.Err()
		}
		n := min(rep.frames, src.frames-at)
		block, err := out.buffer(n)
		if err != nil {
			return err
		}
		from := c.start.Add(due)
		if c.fast {
			from = time.Now()
		}
		done, err := w.block(block)
		if err != nil {
			return err
		}
		rep.add(done.Sub(from))
		out.put(block)
		c.reach(rate.D(at + n))
	}
	return nil
}
