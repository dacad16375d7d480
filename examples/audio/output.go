package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gopxl/beep/v2"
	"github.com/gopxl/beep/v2/wav"
)

// An output is a WAV file being written: a temporary file beside the place where
// the result will be. commit gives it its name in one step, discard leaves no
// trace.
//
// A goroutine of its own encodes and writes, so that a slow disk does not hold
// up the blocks: buffer and put only hand buffers to and fro.
type output struct {
	name     string // where the result goes, absolute
	replaces bool   // something of that name exists
	format   beep.Format
	file     *os.File

	free, full chan []frame

	// Of the encoding goroutine.
	block, rest []frame       // the block being encoded, and what is left of it
	ended       chan struct{} // closed at its end
	err         error         // why; written before ended is closed

	closed bool // commit or discard was called
}

// buffered is how many frames the encoding may lag behind, at least.
const buffered = 1 << 15

// outputFormat is that of the result: stereo, for the balance, and 16 bits or, for
// finer sounds, the 24 that the encoder can write.
func outputFormat(rate, precision int) beep.Format {
	return beep.Format{SampleRate: beep.SampleRate(rate), NumChannels: 2, Precision: min(max(2, precision), 3)}
}

// createOutput looks whether the result may go to name and starts a temporary
// file beside it.
func createOutput(name string, src *source) (*output, error) {
	if !strings.EqualFold(filepath.Ext(name), ".wav") {
		return nil, fmt.Errorf("-out %s: the name must end in .wav", name)
	}
	o := &output{
		format: outputFormat(int(src.format.SampleRate), src.format.Precision),
		ended:  make(chan struct{}),
	}
	if err := o.place(name, src.file); err != nil {
		return nil, fmt.Errorf("-out %s: %w", name, err)
	}
	tmp := filepath.Join(filepath.Dir(o.name), ".ste-audio-"+rand.Text()+".tmp")
	var err error
	// Not os.CreateTemp: the result should have the permissions of any new file.
	o.file, err = os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("-out %s: cannot write there: %w", name, reason(err))
	}
	return o, nil
}

// place finds out where the result goes and whether it may go there.
func (o *output) place(name string, in *os.File) (err error) {
	if o.name, err = filepath.Abs(name); err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(o.name); err == nil {
		o.name = target // a link stays a link
	}
	info, err := os.Stat(o.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return reason(err)
	}
	if !info.Mode().IsRegular() {
		return errors.New("exists and is not a regular file")
	}
	if in != nil {
		if i, err := in.Stat(); err != nil || os.SameFile(info, i) {
			return errors.New("is the input file")
		}
	}
	o.replaces = true
	return replaceable(o.name, info.Size())
}

// replaceable reports why an existing file must stay: it is write-protected, or
// holds something else than sound. An empty file may go.
func replaceable(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("exists and cannot be replaced: %w", reason(err))
	}
	defer f.Close()
	var head [12]byte
	if size > 0 && (!readAt(f, head[:], 0) || !bytes.HasPrefix(head[:], []byte("RIFF")) || string(head[8:]) != "WAVE") {
		return errors.New("exists and is not a WAV file, so it is not replaced")
	}
	return nil
}

// reason is err without the name of the file, where a message has one already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// buffer returns a buffer of n frames to fill and put, or why the encoding has
// failed. n is the same for all blocks but the last, which may be shorter.
func (o *output) buffer(n int) ([]frame, error) {
	if o.full == nil {
		o.start(n)
	}
	select {
	case b := <-o.free:
		return b[:n], nil
	case <-o.ended:
		return nil, o.err
	}
}

// put hands a filled buffer to the encoding. There is room for every buffer.
func (o *output) put(block []frame) { o.full <- block }

// start makes the buffers and starts the encoding.
func (o *output) start(frames int) {
	n := min(max(buffered/frames, 4), 1024)
	o.free, o.full = make(chan []frame, n), make(chan []frame, n)
	for range n {
		o.free <- make([]frame, frames)
	}
	go func() {
		defer close(o.ended)
		o.err = wav.Encode(o.file, beep.StreamerFunc(o.stream), o.format)
	}()
}

// stream is how the encoder takes its frames.
func (o *output) stream(samples []frame) (n int, ok bool) {
	for n < len(samples) {
		if len(o.rest) == 0 {
			if o.block != nil {
				o.free <- o.block
			}
			o.block = <-o.full
			o.rest = o.block
			if o.block == nil {
				break // closed: the sound is over
			}
		}
		k := copy(samples[n:], o.rest)
		o.rest = o.rest[k:]
		n += k
	}
	return n, n > 0
}

// commit completes the file and gives it its name.
func (o *output) commit() error {
	err := o.end()
	if err == nil {
		err = os.Rename(o.file.Name(), o.name)
	}
	if err != nil {
		os.Remove(o.file.Name())
		return fmt.Errorf("-out %s: %w", o.name, reason(err))
	}
	return nil
}

// discard removes the file, unless commit has been called.
func (o *output) discard() {
	if !o.closed {
		o.end()
		os.Remove(o.file.Name())
	}
}

// end ends the encoding and closes the file.
func (o *output) end() error {
	o.closed = true
	if o.full != nil {
		close(o.full)
		<-o.ended
	}
	return errors.Join(o.err, o.file.Close())
}

// String tells what was written where.
func (o *output) String() string {
	s := o.name + ", " + formatName(o.format)
	if o.replaces {
		s += " (replaced the earlier file)"
	}
	return s
}
