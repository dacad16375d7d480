package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/gopxl/beep/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var list = chunk("LIST", []byte("INFOISFT\x05\x00\x00\x00Lavf\x00")) // of an odd size

func TestSourceReads(t *testing.T) {
	for name, s := range map[string]sound{
		"8 bit mono":            {bits: 8},
		"8 bit stereo":          {bits: 8, channels: 2},
		"16 bit mono":           {bits: 16},
		"16 bit stereo":         {bits: 16, channels: 2},
		"24 bit mono":           {bits: 24},
		"24 bit stereo":         {bits: 24, channels: 2},
		"32 bit mono":           {bits: 32},
		"32 bit stereo":         {bits: 32, channels: 2},
		"32 bit float mono":     {code: ieeeFloat, bits: 32},
		"32 bit float stereo":   {code: ieeeFloat, bits: 32, channels: 2},
		"64 bit float mono":     {code: ieeeFloat, bits: 64},
		"64 bit float stereo":   {code: ieeeFloat, bits: 64, channels: 2},
		"float, extensible":     {code: ieeeFloat, bits: 32, channels: 2, extensible: true},
		"float, size unknown":   {code: ieeeFloat, bits: 32, claim: 0xffffffff},
		"extensible":            {bits: 24, channels: 2, extensible: true},
		"other chunks":          {before: append(list, list...)},
		"size unknown, sox":     {claim: 0x7ffff000},
		"size unknown, ffmpeg":  {claim: 0xffffffff},
		"part of a frame after": {channels: 2, claim: 4*5000 - 2},
	} {
		t.Run(name, func(t *testing.T) {
			s.frames = 5000
			want := s.frames
			if s.claim%4 == 2 {
				want--
			}
			content := s.bytes()
			src, err := newSource("in.wav", bytes.NewReader(content), int64(len(content)))
			require.NoError(t, err)
			require.Equal(t, want, src.frames)

			got := make([]frame, want)
			n, ok := src.Stream(got)
			require.True(t, ok)
			require.Equal(t, want, n)
			for i, f := range got {
				require.InDelta(t, ramp(i), f[0], 0.01, "frame %d", i)
				require.InDelta(t, ramp(i), f[1], 0.01, "frame %d", i)
			}
			n, ok = src.Stream(got)
			assert.Zero(t, n)
			assert.False(t, ok)
			assert.NoError(t, src.Err())
		})
	}
}

