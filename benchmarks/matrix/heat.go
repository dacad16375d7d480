package main

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A grid is the matrix as a picture: gaps and callers from left to right, all
// else from top to bottom; the colour is the logarithm of the ratio.
type grid struct {
	columns, rows []string
	squares       map[[2]int]square
}

func (g grid) Dims() (c, r int) { return len(g.columns), len(g.rows) }
func (g grid) X(c int) float64  { return float64(c) }
func (g grid) Y(r int) float64  { return float64(r) }

// reach is where the colours end: a hundred times faster or slower.
const reach = 2

func (g grid) Z(c, r int) float64 {
	return min(max(math.Log10(g.squares[[2]int{c, r}].Ratio), -reach), reach)
}

func (m *matrixPicture) grid() (grid, error) {
	g := grid{squares: map[[2]int]square{}}
	index := func(list *[]string, name string) int {
		for i, n := range *list {
			if n == name {
				return i
			}
		}
		*list = append(*list, name)
		return len(*list) - 1
	}
	for i := len(m.Squares) - 1; i >= 0; i-- { // Y grows upwards
		c, err := cellNamed(m.Squares[i].Cell)
		if err != nil {
			return g, err
		}
		_, _, conditions := c.words()
		index(&g.rows, conditions)
	}
	for _, s := range m.Squares {
		c, _ := cellNamed(s.Cell)
		callers, pause, conditions := c.words()
		x := index(&g.columns, callers+"\n"+pause)
		g.squares[[2]int{x, index(&g.rows, conditions)}] = s
	}
	return g, nil
}

// fromRed is a colour map the other way round: blue is more. (palette.Reverse has no
// colour for the middle.)
type fromRed struct{ palette.ColorMap }

func (m fromRed) At(v float64) (color.Color, error) { return m.ColorMap.At(m.Min() + m.Max() - v) }

func (m fromRed) Palette(n int) palette.Palette { return reversed{m.ColorMap.Palette(n)} }

type reversed struct{ palette.Palette }

func (p reversed) Colors() []color.Color {
	all := p.Palette.Colors()
	turned := make([]color.Color, len(all))
	for i, c := range all {
		turned[len(all)-1-i] = c
	}
	return turned
}

// A mark is how a verdict is drawn.
type mark struct {
	verdict verdict
	words   string
	style   draw.GlyphStyle
}

var marks = []mark{
	{won, "won: quicker than the noise explains", draw.GlyphStyle{Color: color.Black, Radius: vg.Points(4), Shape: draw.PyramidGlyph{}}},
	{held, "held: as quick, within the noise", draw.GlyphStyle{Color: color.Gray{90}, Radius: vg.Points(1.5), Shape: draw.CircleGlyph{}}},
	{unclear, "unclear: median and mean disagree", draw.GlyphStyle{Color: color.Black, Radius: vg.Points(3.5), Shape: draw.RingGlyph{}}},
	{lost, "lost: slower than the noise explains", draw.GlyphStyle{Color: color.RGBA{190, 0, 0, 255}, Radius: vg.Points(4.5), Shape: thickCross{}}},
}

// A thickCross is a cross that is seen from afar.
type thickCross struct{}

func (thickCross) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	c.SetLineStyle(draw.LineStyle{Color: s.Color, Width: vg.Points(2.2)})
	r := s.Radius * 0.8
	for _, sign := range []vg.Length{1, -1} {
		var path vg.Path
		path.Move(vg.Point{X: at.X - r, Y: at.Y - sign*r})
		path.Line(vg.Point{X: at.X + r, Y: at.Y + sign*r})
		c.Stroke(path)
	}
}

// strategyWords says what a strategy is called in the API.
func strategyWords(name string) string {
	words := "Wait" + strings.ToUpper(name[:1]) + name[1:]
	if name == strategies[0].name {
		words += ", the default"
	}
	return words
}

func (m *matrixPicture) draw(machine, file string) error {
	g, err := m.grid()
	if err != nil {
		return err
	}
	p := newPlot(fmt.Sprintf("How many times quicker a blocking round trip of ste (%s) is than that of %s\n%d cells, geometric mean %.2f; %s",
		strategyWords(m.Who), byHand, len(m.Squares), m.Geomean, machine), "how many callers, and what each does between two submits", "")
	colors := fromRed{moreland.SmoothBlueRed()}
	colors.SetMin(-reach)
	colors.SetMax(reach)
	heat := plotter.NewHeatMap(g, colors.Palette(255))
	heat.Min, heat.Max = -reach, reach
	p.Add(heat)
	labels := plotter.XYLabels{}
	at := map[verdict]plotter.XYs{}
	for place, s := range g.squares {
		x, y := float64(place[0]), float64(place[1])
		labels.XYs = append(labels.XYs, plotter.XY{X: x - 0.08, Y: y})
		text := fmt.Sprintf("%.2f", s.Ratio)
		if s.Ratio >= 10 {
			text = fmt.Sprintf("%.1f", s.Ratio)
		}
		labels.Labels = append(labels.Labels, text)
		at[s.Verdict] = append(at[s.Verdict], plotter.XY{X: x + 0.27, Y: y})
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
	legend := newLegend()
	for _, mark := range marks {
		sample, err := plotter.NewScatter(plotter.XYs{{}})
		if err != nil {
			return err
		}
		sample.GlyphStyle = mark.style
		legend.Add(fmt.Sprintf("%s (%d)", mark.words, len(at[mark.verdict])), sample)
		if len(at[mark.verdict]) == 0 {
			continue
		}
		s, err := plotter.NewScatter(at[mark.verdict])
		if err != nil {
			return err
		}
		s.GlyphStyle = mark.style
		p.Add(s)
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = names(g.columns), names(g.rows)
	s := newSheet(38*vg.Centimeter, 20*vg.Centimeter)
	left, right := s.split(8.4 * vg.Centimeter)
	p.Draw(left)
	legend.Draw(draw.Crop(right, 10, 0, 0, -44))
	colorBar(colors).Draw(draw.Crop(right, 10, -4.2*vg.Centimeter, 40, -4.6*vg.Centimeter))
	return s.save(file)
}

// colorBar is the scale of the colours.
func colorBar(colors palette.ColorMap) *plot.Plot {
	p := plot.New()
	p.Add(&plotter.ColorBar{ColorMap: colors, Vertical: true})
	p.HideX()
	p.Y.Padding = 0
	p.Y.Tick.Marker = plot.ConstantTicks{
		{Value: -2, Label: "100 times slower"}, {Value: -1, Label: "10 times slower"}, {Value: 0, Label: "equal"},
		{Value: 1, Label: "10 times quicker"}, {Value: 2, Label: "100 times quicker"},
	}
	return p
}

func names(list []string) plot.ConstantTicks {
	var ticks []plot.Tick
	for i, name := range list {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: name})
	}
	return ticks
}
