package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A short soak, so that it does not rot.
func TestSoak(t *testing.T) {
	s := newSoak(rand.Uint64(), 5*time.Second)
	t.Log("seed", s.seed)
	s.run(context.Background(), func() {})
	var out strings.Builder
	ok := s.summary(&out)
	t.Log(out.String())
	require.True(t, ok)
	for k := range kinds {
		if k != raced && k != full && k != dropped {
			require.NotZero(t, s.n[k].Load(), kindNames[k])
		}
	}
}

// What grows is noticed, what wavers is not.
func TestTrends(t *testing.T) {
	samples := make([]sample, 40)
	for i := range samples {
		samples[i] = sample{heap: 4<<20 + uint64(i%7)<<12, goroutines: 20, threads: 9 + i%5}
	}
	for _, x := range trends(samples) {
		require.True(t, x.ok(), x)
	}
	for i := range samples {
		samples[i].heap += uint64(i) << 14
		samples[i].goroutines += i / 4
		samples[i].threads += i
	}
	for _, x := range trends(samples) {
		require.False(t, x.ok(), x)
	}
}

// A panic must be heard of once, through whatever wraps it.
func TestHears(t *testing.T) {
	s := &subject{soak: newSoak(1, time.Second)}
	b := s.newBoom(false)
	require.True(t, hears(b))
	require.EqualValues(t, 1, s.heard.Load())
	require.False(t, s.hasFailed())
	hears(b)
	require.True(t, s.hasFailed())
}
