package main

import (
	"math"

	"github.com/gopxl/beep/v2"
	"github.com/gopxl/beep/v2/effects"
	"github.com/gopxl/beep/v2/generators"
)

// frame is one sample of each channel, left and right.
type frame = [2]float64

// A chain is what the sound runs through: a tape of changing speed, an echo, a
// volume and a balance. It holds the state of all of them and has no lock: it
// lives in a Tagged, and only the Thread that made it can touch it.
type chain struct {
	knobs knobs // where the hands have put them

	// The effects follow the knobs.
	tape    *beep.Resampler
	echo    *effects.Gain
	volume  *effects.Volume
	balance *effects.Pan

	glide float64 // the part of the way to a knob that an effect goes per slice
	peak  float64 // the loudest sample since the last look
}

// knobs are the settings of a chain.
type knobs struct {
	speed   float64 // 1 is as recorded
	echo    float64 // how loud it is, 0 to 1
	volume  float64 // each 1 doubles the amplitude, 0 is as recorded
	balance float64 // -1 is left, 1 is right
}

const (
	// slice is how many frames pass between two looks at the knobs. An effect
	// that jumped to a new setting once per block would crackle.
	slice = 16
	// glideTime is how long, in seconds, an effect needs for most of the way to
	// a new setting.
	glideTime = 0.008
	// echoDelay is how many seconds the echo comes later.
	echoDelay = 0.22
	// tapeQuality is the Resampler's: 3 and 4 are meant for streams.
	tapeQuality = 3
)

func newChain(src beep.Streamer, rate beep.SampleRate) chain {
	c := chain{
		knobs: knobs{speed: 1},
		glide: 1 - math.Exp(-slice/(float64(rate)*glideTime)),
	}
	c.tape = beep.ResampleRatio(tapeQuality, 1, src)
	dry, wet := beep.Dup(c.tape)
	late := beep.Seq(generators.Silence(int(echoDelay*float64(rate))), wet)
	c.echo = &effects.Gain{Streamer: late, Gain: -1} // Gain multiplies by 1+Gain
	c.volume = &effects.Volume{Streamer: beep.Mix(dry, c.echo), Base: 2}
	c.balance = &effects.Pan{Streamer: c.volume}
	return c
}

// fill makes the next len(out) frames. When the sound is over, silence follows.
func (c *chain) fill(out []frame) {
	for len(out) > 0 {
		s := out[:min(slice, len(out))]
		c.follow()
		n, _ := c.balance.Stream(s)
		clear(s[n:])
		for _, f := range s {
			c.peak = max(c.peak, math.Abs(f[0]), math.Abs(f[1]))
		}
		out = out[len(s):]
	}
}

// follow moves the effects a bit towards the knobs.
func (c *chain) follow() {
	speed := c.tape.Ratio()
	c.tape.SetRatio(speed + c.glide*(c.knobs.speed-speed))
	c.echo.Gain += c.glide * (c.knobs.echo - 1 - c.echo.Gain)
	c.volume.Volume += c.glide * (c.knobs.volume - c.volume.Volume)
	c.balance.Pan += c.glide * (c.knobs.balance - c.balance.Pan)
}

// takePeak returns the loudest sample since the last call.
func (c *chain) takePeak() float64 {
	p := c.peak
	c.peak = 0
	return p
}
