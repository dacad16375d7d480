package main

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/gopxl/beep/v2"
	"github.com/gopxl/beep/v2/wav"
	"github.com/stretchr/testify/require"
)

// sound describes a WAV file for a test to build. The zero values stand for what
// is usual.
type sound struct {
	code, channels, bits, rate, align int
	extensible                        bool   // hide code in a GUID
	before                            []byte // chunks between format and samples
	frames                            int    // of a ramp
	claim                             uint32 // size of the samples as the header has it
}

func (s sound) bytes() []byte {
	def := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	def(&s.code, pcm)
	def(&s.channels, 1)
	def(&s.bits, 16)
	def(&s.rate, 8000)
	def(&s.align, s.channels*s.bits/8)

	le := binary.LittleEndian
	code := s.code
	if s.extensible {
		code = extensible
	}
	format := le.AppendUint16(nil, uint16(code))
	format = le.AppendUint16(format, uint16(s.channels))
	format = le.AppendUint32(format, uint32(s.rate))
	format = le.AppendUint32(format, uint32(s.rate*s.align))
	format = le.AppendUint16(format, uint16(s.align))
	format = le.AppendUint16(format, uint16(s.bits))
	if s.extensible {
		format = le.AppendUint16(format, 22)
		format = le.AppendUint16(format, uint16(s.bits))
		format = le.AppendUint32(format, 0)
		format = le.AppendUint16(format, uint16(s.code))
		format = append(format, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}

	var samples []byte
	for i := range s.frames {
		for range s.channels {
			if s.code == ieeeFloat {
				if s.bits == 32 {
					samples = le.AppendUint32(samples, math.Float32bits(float32(ramp(i))))
				} else {
					samples = le.AppendUint64(samples, math.Float64bits(ramp(i)))
				}
				continue
			}
			v := uint32(ramp(i) * math.MaxInt32)
			if s.bits == 8 {
				v ^= 1 << 31 // bytes are unsigned
			}
			var b [4]byte
			le.PutUint32(b[:], v)
			samples = append(samples, b[4-s.bits/8:]...)
		}
	}
	data := chunk("data", samples)
	if s.claim != 0 {
		le.PutUint32(data[4:], s.claim)
	}
	return riff(chunk("fmt ", format), s.before, data)
}

// file writes the sound to a file in dir.
func (s sound) file(t testing.TB, dir string) string {
	t.Helper()
	return file(t, dir, s.bytes())
}

// ramp is sample i of a sound: it tells where in the sound it comes from.
func ramp(i int) float64 { return float64(i%2000) / 4000 }

func chunk(id string, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32([]byte(id), uint32(len(body)))
	b = append(b, body...)
	if len(body)%2 == 1 {
		b = append(b, 0)
	}
	return b
}

func riff(chunks ...[]byte) []byte {
	body := bytes.Join(chunks, nil)
	b := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body)+4))
	return append(append(b, "WAVE"...), body...)
}

func file(t testing.TB, dir string, content []byte) string {
	t.Helper()
	name := filepath.Join(dir, "in.wav")
	require.NoError(t, os.WriteFile(name, content, 0o666))
	return name
}

// decode reads a WAV file whole, with beep alone: none of this program's code.
func decode(t testing.TB, content []byte) ([]frame, beep.Format) {
	t.Helper()
	s, format, err := wav.Decode(bytes.NewReader(content))
	require.NoError(t, err)
	frames := make([]frame, s.Len())
	n, _ := s.Stream(frames)
	require.Equal(t, s.Len(), n)
	require.NoError(t, s.Err())
	return frames, format
}
