package main

import (
	"encoding/binary"
	"io"
	"math"
	"slices"
)

// A wide decodes the samples that beep's decoder refuses: integers of 32 bits, and
// floating point of 32 or 64.
type wide struct {
	header
	r      io.Reader // every Read is a full one, or fails
	frames int       // that are left
	buf    []byte
	err    error
}

func (w *wide) Stream(out []frame) (n int, ok bool) {
	if w.err != nil {
		return 0, false
	}
	size := w.width()
	want := min(len(out), w.frames) * size
	w.buf = slices.Grow(w.buf[:0], want)[:want]
	n, w.err = w.r.Read(w.buf)
	n /= size
	w.frames -= n
	for i := range n {
		b := w.buf[i*size:]
		left := w.sample(b)
		out[i] = frame{left, left}
		if w.channels == 2 {
			out[i][1] = w.sample(b[w.bits/8:])
		}
	}
	return n, n > 0
}

// sample decodes the first sample of b. Floating point can say what no sound is, and
// one NaN would stay in the echo for good: it becomes silence, and what is beyond full
// scale becomes full scale.
func (w *wide) sample(b []byte) float64 {
	var v float64
	switch {
	case !w.float:
		return float64(int32(binary.LittleEndian.Uint32(b))) / (1 << 31)
	case w.bits == 32:
		v = float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	default:
		v = math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	if math.IsNaN(v) {
		return 0
	}
	return min(max(v, -1), 1)
}

func (w *wide) Err() error { return w.err }
