package main

import (
	"fmt"
	"strings"
)

// A figure is something that ste must reach.
type figure struct {
	Name    string `json:"name"`
	Want    string `json:"want"`
	Got     string `json:"got"`
	Verdict string `json:"verdict"`
}

const (
	reached     = "reached"
	notReached  = "NOT reached"
	notMeasured = "not measured"
)

func judged(name, want string, ok bool, got string, args ...any) figure {
	f := figure{name, want, fmt.Sprintf(got, args...), notReached}
	if ok {
		f.Verdict = reached
	}
	return f
}

// figures compares the report with what must be reached. What the run did not
// get to is said to be missing, never left out.
func (r *report) figures() (all []figure) {
	missing := func(name, want string) { all = append(all, figure{name, want, "-", notMeasured}) }
	add := func(f figure) { all = append(all, f) }
	def := r.About

	atLeast := func(name string, c cell, want float64) {
		text := fmt.Sprintf(">= %gx", want)
		if s, ok := r.summaryOf(c, def); ok {
			add(judged(name, text, s.Median >= want, "%.2fx (p50 %.2fx)", s.Median, s.P50s))
		} else {
			missing(name, text)
		}
	}
	eight, work := hotCell, hotCell
	eight.callers, work.gap = 8, gaps[1]
	atLeast("hot: procs=2, idle, no gap, 1 caller", hotCell, 40)
	if l := r.Limit; l != nil && l.sound() {
		add(judged("hot, against C spin ping-pong", "<= 3x", l.Ratio <= 3, "%.1fx (%s against %s)", l.Ratio, short(l.Ste), short(l.Spin)))
	} else {
		missing("hot, against C spin ping-pong", "<= 3x")
	}
	atLeast("20 us gap, procs=2, idle, 1 caller", work, 3)
	atLeast("8 callers, procs=2, idle, no gap", eight, 5)

	if t, ok := r.Totals[def]; ok && len(r.Cells) == len(allCells()) {
		add(judged("cells lost", "0", t.Lost == 0, "%d of %d", t.Lost, t.Cells))
		add(judged("geometric mean of the matrix", ">= 3x", t.Geomean >= 3, "%.2fx", t.Geomean))
	} else {
		missing("cells lost", "0")
		missing("geometric mean of the matrix", ">= 3x")
	}

	all = append(all, r.pauseFigures(def)...)
	all = append(all, r.burstFigures(def)...)
	all = append(all, r.rateFigures(def)...)
	all = append(all, r.bystanderFigures(def)...)
	u := r.Upkeep
	if u.IdleTime > 0 && cpuKnown {
		add(judged("100 idle Threads", "< 0.1 % of a core", u.Idle < 0.001, "%.3f %% over %.0f s", 100*u.Idle, u.IdleTime))
	} else {
		missing("100 idle Threads", "< 0.1 % of a core")
	}
	for _, p := range r.Post {
		want := 3.0
		if p.Producers > 1 {
			want = 5
		}
		add(judged(p.String(), fmt.Sprintf(">= %gx", want), p.Ratio >= want, "%.2fx", p.Ratio))
	}
	if len(r.Post) == 0 {
		missing("Post, 1 producer", ">= 3x")
		missing("Post, 8 producers", ">= 5x")
	}

	var allocating, measured []string
	for _, op := range r.Operations {
		if op.noHeap {
			measured = append(measured, op.Name)
			if op.Allocs >= 0.01 { // the runtime itself allocates now and then
				allocating = append(allocating, fmt.Sprintf("%s %.2f", op.Name, op.Allocs))
			}
		}
	}
	if len(measured) > 0 {
		got := "none"
		if len(allocating) > 0 {
			got = strings.Join(allocating, ", ")
		}
		add(judged("allocations of "+strings.Join(measured, ", "), "0", len(allocating) == 0, "%s", got))
	} else {
		missing("allocations of Submit, SubmitContext, Post, Tagged.Get, Local.Get", "0")
	}
	for _, op := range r.Operations {
		if op.maxNS > 0 {
			add(judged(op.Name, fmt.Sprintf("<= %g ns", op.maxNS), op.NS <= op.maxNS, "%.1f ns", op.NS))
		}
	}
	if u.NewRounds > 0 {
		add(judged("New + Close", "no slower than by hand", u.NewRatio*u.NewSpread >= 1, "%.2fx (A/A spread %.2f)", u.NewRatio, u.NewSpread))
	} else {
		missing("New + Close", "no slower than by hand")
	}
	if u.Heap != 0 {
		add(judged("Go heap of a Thread", "<= 1024 B", u.Heap <= 1024, "%.0f B", u.Heap))
	} else {
		missing("Go heap of a Thread", "<= 1024 B")
	}
	return all
}

// pauseFigures are about single calls after a pause, two of the matrix's gaps.
func (r *report) pauseFigures(who string) (all []figure) {
	for _, goal := range []struct {
		gap       gap
		p50, mean float64 // mean 0: not lost
	}{{gaps[2], 2, 1.2}, {gaps[3], 1.5, 0}} {
		for _, procs := range []int{2, 4} {
			c := cell{procs: procs, gap: goal.gap, callers: 1}
			name := fmt.Sprintf("a call after %s, procs=%d, idle: ", goal.gap.name, procs)
			half, mean := fmt.Sprintf(">= %gx", goal.p50), fmt.Sprintf(">= %gx", goal.mean)
			if goal.mean == 0 {
				mean = "not lost"
			}
			s, ok := r.summaryOf(c, who)
			if !ok {
				all = append(all, figure{name + "p50", half, "-", notMeasured}, figure{name + "mean", mean, "-", notMeasured})
				continue
			}
			held := s.Verdict != lost
			if goal.mean > 0 {
				held = s.Median >= goal.mean
			}
			all = append(all, judged(name+"p50", half, s.P50s >= goal.p50, "%.2fx", s.P50s),
				judged(name+"mean", mean, held, "%.2fx, %s", s.Median, s.Verdict))
		}
	}
	return all
}