// refused are files that are not handled, with words of the message.
func refused() map[string]struct {
	content []byte
	want    string
} {
	whole := sound{frames: 1000}.bytes()
	many := bytes.Repeat(chunk("junk", nil), 1<<16)
	type r = struct {
		content []byte
		want    string
	}
	return map[string]r{
		"empty file":           {nil, "not a WAV file"},
		"text":                 {[]byte("Dear diary, today I was renamed to .wav.\n"), "not a WAV file"},
		"other RIFF":           {append([]byte("RIFF\x04\x00\x00\x00AVI "), whole...), "not a WAV file"},
		"cut in the chunks":    {whole[:30], "truncated WAV file"},
		"cut before the sound": {whole[:38], "truncated WAV file"},
		"cut in the sound":     {whole[:len(whole)-1], "truncated WAV file: 2000 bytes of sound promised, 1999 there"},
		"no samples":           {sound{}.bytes(), "no sound in it"},
		"no format":            {riff(chunk("data", make([]byte, 100))), "damaged WAV file: the sound comes before its format"},
		"short format":         {riff(chunk("fmt ", make([]byte, 8))), "damaged WAV file: its format is cut short"},
		"FLAC":                 {[]byte("fLaC\x00\x00\x00\x22\x10\x00\x10\x00"), "not a WAV file but FLAC; convert it, for example: ffmpeg -i in.flac out.wav, or: sox in.flac out.wav"},
		"MP3, with a tag":      {[]byte("ID3\x04\x00\x00\x00\x00\x00\x23TSSE"), "not a WAV file but MP3; convert it, for example: ffmpeg -i in.mp3 out.wav"},
		"MP3":                  {[]byte("\xff\xfb\x90\x64\x00\x00\x00\x00\x00\x00\x00\x00"), "not a WAV file but MP3; convert it"},
		"MP3, short":           {[]byte("\xff\xf3"), "not a WAV file but MP3; convert it"},
		"UTF-16":               {[]byte("\xff\xfeD\x00e\x00a\x00r\x00"), "not a WAV file\n"},
		"Ogg":                  {[]byte("OggS\x00\x02\x00\x00\x00\x00\x00\x00"), "not a WAV file but Ogg; convert it"},
		"AIFF":                 {[]byte("FORM\x00\x00\x10\x00AIFF"), "not a WAV file but AIFF; convert it"},
		"16-bit float":         {sound{code: ieeeFloat, bits: 16, align: 2}.bytes(), "16-bit floating point samples are not handled, only PCM of 8, 16, 24 or 32 bits and floating point of 32 or 64 bits"},
		"mu-law":               {sound{code: 7, bits: 8, frames: 9}.bytes(), "samples of WAV format 0x0007"},
		"12 bit":               {sound{bits: 12, align: 2}.bytes(), "12-bit samples are not handled, only PCM of"},
		"float, cut":           {cut(sound{code: ieeeFloat, bits: 64, frames: 9}.bytes()), "truncated WAV file: 72 bytes of sound promised, 71 there"},
		"six channels":         {sound{channels: 6, frames: 9}.bytes(), "6 channels are not handled"},
		"rate too low":         {sound{rate: 1, frames: 9}.bytes(), "a sample rate of 1 Hz"},
		"rate too high":        {sound{rate: 1 << 31, frames: 9}.bytes(), "a sample rate of 2147483648 Hz"},
		"frame size":           {sound{align: 7, frames: 9}.bytes(), "damaged WAV file: frames of 7 bytes"},
		"huge chunk":           {riff([]byte("LIST\xff\xff\xff\xff")), "truncated WAV file"},
		"huge format":          {riff([]byte("fmt \xff\xff\xff\xff")), "truncated WAV file"},
		"sound too big":        {sound{frames: 9, claim: 0x7fffefff}.bytes(), "truncated WAV file"},
		"endless chunks":       {riff(many), "not a WAV file: no sound in the first 1000 chunks"},
	}
}

func cut(content []byte) []byte { return content[:len(content)-1] }

func TestSourceRefuses(t *testing.T) {
	for name, r := range refused() {
		t.Run(name, func(t *testing.T) {
			_, err := newSource("in.wav", bytes.NewReader(r.content), int64(len(r.content)))
			require.Error(t, err)
			assert.Contains(t, err.Error()+"\n", "in.wav: "+r.want)
		})
	}
}

// Floating point holds what is no sound: it becomes silence, or as loud as it gets.
func TestSourceFloatExtremes(t *testing.T) {
	values := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1.5, -7, 0.5, -1}
	want := []float64{0, 1, -1, 1, -1, 0.5, -1}
	for _, bits := range []int{32, 64} {
		content := sound{code: ieeeFloat, bits: bits, frames: len(values)}.bytes()
		samples := content[plainSize:plainSize]
		for _, v := range values {
			if bits == 32 {
				samples = binary.LittleEndian.AppendUint32(samples, math.Float32bits(float32(v)))
			} else {
				samples = binary.LittleEndian.AppendUint64(samples, math.Float64bits(v))
			}
		}
		require.Len(t, content, plainSize+len(samples))
		src, err := newSource("in.wav", bytes.NewReader(content), int64(len(content)))
		require.NoError(t, err)
		got := make([]frame, len(values)+1)
		n, ok := src.Stream(got)
		require.True(t, ok)
		require.Equal(t, len(values), n)
		for i, v := range want {
			assert.Equal(t, frame{v, v}, got[i], "%v", values[i])
		}
	}
}

// The result of 2 GiB and more does not fit into a WAV file; mono becomes stereo,
// so half of that is too long already. The samples are not looked at.
func TestSourceRefusesTooLong(t *testing.T) {
	content := sound{frames: 1, claim: 0xffffffff}.bytes() // to the end of the file
	open := func(size int64) error {
		_, err := newSource("in.wav", bytes.NewReader(content), size)
		return err
	}
	require.NoError(t, open(1<<30))
	require.ErrorContains(t, open(1<<30+1024), "too long")
	require.ErrorContains(t, open(1<<31), "too long")
	require.ErrorContains(t, open(1<<33), "too long")
}

func TestOpenSourceRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := openSource(filepath.Join(dir, "none.wav"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = openSource(dir)
	require.ErrorContains(t, err, "not a regular file")
	if runtime.GOOS != "windows" {
		_, err = openSource(os.DevNull)
		require.ErrorContains(t, err, "not a regular file")
	}
}

// The file loses its end after the header was read.
func TestSourceShrinks(t *testing.T) {
	content := sound{frames: 100_000}.bytes()
	size := int64(len(content))
	for _, left := range []int{plainSize, plainSize + 1, 100_000, 100_001} {
		src, err := newSource("in.wav", bytes.NewReader(content[:left]), size)
		require.NoError(t, err)
		n, _ := drain(src)
		assert.Less(t, n, src.frames)
		assert.ErrorContains(t, src.Err(), "in.wav: the file became shorter")
	}
}

func TestSourceReadError(t *testing.T) {
	for _, s := range []sound{{frames: 1000}, {frames: 1000, bits: 32}, {frames: 1000, code: ieeeFloat, bits: 64}} {
		content := s.bytes()
		src, err := newSource("in.wav", faulty{bytes.NewReader(content)}, int64(len(content)))
		require.NoError(t, err)
		drain(src)
		assert.ErrorIs(t, src.Err(), errFaulty)
	}
}

// The same with wide samples: the frames that are there come, and then the error.
func TestSourceShrinksWide(t *testing.T) {
	content := sound{frames: 100_000, code: ieeeFloat, bits: 32, channels: 2}.bytes()
	size := int64(len(content))
	for left, want := range map[int]int{plainSize: 0, plainSize + 7: 0, plainSize + 8: 1, 100_000: 12494} {
		src, err := newSource("in.wav", bytes.NewReader(content[:left]), size)
		require.NoError(t, err)
		n, ok := drain(src)
		assert.False(t, ok)
		assert.Equal(t, want, n)
		assert.ErrorContains(t, src.Err(), "in.wav: the file became shorter")
	}
}

var errFaulty = errors.New("bad sector")

// faulty cannot read the samples.
type faulty struct{ io.ReaderAt }

func (f faulty) ReadAt(p []byte, offset int64) (int, error) {
	if offset >= plainSize {
		return 0, errFaulty
	}
	return f.ReaderAt.ReadAt(p, offset)
}

// drain streams until the end, as a Streamer promises one: at most one call
// after the last frame.
func drain(s beep.Streamer) (frames int, ok bool) {
	buf := make([]frame, 512)
	for {
		n, ok := s.Stream(buf)
		frames += n
		if n == 0 {
			return frames, ok
		}
	}
}

// Whatever the file holds, reading it neither panics nor hangs, and gives as
// many frames as it says or an error.
func FuzzSource(f *testing.F) {
	for _, r := range refused() {
		if len(r.content) < 1<<12 {
			f.Add(r.content)
		}
	}
	f.Add(sound{bits: 24, channels: 2, extensible: true, before: list, frames: 100}.bytes())
	f.Add(sound{bits: 8, frames: 99, claim: 0xffffffff}.bytes())
	f.Add(sound{bits: 32, channels: 2, frames: 99}.bytes())
	f.Add(sound{code: ieeeFloat, bits: 32, extensible: true, frames: 99}.bytes())
	f.Add(sound{code: ieeeFloat, bits: 64, channels: 2, frames: 99}.bytes())
	f.Fuzz(func(t *testing.T, content []byte) {
		src, err := newSource("in.wav", bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return
		}
		n, ok := drain(src)
		if n != src.frames || ok || src.Err() != nil {
			t.Fatalf("%d of %d frames, ok %v, %v", n, src.frames, ok, src.Err())
		}
		if src.frames > len(content) {
			t.Fatalf("%d frames in %d bytes", src.frames, len(content))
		}
	})
}
