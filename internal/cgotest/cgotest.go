//go:build cgo

// Package cgotest calls Go from C, for tests: test files cannot use cgo
// themselves.
package cgotest

/*
extern void steCallback(void);
static void call(void) { steCallback(); }
*/
import "C"

var callback func()

//export steCallback
func steCallback() { callback() }

// CallFromC lets C, called on the current thread, call f. One call at a time.
func CallFromC(f func()) {
	callback = f
	C.call()
	callback = nil
}
