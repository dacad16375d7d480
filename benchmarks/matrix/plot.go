package main

import (
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// draw writes the pictures of what was measured into a folder.
func (r *report) draw(folder string) error {
	for i, row := range r.Rivals {
		name := fmt.Sprintf("latency-gap=%s-callers=%d.png", row.cell.gap.name, row.cell.callers)
		if err := r.Rivals[i].drawLatency(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	for _, name := range r.shown() {
		if len(r.Cells) != len(allCells()) {
			continue
		}
		if err := r.drawMatrix(name, filepath.Join(folder, "matrix-"+name+".png")); err != nil {
			return err
		}
	}
	return nil
}

// drawLatency shows the distributions of all contestants on one logarithmic
// axis of time: what share of the submits took longer.
func (row *cellResult) drawLatency(file string) error {
	p := plot.New()
	p.Title.Text = "Blocking round trip, " + row.Cell
	p.X.Label.Text = "time"
	p.Y.Label.Text = "share of submits that take longer"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(timeTicks), plot.LogTicks{}
	p.Y.Min, p.Y.Max = rarest, 1
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	shown := 0
	for _, s := range row.Results {
		if s.Who == twinName {
			continue
		}
		line, err := plotter.NewLine(exceedance(row.hists[s.Who]))
		if err != nil {
			return err
		}
		line.Color = plotutil.SoftColors[shown%len(plotutil.SoftColors)]
		line.Width = vg.Points(1.5)
		label := s.Who
		switch {
		case !s.Locked:
			label += " (NOT locked)"
			line.Dashes = plotutil.Dashes(1)
		case s.Who == strategies[0].name:
			label, line.Width = "ste", vg.Points(3)
		}
		p.Add(line)
		p.Legend.Add(label, line)
		shown++
	}
	return p.Save(24*vg.Centimeter, 15*vg.Centimeter, file)
}

// rarest is where the distributions end: what is rarer was seen too seldom.
const rarest = 1e-4

// exceedance is 1 minus the cumulative distribution.
func exceedance(h *hdrhistogram.Histogram) (points plotter.XYs) {
	n, below := float64(h.TotalCount()), int64(0)
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		longer := (n - float64(below)) / n
		if longer < rarest {
			break
		}
		points = append(points, plotter.XY{X: float64(max(bar.From, 1)), Y: longer})
		below += bar.Count
	}
	return points
}

// timeTicks marks the powers of ten of nanoseconds by name.
func timeTicks(lo, hi float64) (ticks []plot.Tick) {
	for decade := math.Pow(10, math.Floor(math.Log10(lo))); decade <= hi; decade *= 10 {
		for i := 1.0; i < 10; i++ {
			if x := i * decade; x >= lo && x <= hi {
				label := ""
				if i == 1 {
					label = short(x)
				}
				ticks = append(ticks, plot.Tick{Value: x, Label: label})
			}
		}
	}
	return ticks
}

// A grid is the matrix as a picture: gaps and callers from left to right, all
// else from top to bottom; the colour is the logarithm of the ratio.
type grid struct {
	columns, rows []string
	ratio         map[[2]int]float64
}

func (g grid) Dims() (c, r int) { return len(g.columns), len(g.rows) }
func (g grid) X(c int) float64  { return float64(c) }
func (g grid) Y(r int) float64  { return float64(r) }

// reach is where the colours end: a hundred times faster or slower.
const reach = 2

func (g grid) Z(c, r int) float64 {
	return min(max(math.Log10(g.ratio[[2]int{c, r}]), -reach), reach)
}

func (r *report) grid(who string) grid {
	g := grid{ratio: map[[2]int]float64{}}
	index := func(list *[]string, name string) int {
		for i, n := range *list {
			if n == name {
				return i
			}
		}
		*list = append(*list, name)
		return len(*list) - 1
	}
	const rows = 3 * 3 * 2
	for _, row := range r.Cells {
		s, _ := row.find(who)
		c := row.cell
		x := index(&g.columns, fmt.Sprintf("%s\n%d", c.gap.name, c.callers))
		y := index(&g.rows, fmt.Sprintf("%d procs, %d busy, %s", c.procs, c.busy, c.gc()))
		g.ratio[[2]int{x, rows - 1 - y}] = s.Median // Y grows upwards
	}
	slices.Reverse(g.rows)
	return g
}

// fromRed turns a palette round. palette.Reverse has no colour for the middle.
type fromRed struct{ palette.Palette }

func (p fromRed) Colors() []color.Color {
	colors := slices.Clone(p.Palette.Colors())
	slices.Reverse(colors)
	return colors
}

func (r *report) drawMatrix(who, file string) error {
	g := r.grid(who)
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Speed of ste (%s) relative to the baseline: grey is equal, blue is faster; geometric mean %.2f",
		who, r.Totals[who].Geomean)
	p.X.Label.Text = "gap between submits, callers"
	colors := moreland.SmoothBlueRed()
	colors.SetMin(-reach)
	colors.SetMax(reach)
	heat := plotter.NewHeatMap(g, fromRed{colors.Palette(255)})
	heat.Min, heat.Max = -reach, reach
	p.Add(heat)
	labels := plotter.XYLabels{}
	for at, ratio := range g.ratio {
		labels.XYs = append(labels.XYs, plotter.XY{X: float64(at[0]), Y: float64(at[1])})
		labels.Labels = append(labels.Labels, fmt.Sprintf("%.3g", ratio))
	}
	text, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range text.TextStyle {
		text.TextStyle[i].Color = color.Black
		text.TextStyle[i].XAlign, text.TextStyle[i].YAlign = -0.5, -0.5
	}
	p.Add(text)
	p.X.Tick.Marker, p.Y.Tick.Marker = names(g.columns), names(g.rows)
	return p.Save(26*vg.Centimeter, 20*vg.Centimeter, file)
}

func names(list []string) plot.ConstantTicks {
	var ticks []plot.Tick
	for i, name := range list {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
	}
	return ticks
}
