package main

import (
	"encoding/json"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every curve of a picture has a name in words and a colour of its own.
func TestLooks(t *testing.T) {
	names, colors := map[string]bool{}, map[color.RGBA]bool{}
	for _, who := range append([]contestant{baseline, strategies[0]}, rivals...) {
		look, ok := looks[who.name]
		require.True(t, ok, who.name)
		require.False(t, names[look.name], look.name)
		require.False(t, colors[look.color], "%s has the colour of another", look.name)
		names[look.name], colors[look.color] = true, true
		require.Equal(t, who.locked, locked(who.name), who.name)
	}
	require.Len(t, looks, len(names))
	require.Equal(t, "WaitAdaptive, the default", strategyWords("adaptive"))
	require.Equal(t, "WaitPark", strategyWords("park"))
}

// Every verdict has a mark of its own.
func TestMarks(t *testing.T) {
	of := map[verdict]string{}
	for _, m := range marks {
		of[m.verdict] = m.words
	}
	require.Len(t, of, 4)
	for _, v := range []verdict{won, held, unclear, lost} {
		require.True(t, strings.HasPrefix(of[v], string(v)+": "), v)
	}
}

// Two cells never share a square, nor two pictures a file.
func TestCellsInWords(t *testing.T) {
	m := matrixPicture{Who: strategies[0].name}
	for i, c := range allCells() {
		m.Squares = append(m.Squares, square{c.String(), float64(i), held})
	}
	g, err := m.grid()
	require.NoError(t, err)
	require.Len(t, g.squares, len(allCells()))
	require.Len(t, g.columns, 8)
	require.Len(t, g.rows, 18)
	require.Equal(t, "8 callers\n200 µs of sleep", g.columns[5])
	require.Equal(t, "GOMAXPROCS 1, idle machine, quiet GC", g.rows[17]) // the first is at the top
	require.Equal(t, allCells()[0].String(), g.squares[[2]int{0, 17}].Cell)

	files := map[string]bool{}
	for _, c := range rivalCells() {
		files[c.pictureName()] = true
	}
	require.Len(t, files, len(rivalCells()))

	m.Squares[7].Cell = "procs=7"
	_, err = m.grid()
	require.ErrorContains(t, err, `no cell "procs=7"`)
}

// What is kept beside the pictures is enough to draw them again.
func TestRedraw(t *testing.T) {
	r := &report{Machine: thisMachine()}
	p := pace{round: time.Millisecond, rounds: 2}
	row, err := measure(t.Context(), hotCell, append([]contestant{baseline, twin, strategies[0]}, rivals...), p, 0)
	require.NoError(t, err)
	r.Rivals = append(r.Rivals, row)
	for _, c := range allCells() {
		row := newRow(c.String(), c)
		row.Results = []summary{{Who: "adaptive", Median: 0.5 + float64(len(r.Cells))/100, Verdict: won}}
		r.Cells = append(r.Cells, row)
	}
	r.finish()
	dir := t.TempDir()
	require.NoError(t, r.draw(dir))
	h := newHistogram()
	for i := range 5000 {
		record(h, int64(i)*1000)
	}
	jitter := picture{Machine: "a machine", Jitter: &jitterPicture{Busy: 2, Curves: []curve{newCurve("ste", h), newCurve(byHandTicks, h)}}}
	require.NoError(t, jitter.write(dir, jitterName(2)))

	drawn := map[string][]byte{}
	for _, name := range []string{"latency-1-caller", "matrix-adaptive", "jitter-2-busy"} {
		file := filepath.Join(dir, name+".png")
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		drawn[file] = content
		require.NoError(t, os.Remove(file))
	}
	require.NoError(t, run(t.Context(), []string{"-redraw", dir}))
	for file, want := range drawn {
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, want, got, file)
	}

	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.json"), []byte("{}"), 0o666))
	require.ErrorContains(t, redraw(dir), "x.json: neither latency, jitter nor matrix")
	require.ErrorContains(t, redraw(t.TempDir()), "-redraw: no pictures in ")
}

// The pictures of the documentation are all there, with what they show, and nothing is
// drawn over their edges: no label is cut.
func TestPicturesOfTheDocs(t *testing.T) {
	folder := filepath.Join("..", "..", "docs", "pictures")
	files, err := filepath.Glob(filepath.Join(folder, "*.png"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(strings.TrimSuffix(file, ".png") + ".json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, new(picture)), file)
		f, err := os.Open(file)
		require.NoError(t, err)
		image, err := png.Decode(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		b := image.Bounds()
		white := color.NRGBAModel.Convert(color.White)
		for x := b.Min.X; x < b.Max.X; x++ {
			for y := b.Min.Y; y < b.Max.Y; y++ {
				if x < b.Min.X+4 || y < b.Min.Y+4 || x >= b.Max.X-4 || y >= b.Max.Y-4 {
					require.Equal(t, white, color.NRGBAModel.Convert(image.At(x, y)), "%s at %d, %d", file, x, y)
				}
			}
		}
	}
}

func TestRivalsAlone(t *testing.T) {
	f, err := parse([]string{"-rivals"}, io.Discard)
	require.NoError(t, err)
	steps, err := new(report).steps(t.Context(), f)
	require.NoError(t, err)
	require.Len(t, steps, len(rivalCells()))
	_, err = parse([]string{"-rivals", "-cells", "."}, io.Discard)
	require.ErrorContains(t, err, "-cells narrows the matrix and -bursts only")
}
