package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

// A sample is what the process holds at a quiet point: no life goes on, all that
// was forgotten has been collected.
type sample struct {
	at         time.Duration
	heap       uint64 // live bytes
	goroutines int
	threads    int // of the OS; 0 where that is not known
}

// quiet waits for the residents to come to rest and takes a sample.
func (s *soak) quiet() {
	// A P that GOMAXPROCS has taken away keeps the cleanups that a sweep has queued on
	// it until it comes back (Go 1.26: destroy in runtime/proc.go leaves p.cleanups).
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(mostProcs()))
	for _, h := range s.residents {
		s.settle(h.subject, false, 0, int64(len(s.locals)))
	}
	if s.hasFailed() {
		return
	}
	for i := range s.exhibits {
		s.exhibits[i].Store(nil)
	}
	// Ended Threads go a moment after Done, cleanups run a moment after a collection:
	// the lowest of some looks.
	var low sample
	for i := range 10 {
		runtime.GC()
		time.Sleep(2 * time.Millisecond)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		now := sample{time.Since(s.begun), m.HeapAlloc, runtime.NumGoroutine(), osThreads()}
		if i == 0 {
			low = now
		}
		low = sample{now.at, min(low.heap, now.heap), min(low.goroutines, now.goroutines), min(low.threads, now.threads)}
	}
	s.mu.Lock()
	s.samples = append(s.samples, low)
	s.mu.Unlock()
}

// osThreads is how many there are now.
func osThreads() int {
	all, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return 0
	}
	return len(all)
}

// What may grow between the first third of the samples and the last, by their
// medians. The heap wavers by some 10 KiB from one quiet point to the next; the
// runtime keeps OS threads for as many as were ever busy at one time.
const (
	heapGrowth      = 256 << 10
	goroutineGrowth = 1
	threadGrowth    = 16
)

// A trend compares the thirds.
type trend struct {
	name        string
	first, last float64 // medians
	most        float64
	allowed     float64
}

func (t trend) ok() bool { return t.last-t.first <= t.allowed }

func (t trend) String() string {
	return fmt.Sprintf("%s: %.0f, then %.0f, at most %.0f", t.name, t.first, t.last, t.most)
}

// trends leaves out a quarter of the samples, in which the process warms up.
func trends(samples []sample) []trend {
	all := samples[len(samples)/4:]
	third := max(len(all)/3, 1)
	of := func(name string, allowed float64, value func(sample) float64) trend {
		t := trend{name: name, allowed: allowed}
		var values []float64
		for _, x := range all {
			values = append(values, value(x))
		}
		t.most = slices.Max(values)
		t.first, t.last = median(values[:third]), median(values[len(values)-third:])
		return t
	}
	return []trend{
		of("live heap, KiB", heapGrowth/1024, func(x sample) float64 { return float64(x.heap) / 1024 }),
		of("goroutines", goroutineGrowth, func(x sample) float64 { return float64(x.goroutines) }),
		of("OS threads", threadGrowth, func(x sample) float64 { return float64(x.threads) }),
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// judge fails the soak if something grew.
func (s *soak) judge() []trend {
	if len(s.samples) < 4 {
		return nil
	}
	all := trends(s.samples)
	for _, t := range all {
		if !t.ok() {
			s.fail("grows: %v (%d samples, %v between the first and the last)", t, len(s.samples),
				(s.samples[len(s.samples)-1].at - s.samples[0].at).Round(time.Second))
		}
	}
	return all
}
