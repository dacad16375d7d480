package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
)

// report calls tell every few seconds, or every half minute where nobody looks.
func (s *soak) report(stop chan struct{}, tell func()) {
	pause := 30 * time.Second
	if term.IsTerminal(int(os.Stderr.Fd())) {
		pause = 3 * time.Second
	}
	for {
		select {
		case <-stop:
			return
		case <-time.After(pause):
			tell()
		}
	}
}

// line tells how far the soak has come.
func (s *soak) line(w io.Writer) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	waited := s.n[submits].Load() + s.n[submitContexts].Load() + s.n[calls].Load()
	fmt.Fprintf(w, "%7v  Threads %d, waiting calls %d, posts %d, asyncs %d, Bounds %d, timers %d, panics %d, Goexits %d, rings %d; heap %.1f MiB, OS threads %d, worst Submit %v\n",
		time.Since(s.begun).Round(time.Second), s.n[made].Load(), waited, s.n[posts].Load(), s.n[asyncs].Load(), s.n[binds].Load(),
		s.n[timers].Load(), s.n[panics].Load(), s.n[exits].Load(), s.n[rings].Load(),
		float64(m.HeapAlloc)/(1<<20), osThreads(), time.Duration(s.worst.Swap(0)).Round(time.Microsecond))
}

// summary tells what the soak was. It reports whether all held.
func (s *soak) summary(w io.Writer) bool {
	grown := s.judge()
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(w, "soak: %v, seed %d, %d lives%s, %s, %d processors, %s %s/%s\n", time.Since(s.begun).Round(time.Second), s.seed,
		s.lives.Load(), raceText(), cpu(), runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	const columns = 3
	rows := (int(kinds) + columns - 1) / columns
	for row := range rows {
		for k := row; k < int(kinds); k += rows {
			fmt.Fprintf(tw, "%s\t%d\t", kindNames[k], s.n[k].Load())
		}
		fmt.Fprintln(tw)
	}
	tw.Flush()
	h := s.latency
	us := func(q float64) time.Duration {
		return time.Duration(h.ValueAtQuantile(q)).Round(time.Microsecond)
	}
	fmt.Fprintf(w, "Submit, with its task and all before it: median %v, 99 %% %v, 99.9 %% %v, worst %v\n", us(50), us(99), us(99.9), time.Duration(h.Max()).Round(time.Microsecond))
	if grown == nil {
		fmt.Fprintln(w, "too short to say whether anything grows")
	} else {
		fmt.Fprintf(w, "medians of the first and the last third of %d quiet points:\n", len(s.samples)-len(s.samples)/4)
		for _, t := range grown {
			fmt.Fprintf(w, "  %v\n", t)
		}
	}
	if len(s.failures) > 0 {
		fmt.Fprintf(w, "FAILED, %d or more; the first: %s\n", len(s.failures), s.failures[0])
		return false
	}
	fmt.Fprintln(w, "All held.")
	return true
}

// raceText says whether the race detector looks on.
func raceText() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "-race" && setting.Value == "true" {
				return ", race detector"
			}
		}
	}
	return ""
}

// pullEvery is which part of the tasks act in an iter.Pull, see sliceMost.
var pullEvery = func() int {
	if raceText() != "" {
		return 64
	}
	return 8
}()

// cpu names the processor.
func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown CPU"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}
