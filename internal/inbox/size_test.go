package inbox

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// The parts of the hand-off lie on cache lines as their comments say.
func TestLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("laid out for 64 bits")
	}
	require.EqualValues(t, line, unsafe.Sizeof(Task{}))
	var q Inbox
	require.EqualValues(t, line, unsafe.Offsetof(q.head))
	require.EqualValues(t, 2*line, unsafe.Offsetof(q.mu))
	require.EqualValues(t, 3*line, unsafe.Offsetof(q.pool))
	println(unsafe.Sizeof(q), unsafe.Sizeof(waiter{}))
}
