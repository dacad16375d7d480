package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gopxl/beep/v2"
	"github.com/gopxl/beep/v2/wav"
)

// A source is a sound being read: a beep.Streamer that knows its format and
// length. It reads as it streams, so a long sound needs no more memory than a
// short one.
type source struct {
	beep.Streamer
	name   string
	format beep.Format
	float  bool // floating point, not integers
	frames int
	file   *os.File // nil for the shipped speech
}

// openSource opens a WAV file, or the shipped speech for "". It has looked at
// the whole header when it returns: the sound is as long as it says.
func openSource(name string) (*source, error) {
	if name == "" {
		return newSource("the shipped speech", bytes.NewReader(speech), int64(len(speech)))
	}
	// Stat first: opening a named pipe would wait for its other end.
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, reason(err))
	}
	s, err := newSource(name, f, info.Size())
	if err != nil {
		f.Close()
		return nil, err
	}
	s.file = f
	return s, nil
}

func newSource(name string, r io.ReaderAt, size int64) (*source, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// The decoder trusts what it reads: sizes become allocations, and the end of
	// the file before the end of the sound becomes an endless loop. So it reads a
	// plain header made from the one that was checked, and then the samples.
	samples := whole{bufio.NewReaderSize(io.NewSectionReader(r, h.offset, h.size), 1<<16)}
	if h.wide() {
		format := beep.Format{SampleRate: beep.SampleRate(h.rate), NumChannels: h.channels, Precision: h.bits / 8}
		frames := int(h.size) / h.width()
		return &source{Streamer: &wide{header: h, r: samples, frames: frames}, name: name, format: format, float: h.float, frames: frames}, nil
	}
	decoder, format, err := wav.Decode(io.MultiReader(bytes.NewReader(h.plain()), samples))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &source{Streamer: decoder, name: name, format: format, frames: decoder.Len()}, nil
}

// Close closes the file. The source must not be streaming any more.
func (s *source) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// Err returns the error that ended the stream early, or nil.
func (s *source) Err() error {
	if err := s.Streamer.Err(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// String tells what the sound is.
func (s *source) String() string {
	kind := ""
	if s.float {
		kind = " floating point"
	}
	return fmt.Sprintf("%s, %v, %v%s", s.name, s.length(), formatName(s.format), kind)
}

func (s *source) length() time.Duration {
	return s.format.SampleRate.D(s.frames).Round(10 * time.Millisecond)
}

func formatName(f beep.Format) string {
	channels := "mono"
	if f.NumChannels == 2 {
		channels = "stereo"
	}
	return fmt.Sprintf("%d Hz, %d bit, %s", f.SampleRate, 8*f.Precision, channels)
}

// whole makes every Read a full one: the decoder takes a short Read for the
// end. It is only asked for what the header promised, so an end of file in
// between is an error.
type whole struct{ r io.Reader }

func (w whole) Read(p []byte) (int, error) {
	n, err := io.ReadFull(w.r, p)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("the file became shorter while it was being read")
	}
	return n, err
}
