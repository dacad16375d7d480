package main

import (
	"fmt"
	"time"
)

// A cell is one condition under which the contestants are compared.
type cell struct {
	procs   int // GOMAXPROCS
	busy    int // goroutines that never stop computing
	storm   bool
	gap     gap
	callers int
}

// A gap is what a caller does between two submits.
type gap struct {
	name  string
	work  time.Duration // computes that long
	sleep time.Duration // sleeps that long
}

var gaps = []gap{
	{name: "none"},
	{name: "20us-work", work: 20 * time.Microsecond},
	{name: "200us-sleep", sleep: 200 * time.Microsecond},
	{name: "2ms-sleep", sleep: 2 * time.Millisecond},
}

// hotCell is where work flows without a pause on an idle machine: the cell that
// a hand-off between two awake threads is all about.
var hotCell = cell{procs: 2, gap: gaps[0], callers: 1}

// allCells is the matrix.
func allCells() (cells []cell) {
	for _, procs := range []int{1, 2, 4} {
		for _, busy := range []int{0, 1, 2} {
			for _, storm := range []bool{false, true} {
				for _, gap := range gaps {
					for _, callers := range []int{1, 8} {
						cells = append(cells, cell{procs, busy, storm, gap, callers})
					}
				}
			}
		}
	}
	return cells
}

// rivalCells are the cells in which the rivals run too: idle, quiet, two
// processors. Elsewhere a pool of unlocked goroutines says nothing about the
// price of a locked thread.
func rivalCells() (cells []cell) {
	for _, g := range gaps[:2] {
		for _, callers := range []int{1, 8} {
			cells = append(cells, cell{procs: 2, gap: g, callers: callers})
		}
	}
	return cells
}

func (c cell) gc() string {
	if c.storm {
		return "storm"
	}
	return "quiet"
}

// String is the name that -cells matches.
func (c cell) String() string {
	return fmt.Sprintf("procs=%d/busy=%d/gc=%s/gap=%s/callers=%d", c.procs, c.busy, c.gc(), c.gap.name, c.callers)
}
