package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A bystander is a goroutine that has nothing to do with a Thread and wants to run
// every millisecond, beside a Thread and a caller that keep two processors busy. watch
// calls late with the nanoseconds that it came too late, until over says so.
type bystander struct {
	name  string
	start func() (watch func(over func() bool, late func(ns int64)) error, end func(), err error)
}

// beat is how often a bystander wants to run.
const beat = time.Millisecond

var bystanders = []bystander{
	{"a timer of 1 ms", startTimer},
	{"a pipe from another process", startPipe},
}

func startTimer() (func(func() bool, func(int64)) error, func(), error) {
	return func(over func() bool, late func(int64)) error {
		timer := time.NewTimer(beat)
		defer timer.Stop()
		for !over() {
			due := clock() + int64(beat)
			timer.Reset(beat)
			<-timer.C
			late(clock() - due)
		}
		return nil
	}, func() {}, nil
}

// startPipe starts a process that writes the time into a pipe at each beat. What was
// written before a watch is not late, but old.
func startPipe() (func(func() bool, func(int64)) error, func(), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	child := exec.Command(self)
	child.Env = append(os.Environ(), metronomeVariable+"=1")
	child.Stdout, child.Stderr = w, os.Stderr
	err = child.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, nil, err
	}
	end := func() {
		r.Close() // it ends when it cannot write any more
		_ = child.Wait()
	}
	return func(over func() bool, late func(int64)) error {
		from := time.Now().UnixNano()
		var stamp [8]byte
		for !over() {
			if _, err := io.ReadFull(r, stamp[:]); err != nil {
				return fmt.Errorf("the process that writes the time: %w", err)
			}
			if at := int64(binary.NativeEndian.Uint64(stamp[:])); at >= from {
				late(time.Now().UnixNano() - at)
			}
		}
		return nil
	}, end, nil
}

// metronomeVariable is set in the environment of the process that writes the time.
const metronomeVariable = "STE_MATRIX_METRONOME"

// metronome is that process.
func metronome(w io.Writer) {
	var stamp [8]byte
	for {
		time.Sleep(beat)
		binary.NativeEndian.PutUint64(stamp[:], uint64(time.Now().UnixNano()))
		if _, err := w.Write(stamp[:]); err != nil {
			return
		}
	}
}

// measureBystander compares how late a bystander comes beside each contestant.
func measureBystander(ctx context.Context, b bystander, who []contestant, p pace) (*cellResult, error) {
	watch, end, err := b.start()
	if err != nil {
		return nil, err
	}
	defer end()
	rec := newRecorder()
	return contest(ctx, newRow(b.name, hotCell), who, p.rounds, 2*p.extra, func(who contestant, total *hdrhistogram.Histogram) (sample, error) {
		return rec.bystand(who, 6*p.round, watch, total)
	})
}

// bystand is a round: what its sample has are the bystander's delays.
func (r *recorder) bystand(who contestant, d time.Duration, watch func(func() bool, func(int64)) error, total *hdrhistogram.Histogram) (sample, error) {
	x, err := who.open()
	if err != nil {
		return sample{}, fmt.Errorf("cannot open %s: %w", who.name, err)
	}
	defer x.close()
	var over atomic.Bool
	var pair sync.WaitGroup
	pair.Go(func() {
		task := func() {}
		for !over.Load() {
			x.submit(task)
		}
	})
	r.round.Reset()
	var sum int64
	n, cpu, until := 0, cpuTime(), clock()+int64(d)
	err = watch(func() bool { return clock() >= until }, func(ns int64) {
		sum += max(ns, 1)
		n++
		record(r.round, ns)
	})
	cpu = cpuTime() - cpu
	over.Store(true)
	pair.Wait()
	if err == nil && n == 0 {
		err = errors.New("the bystander did not run once")
	}
	if err != nil {
		return sample{}, err
	}
	return r.sample(n, sum, cpu, total), nil
}

// bystanderFigures asks that the p90 is not lost.
func (r *report) bystanderFigures(who string) (all []figure) {
	for _, b := range bystanders {
		name, want := "beside a busy pair: "+b.name, "p90 not lost"
		if row := find(r.Bystanders, b.name); row != nil {
			if s, ok := row.find(who); ok {
				base, _ := row.find(baselineName)
				all = append(all, judged(name, want, s.Tail != lost, "p90 %s against %s, ratio %.2f: %s",
					short(float64(s.P90)), short(float64(base.P90)), s.P90s, s.Tail))
				continue
			}
		}
		all = append(all, figure{name, want, "-", notMeasured})
	}
	return all
}
