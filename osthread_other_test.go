//go:build !linux

package ste_test

func rememberOSThread(uint64) {}

func osThreadsLeft() []uint64 { return nil }
