//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// A kind is a row of a strip: something that a loop did.
type kind int

const (
	aFrame kind = iota
	aKey
	aSubmit
	aCall
	aPost
	anEvery
	anAfterFunc
	aPanic
	aGoexit
	theEnd
	aSleep
	kinds
)

var kindNames = [kinds]string{
	"toolkit  frame", "         key", "others   Submit", "         Call", "         Post",
	"timers   Every", "         AfterFunc", "ended    by a panic", "         by Goexit", "         the loop", "epoll    asleep",
}

// kindMarks are what is drawn.
const kindMarks = "fkscpea!xE"

// stripLegend says what the marks mean.
const stripLegend = `f k s c p e a: one or more of these ran then. !: a task panicked. x: a task called Goexit.
E: the loop ended. In the last row = is asleep, - asleep for a part, blank awake. On the right: how often.
`

const (
	columns = 66
	column  = 16 * time.Millisecond
)

// A strip is a time line: a row for each kind, a column for each 16 ms. A nil strip
// records nothing. It is the loop's alone and has no lock.
type strip struct {
	begun  time.Time
	rows   [kinds][columns]byte
	counts [kinds]int
	asleep time.Duration
	until  time.Time // the end of the last sleep
}

func newStrip() *strip {
	s := &strip{begun: time.Now()}
	for i := range s.rows {
		copy(s.rows[i][:], strings.Repeat(" ", columns))
	}
	return s
}

// mark draws what happens now.
func (s *strip) mark(k kind) {
	if s == nil {
		return
	}
	s.counts[k]++
	s.rows[k][min(int(time.Since(s.begun)/column), columns-1)] = kindMarks[k]
}

// slept draws a sleep: = in columns that it fills, - in those where it ends or begins.
func (s *strip) slept(from, to time.Time) {
	if s == nil {
		return
	}
	s.counts[aSleep]++
	s.asleep += to.Sub(from)
	s.until = to
	a, b := from.Sub(s.begun), to.Sub(s.begun)
	for c := max(a/column, 0); c <= b/column && c < columns; c++ {
		s.rows[aSleep][c] = '='
		if a > c*column || b < (c+1)*column {
			s.rows[aSleep][c] = '-'
		}
	}
}

// print draws the strip.
func (s *strip) print(w io.Writer) {
	fmt.Fprintf(w, "What one loop did in %v, %v a column; it slept in epoll for %.1f %% of that.\n\n",
		s.until.Sub(s.begun).Round(time.Millisecond), column, 100*s.asleep.Seconds()/s.until.Sub(s.begun).Seconds())
	for k, row := range s.rows {
		fmt.Fprintf(w, "%-19s|%s|%4d\n", kindNames[k], row, s.counts[k])
	}
	fmt.Fprint(w, "\n", stripLegend)
}

// shades are ever larger shares.
const shades = ".:-=+*#@"

// spread draws a distribution on a logarithmic scale: a column for each bound, with
// the share of what lies between it and the next. The first one holds what is
// smaller, too.
func spread(values []time.Duration, bounds []time.Duration) string {
	counts := make([]int, len(bounds))
	for _, v := range values {
		i, found := slices.BinarySearch(bounds, v)
		if !found {
			i--
		}
		counts[max(i, 0)]++
	}
	most := max(slices.Max(counts), 1)
	var b strings.Builder
	for _, n := range counts {
		if n == 0 {
			b.WriteByte(' ')
		} else {
			b.WriteByte(shades[n*(len(shades)-1)/most])
		}
	}
	return b.String()
}
