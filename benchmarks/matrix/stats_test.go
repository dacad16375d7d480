package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPooling(t *testing.T) {
	require.InDelta(t, 2, ratios{100, 2, 0.01}.median(), 1e-9)
	require.InDelta(t, 2, ratios{1, 4}.median(), 1e-9, "the middle of ratios is geometric")
	require.InDelta(t, 1, ratios{0.5, 2}.median(), 1e-9)
	require.InDelta(t, 1, ratios{10, 0.1, 1}.geomean(), 1e-9, "ten times faster and ten times slower cancel out")
	require.InDelta(t, 4, ratios{2, 8}.geomean(), 1e-9)
	require.True(t, math.IsNaN(ratios(nil).median()))
	require.True(t, math.IsNaN(ratios(nil).geomean()))
}

func TestSpread(t *testing.T) {
	require.InDelta(t, 1, ratios{1, 1, 1}.spread(), 1e-9)
	require.InDelta(t, 1.25, ratios{0.8}.spread(), 1e-9, "a single round is as far off as it is")
	require.InDelta(t, ratios{1.25}.spread(), ratios{0.8}.spread(), 1e-9, "the direction does not matter")
	// Logarithms +-1: their standard deviation is sqrt(4/3), the standard error half of that.
	e := math.E
	require.InDelta(t, math.Exp(math.Sqrt(4.0/3)), ratios{e, 1 / e, e, 1 / e}.spread(), 1e-9)
	var many ratios
	for range 100 {
		many = append(many, e, 1/e)
	}
	require.Less(t, many.spread(), 1.2, "more rounds make it narrower")
}

func TestVerdict(t *testing.T) {
	steady := ratios{1, 1, 1, 1} // of the baseline against itself: spread 1
	noisy := ratios{0.5}         // spread 2, so the limit is 2.2
	for _, test := range []struct {
		name     string
		r, twins ratios
		want     verdict
	}{
		{"equal", ratios{1, 1, 1}, steady, held},
		{"within the tolerance", ratios{0.92, 0.92, 0.92}, steady, held},
		{"beyond the tolerance", ratios{0.9, 0.9, 0.9}, steady, lost},
		{"a loss that noise explains", ratios{0.5, 0.5, 0.5}, noisy, held},
		{"a loss beyond noise", ratios{0.4, 0.4, 0.4}, noisy, lost},
		{"faster", ratios{3, 3, 3}, steady, won},
		{"faster, but noise explains it", ratios{2, 2, 2}, noisy, held},
		{"one stolen round", ratios{1, 1, 1, 0.01, 1}, steady, unclear},
		{"two heaps", ratios{0.5, 0.5, 0.5, 50, 50}, steady, unclear},
	} {
		require.Equal(t, test.want, judge(test.r, test.twins), test.name)
	}
}
