package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A picture is what a picture shows, of one of three kinds. It is kept beside the
// picture, which can so be drawn again, in another way, without measuring again.
type picture struct {
	Machine string          `json:"machine"` // on which it was measured, and when
	Note    string          `json:"note,omitempty"`
	Latency *latencyPicture `json:"latency,omitempty"`
	Jitter  *jitterPicture  `json:"jitter,omitempty"`
	Matrix  *matrixPicture  `json:"matrix,omitempty"`
}

// A latencyPicture is how long the submits of all contestants took in a cell.
type latencyPicture struct {
	Cell   string  `json:"cell"`
	Curves []curve `json:"curves"`
}

// A jitterPicture is how late ticks were under a load.
type jitterPicture struct {
	Busy   int     `json:"busy"`
	Curves []curve `json:"curves"`
}

// A matrixPicture is how a strategy did in all cells.
type matrixPicture struct {
	Who     string   `json:"who"`
	Geomean float64  `json:"geomean"`
	Squares []square `json:"squares"`
}

type square struct {
	Cell    string  `json:"cell"`
	Ratio   float64 `json:"ratio"` // median
	Verdict verdict `json:"verdict"`
}

// A curve is 1 minus a cumulative distribution: nanoseconds, and the share of what
// takes at least as long.
type curve struct {
	Who    string       `json:"who"`
	Points [][2]float64 `json:"points"`
}

// rarest is where a curve ends: what is rarer was seen too seldom.
const rarest = 1e-4

// newCurve keeps the points that can be told apart in a picture.
func newCurve(who string, h *hdrhistogram.Histogram) curve {
	c := curve{Who: who}
	n, below := float64(h.TotalCount()), int64(0)
	for _, bar := range h.Distribution() {
		if bar.Count == 0 {
			continue
		}
		longer := (n - float64(below)) / n
		if longer < rarest {
			break
		}
		below += bar.Count
		x := float64(max(bar.From, 1))
		if k := len(c.Points); k == 0 || x > 1.02*c.Points[k-1][0] || longer < 0.98*c.Points[k-1][1] {
			c.Points = append(c.Points, [2]float64{x, longer})
		}
	}
	return c
}

// where is a line about the machine.
func (m machine) where() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, %s", m.CPU, m.Cores, m.System, m.Go, m.Date.Format(time.DateOnly))
}

// pictureName is that of the file about a cell with rivals.
func (c cell) pictureName() string {
	name := "latency-1-caller"
	if c.callers > 1 {
		name = fmt.Sprintf("latency-%d-callers", c.callers)
	}
	if c.gap != gaps[0] {
		name += "-" + c.gap.name
	}
	return name
}

// pictures are all that a report has enough for.
func (r *report) pictures() map[string]picture {
	all := map[string]picture{}
	for _, row := range r.Rivals {
		p := &latencyPicture{Cell: row.Cell}
		for _, s := range row.Results {
			if s.Who != twinName {
				p.Curves = append(p.Curves, newCurve(s.Who, row.hists[s.Who]))
			}
		}
		all[row.cell.pictureName()] = picture{Machine: r.Machine.where(), Latency: p}
	}
	if len(r.Cells) != len(allCells()) {
		return all
	}
	for _, who := range r.shown() {
		p := &matrixPicture{Who: who, Geomean: r.Totals[who].Geomean}
		for _, row := range r.Cells {
			s, _ := row.find(who)
			p.Squares = append(p.Squares, square{row.Cell, s.Median, s.Verdict})
		}
		all["matrix-"+who] = picture{Machine: r.Machine.where(), Matrix: p}
	}
	return all
}

// draw writes the pictures of what was measured into a folder.
func (r *report) draw(folder string) error {
	var failed []error
	for name, p := range r.pictures() {
		failed = append(failed, p.write(folder, name))
	}
	return errors.Join(failed...)
}

// write draws the picture, and keeps what it shows.
func (p picture) write(folder, name string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	// A line for each curve or square, for whoever compares two.
	text = []byte(strings.NewReplacer(`{"who"`, "\n"+`{"who"`, `{"cell"`, "\n"+`{"cell"`).Replace(string(text)) + "\n")
	if err := os.WriteFile(filepath.Join(folder, name+".json"), text, 0o666); err != nil {
		return err
	}
	return p.draw(filepath.Join(folder, name+".png"))
}

// draw draws the picture into a file.
func (p picture) draw(file string) error {
	switch {
	case p.Latency != nil:
		return p.Latency.draw(p.Machine, file)
	case p.Jitter != nil:
		return p.Jitter.draw(p.Machine, file)
	case p.Matrix != nil:
		return p.Matrix.draw(p.Machine, file)
	}
	return errors.New("neither latency, jitter nor matrix")
}

// redraw draws all pictures of a folder again.
func redraw(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, fmt.Errorf("-redraw: no pictures in %s", folder))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("-redraw: %w", err)
		}
		var p picture
		if err := json.Unmarshal(text, &p); err != nil {
			return fmt.Errorf("-redraw: %s: %w", file, err)
		}
		if err := p.draw(strings.TrimSuffix(file, ".json") + ".png"); err != nil {
			return fmt.Errorf("-redraw: %s: %w", file, err)
		}
	}
	return nil
}
