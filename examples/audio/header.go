package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// A header is what a WAV file says about its samples, checked: a format the
// program handles, at least one frame, and all of it there.
type header struct {
	channels, bits int
	float          bool // floating point, not integers
	rate           int
	offset, size   int64 // where the samples lie in the file; whole frames
}

const (
	minRate, maxRate = 1000, 384000

	// maxChunks bounds what may come before the samples. A handful is usual; a
	// file made to annoy has one every eight bytes.
	maxChunks = 1000

	// pipeSize is the least size that programs write which cannot know it when
	// they write the header, because they write to a pipe: 0x7ffff000 for
	// espeak-ng and sox, all ones for ffmpeg. The samples go to the end of the
	// file then.
	pipeSize = 0x7ffff000

	plainSize = 44 // bytes of a header that plain returns

	// handled and howto end the messages about formats that other programs can convert.
	handled = "only PCM of 8, 16, 24 or 32 bits and floating point of 32 or 64 bits"
	howto   = "convert it, for example: sox in.wav -b 16 -e signed-integer -c 2 out.wav"
)

// The codes of sample formats in a "fmt " chunk.
const (
	pcm        = 1
	ieeeFloat  = 3
	extensible = 0xfffe // the code is the start of a GUID further on
)

var errNoSound = errors.New("truncated WAV file: it ends before the sound begins")

// readHeader reads the header of a WAV file of the given size. It reads a few
// bytes of each chunk and allocates nothing that the file has a say in.
func readHeader(r io.ReaderAt, size int64) (header, error) {
	var riff [12]byte
	n, _ := r.ReadAt(riff[:], 0)
	if n < len(riff) || string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return header{}, notWAV(riff[:n])
	}
	var h header
	offset := int64(len(riff))
	for range maxChunks {
		var chunk [8]byte
		if !readAt(r, chunk[:], offset) {
			return header{}, errNoSound
		}
		offset += int64(len(chunk))
		length := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			if err := h.readFormat(r, offset, length); err != nil {
				return header{}, err
			}
		case "data":
			return h, h.setData(offset, length, size)
		}
		offset += length + length%2 // chunks begin at even offsets
	}
	return header{}, fmt.Errorf("not a WAV file: no sound in the first %d chunks", maxChunks)
}

// readFormat reads the body of a "fmt " chunk.
func (h *header) readFormat(r io.ReaderAt, offset, length int64) error {
	var body [40]byte
	b := body[:min(length, int64(len(body)))]
	if len(b) < 16 {
		return errors.New("damaged WAV file: its format is cut short")
	}
	if !readAt(r, b, offset) {
		return errNoSound
	}
	code := binary.LittleEndian.Uint16(body[0:])
	if code == extensible {
		code = binary.LittleEndian.Uint16(body[24:]) // 0 if the chunk is too short
	}
	h.channels = int(binary.LittleEndian.Uint16(body[2:]))
	h.bits = int(binary.LittleEndian.Uint16(body[14:]))
	h.float = code == ieeeFloat
	rate := binary.LittleEndian.Uint32(body[4:])
	align := int(binary.LittleEndian.Uint16(body[12:]))

	switch {
	case code != pcm && code != ieeeFloat:
		return fmt.Errorf("samples of WAV format %#04x are not handled, %s; %s", code, handled, howto)
	case h.float && h.bits != 32 && h.bits != 64:
		return fmt.Errorf("%d-bit floating point samples are not handled, %s; %s", h.bits, handled, howto)
	case !h.float && h.bits != 8 && h.bits != 16 && h.bits != 24 && h.bits != 32:
		return fmt.Errorf("%d-bit samples are not handled, %s; %s", h.bits, handled, howto)
	case h.channels != 1 && h.channels != 2:
		return fmt.Errorf("%d channels are not handled, only mono and stereo; %s", h.channels, howto)
	case rate < minRate || rate > maxRate:
		return fmt.Errorf("a sample rate of %d Hz is not handled, only %d to %d Hz; %s", rate, minRate, maxRate, howto)
	case align != h.width():
		return fmt.Errorf("damaged WAV file: frames of %d bytes for %d channels of %d bits", align, h.channels, h.bits)
	}
	h.rate = int(rate)
	return nil
}

// setData takes over where the samples lie. size is that of the file.
func (h *header) setData(offset, length, size int64) error {
	if h.channels == 0 {
		return errors.New("damaged WAV file: the sound comes before its format")
	}
	left := max(0, size-offset)
	switch {
	case length <= left:
	case length >= pipeSize:
		length = left
	default:
		return fmt.Errorf("truncated WAV file: %d bytes of sound promised, %d there", length, left)
	}
	frames := length / int64(h.width())
	if frames == 0 {
		return errors.New("no sound in it")
	}
	h.offset, h.size = offset, frames*int64(h.width())

	// The decoder and the encoder count bytes in an int32.
	most := math.MaxInt32 - plainSize
	if h.size > int64(most) || frames > int64(most/outputFormat(h.rate, h.bits/8).Width()) {
		return errors.New("too long: the result would not fit into the 2 GiB of a WAV file; cut it into pieces")
	}
	return nil
}

func (h header) width() int { return h.channels * h.bits / 8 }

// wide reports whether beep's decoder refuses the samples.
func (h header) wide() bool { return h.float || h.bits > 24 }

// plain returns the header in its plainest form, for samples that are not wide.
func (h header) plain() []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, plainSize)
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(plainSize-8+h.size))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, pcm)
	b = le.AppendUint16(b, uint16(h.channels))
	b = le.AppendUint32(b, uint32(h.rate))
	b = le.AppendUint32(b, uint32(h.rate*h.width()))
	b = le.AppendUint16(b, uint16(h.width()))
	b = le.AppendUint16(b, uint16(h.bits))
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(h.size))
}

// readAt reports whether the file has len(p) bytes at offset, and reads them.
func readAt(r io.ReaderAt, p []byte, offset int64) bool {
	n, _ := r.ReadAt(p, offset)
	return n == len(p)
}
