package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The process that writes the time is this one again.
func TestMain(m *testing.M) {
	if os.Getenv(metronomeVariable) != "" {
		metronome(os.Stdout)
		return
	}
	os.Exit(m.Run())
}

// Each bystander comes about once in a beat, and no sooner than it is due.
func TestBystanders(t *testing.T) {
	for _, b := range bystanders {
		watch, end, err := b.start()
		require.NoError(t, err, b.name)
		n, until := 0, time.Now().Add(100*time.Millisecond)
		err = watch(func() bool { return time.Now().After(until) }, func(ns int64) {
			require.GreaterOrEqual(t, ns, int64(0), b.name)
			n++
		})
		end()
		require.NoError(t, err, b.name)
		require.NotZero(t, n, b.name)
		require.LessOrEqual(t, n, 101, b.name)
	}
}

func TestBystanderFigures(t *testing.T) {
	r := report{Bystanders: []*cellResult{
		{Cell: bystanders[0].name, Results: []summary{{Who: "x", Tail: unclear, Verdict: lost}}},
		{Cell: bystanders[1].name, Results: []summary{{Who: "x", Tail: lost, Verdict: won}}},
	}}
	require.Equal(t, map[string]string{
		"beside a busy pair: " + bystanders[0].name: reached,
		"beside a busy pair: " + bystanders[1].name: notReached,
	}, verdicts(r.bystanderFigures("x")))
}
