package main

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// byHand is the baseline in words.
const byHand = "LockOSThread + channel, by hand"

// A look is how a contestant appears in the pictures.
type look struct {
	name  string
	color color.RGBA
}

// looks names the contestants in words. No two have one colour, and those that are
// not locked are dashed.
var looks = map[string]look{
	"adaptive":                    {"ste", color.RGBA{0, 158, 115, 255}},
	baselineName:                  {byHand, color.RGBA{0, 0, 0, 255}},
	"channel, new done each time": {"LockOSThread + channel, a new one for each call", color.RGBA{0, 114, 178, 255}},
	"mutex + cond":                {"LockOSThread + mutex + cond, by hand", color.RGBA{230, 159, 0, 255}},
	"channel":                     {"goroutine + channel", color.RGBA{170, 80, 200, 255}},
	"alitto/pond":                 {"alitto/pond", color.RGBA{140, 81, 10, 255}},
	"gammazero/workerpool":        {"gammazero/workerpool", color.RGBA{86, 180, 233, 255}},
	"panjf2000/ants":              {"panjf2000/ants", color.RGBA{213, 40, 40, 255}},
	"sourcegraph/conc":            {"sourcegraph/conc", color.RGBA{140, 140, 140, 255}},
}

// locked reports whether a contestant's closures run on one OS thread.
func locked(who string) bool {
	return !slices.ContainsFunc(rivals, func(r contestant) bool { return r.name == who && !r.locked })
}

// words says under what conditions a cell is.
func (c cell) words() (callers, pause, conditions string) {
	callers = "1 caller"
	if c.callers > 1 {
		callers = fmt.Sprintf("%d callers", c.callers)
	}
	return callers, c.gap.words(), fmt.Sprintf("GOMAXPROCS %d, %s, %s", c.procs, c.busyWords(), c.gcWords())
}

func (g gap) words() string {
	switch {
	case g.work > 0:
		return inWords(float64(g.work)) + " of work"
	case g.sleep > 0:
		return inWords(float64(g.sleep)) + " of sleep"
	}
	return "no pause"
}

func (c cell) busyWords() string {
	switch c.busy {
	case 0:
		return "idle machine"
	case 1:
		return "1 goroutine computes"
	}
	return fmt.Sprintf("%d goroutines compute", c.busy)
}

func (c cell) gcWords() string {
	if c.storm {
		return "GC storm"
	}
	return "quiet GC"
}

// cellNamed is the cell of a name.
func cellNamed(name string) (cell, error) {
	for _, c := range allCells() {
		if c.String() == name {
			return c, nil
		}
	}
	return cell{}, fmt.Errorf("no cell %q", name)
}

// newPlot is a plot with space around its title and labels.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font.Size = vg.Points(13)
	p.Title.Padding = vg.Points(8)
	p.X.Label.Padding, p.Y.Label.Padding = vg.Points(4), vg.Points(4)
	return p
}

// A sheet is a picture in the making, with a margin, so that no label is cut.
type sheet struct {
	canvas *vgimg.Canvas
	draw.Canvas
}

func newSheet(width, height vg.Length) sheet {
	const margin = 12
	c := vgimg.New(width, height)
	return sheet{c, draw.Crop(draw.New(c), margin, -margin, margin, -margin)}
}

// split takes a strip of the given width from the right.
func (s sheet) split(width vg.Length) (left, right draw.Canvas) {
	all := s.Max.X - s.Min.X
	return draw.Crop(s.Canvas, 0, -width, 0, 0), draw.Crop(s.Canvas, all-width, 0, 0, 0)
}

func (s sheet) save(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = vgimg.PngCanvas{Canvas: s.canvas}.WriteTo(f)
	return errors.Join(err, f.Close())
}

// draw shows the distributions of all contestants on one logarithmic axis of time:
// what share of the submits took longer.
func (l *latencyPicture) draw(machine, file string) error {
	c, err := cellNamed(l.Cell)
	if err != nil {
		return err
	}
	callers, pause, conditions := c.words()
	p := newPlot(fmt.Sprintf("How long a blocking round trip takes: %s, %s between two\n%s\n%s", callers, pause, conditions, machine),
		"time of a round trip", "share of round trips that take longer")
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(timeTicks), plot.TickerFunc(shareTicks)
	p.Y.Min, p.Y.Max = math.Log10(rarest), 0
	p.Add(plotter.NewGrid())
	legend := newLegend()
	for _, curve := range l.Curves {
		look, ok := looks[curve.Who]
		if !ok {
			return fmt.Errorf("no look for %q", curve.Who)
		}
		line, err := curve.line(math.Log10, look.color)
		if err != nil {
			return err
		}
		name := look.name
		switch {
		case !locked(curve.Who):
			name += " (NOT locked)"
			line.Dashes = plotutil.Dashes(1)
		case curve.Who == strategies[0].name:
			line.Width = vg.Points(3)
		}
		p.Add(line)
		legend.Add(name, line)
	}
	s := newSheet(32*vg.Centimeter, 16*vg.Centimeter)
	left, right := s.split(10 * vg.Centimeter)
	p.Draw(left)
	legend.Draw(draw.Crop(right, 8, 0, 0, -40))
	return s.save(file)
}

