//go:build !purego

#include "textflag.h"

// func Goroutine() uintptr
TEXT ·Goroutine(SB), NOSPLIT, $0-8
	MOVD g, R0
	MOVD R0, ret+0(FP)
	RET

// func Word(offset uintptr) uintptr
TEXT ·Word(SB), NOSPLIT, $0-16
	MOVD offset+0(FP), R0
	ADD g, R0
	MOVD (R0), R0
	MOVD R0, ret+8(FP)
	RET
