package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// A report is all that a run has measured. A run that was interrupted leaves
// out the rest.
type report struct {
	Machine     machine          `json:"machine"`
	Quick       bool             `json:"quick"`
	Interrupted bool             `json:"interrupted"`
	Seconds     float64          `json:"seconds"`
	Cells       []*cellResult    `json:"cells"`
	Totals      map[string]total `json:"totals"`
	Rivals      []*cellResult    `json:"rivals"`
	Limit       *climit          `json:"c_limits"`
	Pauses      []*cellResult    `json:"calls_after_a_pause"`
	Bursts      []*cellResult    `json:"bursts"`
	Series      []*cellResult    `json:"threads_in_turn"`
	Rates       []*cellResult    `json:"rates"`
	Bystanders  []*cellResult    `json:"bystanders"` // times are their delays
	Post        []*postRow       `json:"post"`
	Upkeep      upkeep           `json:"upkeep"`
	Operations  []operation      `json:"operations"`
	About       string           `json:"figures_about"` // the strategy
	Figures     []figure         `json:"figures"`
}

// A total sums up the cells for one contestant.
type total struct {
	Cells   int     `json:"cells"`
	Won     int     `json:"won"`
	Held    int     `json:"held"`
	Unclear int     `json:"unclear"`
	Lost    int     `json:"lost"`
	Geomean float64 `json:"geomean"`        // of the cells' medians
	P50     float64 `json:"geomean_of_p50"` // of the cells' p50 ratios
}

// finish derives what follows from the rows.
func (r *report) finish() {
	r.Totals = map[string]total{}
	byName, p50s := map[string]ratios{}, map[string]ratios{}
	for _, row := range r.Cells {
		for _, s := range row.Results {
			t := r.Totals[s.Who]
			t.Cells++
			switch s.Verdict {
			case won:
				t.Won++
			case held:
				t.Held++
			case unclear:
				t.Unclear++
			case lost:
				t.Lost++
			}
			r.Totals[s.Who] = t
			byName[s.Who] = append(byName[s.Who], s.Median)
			p50s[s.Who] = append(p50s[s.Who], s.P50s)
		}
	}
	for name, t := range r.Totals {
		t.Geomean, t.P50 = byName[name].geomean(), p50s[name].geomean()
		r.Totals[name] = t
	}
	r.Seconds = time.Since(r.Machine.Date).Seconds()
	r.Figures = r.figures()
}

// summaryOf finds a contestant's row of a cell.
func (r *report) summaryOf(c cell, who string) (summary, bool) {
	for _, row := range r.Cells {
		if row.cell == c {
			return row.find(who)
		}
	}
	return summary{}, false
}

func (r *report) writeJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

const legend = `Each time is one blocking round trip: caller, thread, caller. ste's and the baseline's threads are
locked to an OS thread. The baseline is LockOSThread and an unbuffered channel of {closure, done channel
from a pool}. ratio is its time divided by ste's (2 is twice as fast, of the mean of a round), as the
median / the geometric mean over the rounds; r50 and r90 the same of the p50 and p90 (geometric mean),
rcpu of the processor time (median). Contestants take turns round by round, each with a fresh thread, and
who goes first changes. p50, p90, p99, p99.9 and max are over all rounds; with fewer than 1,000 submits
p99.9 is the maximum. cpu is CPU time of the process for each submit, the cell's own load included. A/A is
the spread of the baseline against itself. A cell is lost beyond 1.1 times that, by the median and by the
geometric mean; "unclear" when only one says so. Two verdicts are of the means and of the p90.
`

