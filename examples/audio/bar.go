package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A bar shows on a terminal how far the sound has come and how loud it is. A
// nil bar shows nothing: that is the one for a file, a pipe or a log.
type bar struct {
	p     *progressbar.ProgressBar
	total time.Duration
}

func newBar(w io.Writer, total time.Duration) *bar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return makeBar(f, total)
}

// makeBar is newBar for what is a terminal. The library's own times, as in [3s:2s], do
// not say what they are, so the text in front of the bar does it.
func makeBar(w io.Writer, total time.Duration) *bar {
	b := &bar{total: total}
	b.p = progressbar.NewOptions64(total.Milliseconds(),
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetTheme(progressbar.ThemeASCII),
		progressbar.OptionSetWidth(30),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionThrottle(30*time.Millisecond),
		progressbar.OptionSetDescription(b.text(0, 0)),
		progressbar.OptionClearOnFinish(),
	)
	return b
}

// text tells how loud the sound is, and how much of it has been played and is left.
func (b *bar) text(at time.Duration, peak float64) string {
	at = min(at, b.total)
	return fmt.Sprintf("level %s  %.1f s played, %.1f s left ", level(peak), at.Seconds(), (b.total - at).Seconds())
}

// show draws the bar for a time in the sound and a level from 0 to 1.
func (b *bar) show(at time.Duration, peak float64) {
	if b == nil {
		return
	}
	// The library does not draw while the bar is where it was, and a terminal
	// that does not take it is no reason to stop the sound.
	b.p.Describe(b.text(at, peak))
	_ = b.p.Set64(at.Milliseconds())
}

// clear takes the bar off the screen.
func (b *bar) clear() {
	if b != nil {
		_ = b.p.Clear()
	}
}

// level draws a level meter of ten steps, 4 dB each.
func level(peak float64) string {
	const steps = 10
	n := 0
	if peak > 0 {
		n = min(max(steps+int(math.Round(20*math.Log10(peak)/4)), 0), steps)
	}
	return strings.Repeat("#", n) + strings.Repeat(".", steps-n)
}
