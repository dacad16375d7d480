//go:build !linux

package testkit

func rememberOSThread(uint64) {}

func osThreadsLeft() []uint64 { return nil }