func (r *report) writeText(w io.Writer) error {
	m := r.Machine
	fmt.Fprintf(w, "%s, %d cores, %s, %s, %s; a clock read costs %.0f ns and is in each latency.\n",
		m.CPU, m.Cores, m.System, m.Go, m.Date.Format(time.DateOnly), m.ClockRead)
	kind := "The whole"
	if r.Quick {
		kind = "-quick (too short to judge by)"
	}
	fmt.Fprintf(w, "%s, %.0f s.\n", kind, r.Seconds)
	if r.Interrupted {
		fmt.Fprintln(w, "INTERRUPTED: what follows was measured before.")
	}
	tw := tabwriter.NewWriter(w, 0, 0, 1, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\n%s", legend)
	if len(r.Cells) > 0 {
		fmt.Fprintln(w)
		r.writeMatrix(tw)
		tw.Flush()
	}
	for _, row := range r.Rivals {
		fmt.Fprintf(w, "\nRivals, %s (%d rounds)\n", row.Cell, row.Results[0].Rounds)
		writeRivals(tw, row)
		tw.Flush()
	}
	if l := r.Limit; l != nil {
		fmt.Fprintf(w, "\nThe physical limit\n")
		if l.Missing != "" {
			fmt.Fprintln(w, l.Missing)
		} else {
			fmt.Fprintf(w, "Mean round trip of two C threads, spinning: %s; through a futex: %s; ste, hot: %s, %.1f times the spinning C's.\n"+
				"Medians of %d fresh pairs, taken in turns.\n", short(l.Spin), short(l.Futex), short(l.Ste), l.Ratio, l.Pairs)
			if !l.sound() {
				fmt.Fprintln(w, "Spinning did not beat the futex: the two cores were not free, and this says nothing about the limit.")
			}
		}
	}
	for _, t := range []struct {
		title string
		rows  []*cellResult
	}{
		{"One call after a pause, beside two C threads that wait in the kernel", r.Pauses},
		{fmt.Sprintf("A call of a burst of n after a pause, without the first %d bursts of each round, in which a Thread learns.\n"+
			"mean and ratio are of all calls, p50, p90, p99, r50 and r90 of the bursts (by the mean of each). A/A beyond %g: does not count",
			burstsDropped, burstSpread), r.Bursts},
		{"A caller that goes round several threads", r.Series},
		{"Processor time at a steady rate (cpu and rcpu)", r.Rates},
		{"How late a bystander is beside a thread and a caller that never pause", r.Bystanders},
	} {
		if len(t.rows) > 0 {
			fmt.Fprintf(w, "\n%s\n", t.title)
			writeRows(tw, t.rows)
			tw.Flush()
		}
	}
	r.writeExtras(w)
	if len(r.Figures) > 0 {
		fmt.Fprintf(w, "\nMust reach (ste %s)\n", r.About)
		tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, f := range r.Figures {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", f.Name, f.Want, f.Got, f.Verdict)
		}
		return tw.Flush()
	}
	return nil
}

func (r *report) writeMatrix(w io.Writer) {
	names := r.shown()
	fmt.Fprint(w, "procs\tbusy\tgc\tgap\tcallers\trounds\tA/A\t")
	fmt.Fprint(w, "| baseline p50\tp99\tp99.9\tmax\tcpu\t")
	for _, name := range names {
		fmt.Fprintf(w, "| %s p50\tp99\tp99.9\tmax\tcpu\tratio\tr50\t\t", name)
	}
	fmt.Fprintln(w)
	for _, row := range r.Cells {
		c := row.cell
		base, _ := row.find(baselineName)
		fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%d\t%d\t%.2f\t", c.procs, c.busy, c.gc(), c.gap.name, c.callers, base.Rounds, row.Spread)
		writeTimes(w, base)
		for _, name := range names {
			s, _ := row.find(name)
			writeTimes(w, s)
			fmt.Fprintf(w, "%.2f/%.2f\t%.2f\t%s\t", s.Median, s.Geomean, s.P50s, s.Verdict)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
	for _, name := range names {
		t := r.Totals[name]
		fmt.Fprintf(w, "%s\tgeometric mean %.3f\t(of p50 %.3f)\tof %d cells:\t%d won,\t%d held,\t%d unclear,\t%d lost\t\n",
			name, t.Geomean, t.P50, t.Cells, t.Won, t.Held, t.Unclear, t.Lost)
	}
	t := r.Totals[twinName]
	fmt.Fprintf(w, "A/A\tgeometric mean %.3f\t(of p50 %.3f)\t\t\t\t\t\t\n", t.Geomean, t.P50)
}

// shown names the strategies that were run, in their order.
func (r *report) shown() (names []string) {
	for _, s := range strategies {
		if r.Totals[s.name].Cells > 0 {
			names = append(names, s.name)
		}
	}
	return names
}

func writeTimes(w io.Writer, s summary) {
	cpu := "-"
	if cpuKnown {
		cpu = short(s.CPU)
	}
	fmt.Fprintf(w, "| %s\t%s\t%s\t%s\t%s\t", short(float64(s.P50)), short(float64(s.P99)), short(float64(s.P999)), short(float64(s.Max)), cpu)
}

func writeRivals(w io.Writer, row *cellResult) {
	fmt.Fprintf(w, "who\tthread locked\tsubmits\tp50\tp99\tp99.9\tmax\tcpu\tspeed to baseline\tr50\t\n")
	for _, s := range row.Results {
		locked := "yes"
		if !s.Locked {
			locked = "NO"
		}
		name := s.Who
		for _, own := range strategies {
			if own.name == name {
				name = "ste " + name
			}
		}
		cpu := "-"
		if cpuKnown {
			cpu = short(s.CPU)
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%.2f/%.2f\t%.2f\t\n", name, locked, s.Submits,
			short(float64(s.P50)), short(float64(s.P99)), short(float64(s.P999)), short(float64(s.Max)), cpu, s.Median, s.Geomean, s.P50s)
	}
}

// writeRows writes rows that all have the same contestants. The verdicts are those on
// the mean and on the p90.
func writeRows(w io.Writer, rows []*cellResult) {
	fmt.Fprint(w, "row\trounds\tA/A\t")
	for _, s := range rows[0].Results {
		switch s.Who {
		case baselineName:
			fmt.Fprintf(w, "| %s mean\tp50\tp90\tp99\tcpu\t", s.Who)
		case twinName:
		default:
			fmt.Fprintf(w, "| %s mean\tp50\tp90\tp99\tcpu\tratio\tr50\tr90\trcpu\t\t", s.Who)
		}
	}
	fmt.Fprintln(w)
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t%d\t%.2f\t", row.Cell, row.Results[0].Rounds, row.Spread)
		for _, s := range row.Results {
			if s.Who == twinName {
				continue
			}
			cpu := "-"
			if cpuKnown {
				cpu = short(s.CPU)
			}
			fmt.Fprintf(w, "| %s\t%s\t%s\t%s\t%s\t", short(s.Mean), short(float64(s.P50)), short(float64(s.P90)), short(float64(s.P99)), cpu)
			if s.Who != baselineName {
				fmt.Fprintf(w, "%.2f/%.2f\t%.2f\t%.2f\t%.2f\t%s/%s\t", s.Median, s.Geomean, s.P50s, s.P90s, s.CPUs, s.Verdict, s.Tail)
			}
		}
		fmt.Fprintln(w)
	}
}

func (r *report) writeExtras(w io.Writer) {
	for _, p := range r.Post {
		fmt.Fprintf(w, "\n%v, ns for each closure: buffered channel, locked %.0f; ste %.0f; ratio %.2f/%.2f, A/A %.2f (%d rounds). "+
			"The channel, NOT locked: %.0f\n", p, p.Channel, p.Ste, p.Ratio, p.Geomean, p.Spread, p.Rounds, p.Unlocked)
	}
	u := r.Upkeep
	if u.IdleTime > 0 && cpuKnown {
		fmt.Fprintf(w, "100 idle Threads for %.0f s: %.4f %% of a core\n", u.IdleTime, 100*u.Idle)
	}
	if u.NewRounds > 0 {
		fmt.Fprintf(w, "New + Close: by hand %s, ste %s, ratio %.2f, A/A %.2f (%d rounds)\n",
			short(u.NewHand), short(u.NewSte), u.NewRatio, u.NewSpread, u.NewRounds)
	}
	if u.Heap != 0 {
		fmt.Fprintf(w, "Go heap of a Thread beside its goroutine and OS thread: %.0f bytes\n", u.Heap)
	}
	for _, op := range r.Operations {
		fmt.Fprintf(w, "%s: ", op.Name)
		if op.NS > 0 {
			fmt.Fprintf(w, "%.1f ns, ", op.NS)
		}
		fmt.Fprintf(w, "%.2f allocations\n", op.Allocs)
	}
}

// short writes nanoseconds in three digits.
func short(ns float64) string {
	for _, unit := range []struct {
		ns   float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}} {
		if ns >= unit.ns {
			return fmt.Sprintf("%.3g%s", min(ns/unit.ns, 999), unit.name)
		}
	}
	return fmt.Sprintf("%.0fns", ns)
}
