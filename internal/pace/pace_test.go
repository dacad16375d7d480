package pace

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// However long a trial took, the next one is not due before restMost.
func TestRestDoesNotOverflow(t *testing.T) {
	for fails := range uint32(21) {
		var p Pace
		m := &Meter{fails: fails, length: int64(24 * time.Hour)}
		p.settle(m, parking, 1)
		require.EqualValues(t, 1+restMost, m.next, fails)
	}
}

// A caller in a bubble does not measure: the bubble's clock stands still.
func TestNoMeasureInBubble(t *testing.T) {
	var p Pace
	var m Meter
	p.UseMeter(&m)
	p.record(&m, p.inForce(), 1000, 1)
	synctest.Test(t, func(*testing.T) {
		for uses := range uint8(100) {
			p.Stop(p.Start(uses))
		}
	})
	require.EqualValues(t, 1, m.n)
	require.EqualValues(t, 1000, m.cost[parking])
}