// draw shows how late the ticks were, from none to a whole period.
func (j *jitterPicture) draw(machine, file string) error {
	c := cell{procs: 2, busy: j.Busy}
	p := newPlot(fmt.Sprintf("How late ticks of %s are: %s\n%s", inWords(float64(tickPeriod)), c.busyWords(), machine),
		"late by, in ms", "share of ticks that are later")
	const share = 1e-3 // where the curves end: they have some thousand ticks
	p.Y.Tick.Marker = plot.TickerFunc(shareTicks)
	p.X.Tick.Marker = plot.TickerFunc(msTicks)
	p.X.Min, p.Y.Min, p.Y.Max = 0, math.Log10(share), 0
	p.Add(plotter.NewGrid())
	legend := newLegend()
	// The wide one first, so that the two are seen where they are alike.
	for i, name := range []string{"ste", byHandTicks} {
		at := slices.IndexFunc(j.Curves, func(c curve) bool { return c.Who == name })
		if at < 0 {
			return fmt.Errorf("no curve of %q", name)
		}
		look, label := looks["adaptive"], "ste: Every of a Thread"
		if name == byHandTicks {
			look, label = looks[baselineName], "LockOSThread + time.Ticker, by hand"
		}
		line, err := j.Curves[at].from(share).line(func(ns float64) float64 { return ns / 1e6 }, look.color)
		if err != nil {
			return err
		}
		line.Width = vg.Points(4.5 - 3*float64(i))
		p.Add(line)
		legend.Add(label, line)
	}
	s := newSheet(28*vg.Centimeter, 12*vg.Centimeter)
	left, right := s.split(7.8 * vg.Centimeter)
	p.Draw(left)
	legend.Draw(draw.Crop(right, 8, 0, 0, -40))
	return s.save(file)
}

// from is the part of the curve in which the share is not smaller.
func (c curve) from(share float64) curve {
	for len(c.Points) > 1 && c.Points[len(c.Points)-1][1] < share {
		c.Points = c.Points[:len(c.Points)-1]
	}
	return c
}

// line draws a curve. The shares are drawn by their logarithms, and so may times be:
// with plot.LogScale the label of an axis takes room beyond its end.
func (c curve) line(x func(ns float64) float64, of color.Color) (*plotter.Line, error) {
	points := make(plotter.XYs, len(c.Points))
	for i, p := range c.Points {
		points[i] = plotter.XY{X: x(p[0]), Y: math.Log10(p[1])}
	}
	line, err := plotter.NewLine(points)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Who, err)
	}
	line.Color, line.Width = of, vg.Points(1.5)
	return line, nil
}

// newLegend is one that stands beside the plot, not in it.
func newLegend() plot.Legend {
	l := plot.NewLegend()
	l.Top, l.Left = true, true
	l.Padding = vg.Points(3)
	l.ThumbnailWidth = vg.Points(26)
	return l
}

// msTicks marks each millisecond.
func msTicks(lo, hi float64) (ticks []plot.Tick) {
	for ms := math.Ceil(lo); ms <= hi; ms++ {
		ticks = append(ticks, plot.Tick{Value: ms, Label: fmt.Sprint(ms)})
	}
	return ticks
}

// timeTicks marks the powers of ten of nanoseconds by name.
func timeTicks(lo, hi float64) []plot.Tick {
	return logTicks(lo, hi, inWords)
}

// inWords writes nanoseconds as short does, for a picture.
func inWords(ns float64) string {
	return strings.NewReplacer("us", " µs", "ms", " ms", "ns", " ns", "s", " s").Replace(short(ns))
}

// shareTicks marks shares by their names.
func shareTicks(lo, hi float64) []plot.Tick {
	names := []string{"all", "1 in 10", "1 in 100", "1 in 1,000", "1 in 10,000"}
	return logTicks(lo, hi, func(share float64) string { return names[int(math.Round(-math.Log10(share)))] })
}

// logTicks marks the powers of ten, and between them without a name. lo and hi are
// logarithms.
func logTicks(lo, hi float64, name func(float64) string) (ticks []plot.Tick) {
	const near = 1e-9
	for e := math.Floor(lo); e <= hi+near; e++ {
		for i := 1.0; i < 10; i++ {
			x := e + math.Log10(i)
			if x < lo-near || x > hi+near {
				continue
			}
			tick := plot.Tick{Value: x}
			if i == 1 {
				tick.Label = name(math.Pow(10, e))
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}
