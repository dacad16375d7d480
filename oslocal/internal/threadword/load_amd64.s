//go:build linux && !purego

#include "textflag.h"

// func Load(offset uintptr) uint64
TEXT ·Load(SB), NOSPLIT, $0-16
	MOVQ offset+0(FP), AX
	BYTE $0x64 // the FS segment for the next instruction
	MOVQ (AX), AX
	MOVQ AX, ret+8(FP)
	RET
