package main

import _ "embed"

// The sound that plays without -in: eight seconds of mono speech, made with
// espeak-ng 1.51.
//
//go:generate espeak-ng -v en-gb -s 165 -w speech.wav "Hello. I live on a thread of my own. While I speak, other threads turn my volume, my balance, my speed and my echo."
//go:embed speech.wav
var speech []byte
