package main

import (
	"math"
	"slices"
)

// ratios are speeds relative to the baseline, one for each round: 2 is twice as
// fast as the baseline was in the same round.
type ratios []float64

// median is what the figures to reach are stated in.
func (r ratios) median() float64 {
	if len(r) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(r))
	if n := len(s); n%2 == 0 {
		// The middle of a ratio and its inverse is 1.
		return math.Sqrt(s[n/2-1] * s[n/2])
	}
	return s[len(s)/2]
}

// geomean is steadier than the median where the rounds fall into two heaps.
func (r ratios) geomean() float64 {
	if len(r) == 0 {
		return math.NaN()
	}
	sum := 0.0
	for _, x := range r {
		sum += math.Log(x)
	}
	return math.Exp(sum / float64(len(r)))
}

// spread tells, from the rounds of the baseline against itself, how far from 1
// the pooled ratio of two equal things may lie: two standard errors of the
// mean of the logarithms, or as far as it does lie, whichever is more. It is at
// least 1.
func (r ratios) spread() float64 {
	mean := math.Log(r.geomean())
	off := max(math.Abs(mean), math.Abs(math.Log(r.median())))
	if len(r) > 1 {
		squares := 0.0
		for _, x := range r {
			squares += (math.Log(x) - mean) * (math.Log(x) - mean)
		}
		n := float64(len(r))
		off = max(off, 2*math.Sqrt(squares/(n-1)/n))
	}
	return math.Exp(off)
}

// tolerance is how much slower than the baseline a cell may be.
const tolerance = 1.1

// A verdict says how a cell ended.
type verdict string

const (
	won     verdict = "won"
	held    verdict = "held"
	unclear verdict = "unclear" // median and geometric mean disagree about a loss
	lost    verdict = "lost"
)

// judge compares the rounds of a cell with those of the baseline against itself.
// A loss must show in both ways of pooling: the median alone jumps where the
// rounds fall into two heaps, and a few stolen rounds bend the geometric mean.
func judge(r, twins ratios) verdict {
	limit := tolerance * twins.spread()
	med, geo := r.median(), r.geomean()
	switch {
	case med < 1/limit && geo < 1/limit:
		return lost
	case med < 1/limit || geo < 1/limit:
		return unclear
	case med > limit && geo > limit:
		return won
	}
	return held
}
