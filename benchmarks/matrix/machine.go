package main

import (
	"bufio"
	"os"
	"runtime"
	"strings"
	"time"
)

// A machine is what a table of times must be read with.
type machine struct {
	CPU       string    `json:"cpu"`
	Cores     int       `json:"cores"`
	System    string    `json:"system"`
	Go        string    `json:"go"`
	Date      time.Time `json:"date"`
	ClockRead float64   `json:"clock_read_ns"` // contained once in each latency
}

func thisMachine() machine {
	m := machine{
		CPU:    "unknown CPU",
		Cores:  runtime.NumCPU(),
		System: runtime.GOOS + "/" + runtime.GOARCH,
		Go:     runtime.Version(),
		Date:   time.Now(),
	}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	m.ClockRead = perOp(func(n int) {
		for range n {
			clock()
		}
	})
	return m
}
