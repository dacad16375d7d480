package main

import (
	"bytes"
	"errors"
	"fmt"
)

// notWAV is the error about a file that is none; its first bytes may tell what it is
// instead.
func notWAV(head []byte) error {
	name, ext := "", ""
	begins := func(text string) bool { return bytes.HasPrefix(head, []byte(text)) }
	switch {
	case begins("fLaC"):
		name, ext = "FLAC", "flac"
	case begins("OggS"):
		name, ext = "Ogg", "ogg"
	case begins("FORM"):
		name, ext = "AIFF", "aiff"
	case begins("ID3"), // a tag that stands before hardly anything else
		len(head) > 1 && head[0] == 0xff && head[1]&0xe6 == 0xe2: // a frame of layer III
		name, ext = "MP3", "mp3"
	default:
		return errors.New("not a WAV file")
	}
	return fmt.Errorf("not a WAV file but %s; convert it, for example: ffmpeg -i in.%s out.wav, or: sox in.%s out.wav", name, ext, ext)
}
