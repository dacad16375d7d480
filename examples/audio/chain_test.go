package main

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/gopxl/beep/v2/generators"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// With the knobs where they are at the start, the chain changes nothing,
// whatever the size of the blocks, and silence follows the sound.
func TestChainAtRest(t *testing.T) {
	want, format := decode(t, speech)
	for _, size := range []int{1, 7, 16, 128, 1000, maxFrames} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			src, err := newSource("speech", bytes.NewReader(speech), int64(len(speech)))
			require.NoError(t, err)
			c := newChain(src, format.SampleRate)
			var got []frame
			for len(got) < len(want)+1000 {
				block := make([]frame, size)
				c.fill(block)
				got = append(got, block...)
			}
			for i, f := range got {
				var w frame
				if i < len(want) {
					w = want[i]
				}
				if math.Abs(f[0]-w[0]) > 1e-9 || math.Abs(f[1]-w[1]) > 1e-9 {
					t.Fatalf("frame %d: %v, want %v", i, f, w)
				}
			}
			assert.NoError(t, src.Err())
		})
	}
}

// Each knob does what it says, and gets there without a jump.
func TestChainKnobs(t *testing.T) {
	const rate = 8000
	tone := func() chain {
		s, err := generators.SineTone(rate, 100)
		require.NoError(t, err)
		return newChain(s, rate)
	}
	second := make([]frame, rate)

	c := tone()
	c.fill(second)
	assert.InDelta(t, 1, c.takePeak(), 0.01)
	assert.Zero(t, c.takePeak())

	c.knobs.volume = -1
	c.fill(second[:rate/10])
	for i := 1; i < rate/10; i++ {
		assert.InDelta(t, second[i-1][0], second[i][0], 0.1, "frame %d", i)
	}
	c.takePeak()
	c.fill(second)
	assert.InDelta(t, 0.5, c.takePeak(), 0.01)

	c.knobs.balance = -1
	c.fill(second)
	last := second[rate-100:]
	assert.InDelta(t, 1, loudest(last, 0), 0.02)
	assert.InDelta(t, 0, loudest(last, 1), 0.02)

	c = tone()
	c.knobs.echo = 1
	c.fill(second)
	before, after := int(0.21*rate), int(0.23*rate)
	assert.InDelta(t, 1, loudest(second[:before], 0), 0.01)
	assert.InDelta(t, 2, loudest(second[after:], 0), 0.01) // 22 whole waves later

	c = tone()
	c.knobs.speed = 2
	c.fill(second)
	rises := 0
	for i := 1; i < rate; i++ {
		if second[i-1][0] < 0 && second[i][0] >= 0 {
			rises++
		}
	}
	assert.InDelta(t, 200, rises, 3)
}

func loudest(frames []frame, channel int) float64 {
	l := 0.0
	for _, f := range frames {
		l = max(l, math.Abs(f[channel]))
	}
	return l
}
