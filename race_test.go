//go:build race

package ste

const raceEnabled = true
