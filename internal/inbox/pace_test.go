package inbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// However long a trial took, the next one is not due before restMost.
func TestRestDoesNotOverflow(t *testing.T) {
	for fails := range uint32(21) {
		var p pace
		p.init(Adaptive)
		p.fails, p.length = fails, int64(24*time.Hour)
		p.rest(parking, 1)
		require.EqualValues(t, 1+restMost, p.next, fails)
	}
}
