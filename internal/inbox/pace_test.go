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
		m := &meter{fails: fails, length: int64(24 * time.Hour)}
		p.settle(m, parking, 1)
		require.EqualValues(t, 1+restMost, m.next, fails)
	}
}
