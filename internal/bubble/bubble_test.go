package bubble

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestNumber(t *testing.T) {
	require.Zero(t, Number())
	require.False(t, Here())
	var last uint32
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			require.True(t, Here())
			require.Equal(t, Number(), Number())
			require.Greater(t, Number(), last)
			last = Number()
		})
	}
}

// Only a clock from before 1885 makes a goroutine outside of bubbles look at its
// header, so here are headers as the runtime writes them.
func TestLabelsAreNoBubble(t *testing.T) {
	for header, want := range map[string]uint32{
		"goroutine 7 [running]:\n":                                                    0,
		"goroutine 7 [running, locked to thread]:\n":                                  0,
		"goroutine 7 [running, synctest bubble 12]:\n":                                12,
		"goroutine 7 gp=0xc000002380 m=0 mp=0x5a1f40 [running, synctest bubble 12]:":  12,
		"goroutine 7 [running, locked to thread, synctest bubble 12] {a: b}:\n":       12,
		`goroutine 7 [running] {"a": "[, synctest bubble 3]"}:`:                       0,
		`goroutine 7 [running, synctest bubble 12] {"a": ", synctest bubble 3]"}:`:    12,
		`goroutine 7 [running, locked to thread] {ste: "gl, synctest bubble 3"}:`:     0,
		`goroutine 7 [running, locked to thread] {ste: ", synctest bubble 3, truncat`: 0,
		`goroutine 7 [running labels:{"a": ", synctest bubble 3"}]:`:                  0,
		`goroutine 7 [running, synctest bubble 12 labels:{"a": "b"}]:`:                12,
	} {
		require.Equal(t, want, numberIn([]byte(header)), header)
	}
}
