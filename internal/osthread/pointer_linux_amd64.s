//go:build !purego && !ste_explore

#include "textflag.h"

// func pointer() uint64
TEXT ·pointer(SB), NOSPLIT, $0-8
	RDFSBASEQ AX
	MOVQ AX, ret+0(FP)
	RET
