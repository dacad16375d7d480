package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A logbook notes who was asked.
type logbook struct {
	who    int
	asked  *[]int
	closed *int
}

func (l logbook) submit(f func()) { *l.asked = append(*l.asked, l.who); f() }
func (l logbook) close()          { *l.closed++ }

func TestSeries(t *testing.T) {
	var asked []int
	opened, closed := 0, 0
	x, err := inSeries(contestant{open: func() (executor, error) {
		opened++
		return logbook{opened, &asked, &closed}, nil
	}}).open()
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8}, asked, "each is started")
	asked = nil
	ran := 0
	for range threadsInTurn + 1 {
		x.submit(func() { ran++ })
	}
	require.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8, 1}, asked)
	require.Equal(t, threadsInTurn+1, ran)
	x.close()
	require.Equal(t, threadsInTurn, closed)
}
