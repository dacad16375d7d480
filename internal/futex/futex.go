// Package futex lets an OS thread sleep in the kernel until a word changes, beside the Go
// scheduler: on Linux by the futex system call.
//
// unsafe is here because the kernel takes the word by its address. The package can go when
// Go can park a locked goroutine without giving its processor away.
package futex
