// Package trials holds the tests of no single noun, which use the library as its users
// do. What lies where:
//
//	fault_*      what users and systems do wrong: signals, forks, hooks that misbehave, too many Threads
//	input_*      every exported call with bad input, and docs/input.md, which is written from it
//	reference_*  an executor so plain that it must be right; reference_fuzz_test compares random programs with it
//	hammer_*     everything at once, at random: nested loops, Locals
//	kernel_*     WaitKernel, and what might disturb who sleeps in the kernel
//	bubble_*     testing/synctest
//	cgo_*        C that calls Go, and threads and event loops of C's
//	byhand_*     the README's table of what happens by hand and with ste
//	policy_*     what the tree must be like: imports, exported names, the promises' places and rows, what
//	             the documents name, and the Go in them
//
// Each noun's own tests lie beside it.
package trials
