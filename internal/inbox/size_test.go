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
	// The allocator gives 49 to 64 bytes a line of their own.
	require.LessOrEqual(t, unsafe.Sizeof(Task{}), uintptr(line))
	require.Greater(t, unsafe.Sizeof(Task{}), uintptr(48))
	var q Inbox
	require.EqualValues(t, line, unsafe.Offsetof(q.mu))
	require.EqualValues(t, 2*line, unsafe.Offsetof(q.claimed))
	require.EqualValues(t, 3*line, unsafe.Offsetof(q.busy))
	// Objects of three and of four lines begin on a line.
	require.LessOrEqual(t, unsafe.Sizeof(q), uintptr(4*line))
	require.Greater(t, unsafe.Sizeof(q), uintptr(3*line+32))
	var c call
	require.EqualValues(t, line, unsafe.Offsetof(c.task))
	require.EqualValues(t, 2*line, unsafe.Offsetof(c.Frame))
	require.LessOrEqual(t, unsafe.Sizeof(c), uintptr(3*line))
	require.Greater(t, unsafe.Sizeof(c), uintptr(2*line+32))
}
