package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPaced(t *testing.T) {
	total := newHistogram()
	from := time.Now()
	s, err := newRecorder().paced(baseline, 100, 50*time.Millisecond, total)
	require.NoError(t, err)
	require.Equal(t, 5, s.submits)
	require.EqualValues(t, 5, total.TotalCount())
	require.GreaterOrEqual(t, time.Since(from), 50*time.Millisecond)
	require.Positive(t, s.cpu)
}

// The figure is the processor time over that by hand, the other way round than all
// ratios.
func TestRateFigures(t *testing.T) {
	if !cpuKnown {
		t.Skip("no processor time here")
	}
	r := report{Rates: []*cellResult{
		{Cell: "10 submits a second", Results: []summary{{Who: "x", CPUs: 1 / 1.05}}},
		{Cell: "1000 submits a second", Results: []summary{{Who: "x", CPUs: 1 / 1.5}}},
	}}
	require.Equal(t, map[string]string{
		"processor time at 10 submits a second":   reached,
		"processor time at 100 submits a second":  notMeasured,
		"processor time at 1000 submits a second": notReached,
	}, verdicts(r.rateFigures("x")))
}
