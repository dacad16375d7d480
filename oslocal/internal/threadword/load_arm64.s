//go:build linux && !purego

#include "textflag.h"

// func Load(offset uintptr) uint64
TEXT ·Load(SB), NOSPLIT, $0-16
	MOVD offset+0(FP), R0
	MRS  TPIDR_EL0, R1
	MOVD (R1)(R0), R0
	MOVD R0, ret+8(FP)
	RET
