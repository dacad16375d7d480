// Package oslocal keeps values for OS threads: one per object and thread, on any
// thread, also one that C has made and that ste knows nothing about. It is for
// code that is called on such threads: audio callbacks that CoreAudio, JACK or
// ALSA make on a thread of theirs, and C libraries' workers that call into Go.
// For Threads of ste use ste.Local, whose values are closed on their Thread.
//
// # How it works
//
// All objects share one key of the operating system (pthread_key_create; on
// Windows FlsAlloc). What it keeps for a thread, in C's memory, is a number: no Go
// pointer is ever there. A thread gets its number when it first asks for a value
// and has it for life; each object has a table of values by number, so keys do not run
// out with the objects, and an object that is closed takes its table with it.
//
// On Linux on amd64 and arm64 the number is also in a __thread variable, which Go
// reads without a call into C, as exactly as C would (see internal/threadword). A table
// keyed by thread ids would not do: ids and addresses of threads are used again, and
// a variable begins anew with each thread.
//
// When a thread ends, the key's destructor, which is C and nothing but C, puts its
// number on a lock-free list and writes a byte to a pipe. A goroutine that sleeps in
// the runtime's poller, and costs no thread (on Windows it costs one), takes the
// list, closes the values of each thread, the newest first, and frees the
// number. A number is free only after that, and a living thread never has
// another's, so no value is ever taken for another thread's. The goroutine starts with the
// first value, and ends when no object that has had one is open; nothing polls.
//
// # What close may do
//
// Close functions run on goroutines of the package, never on the value's thread,
// which is gone or busy. While the values of an ended thread are closed, Get and TryGet
// there are about that thread: a value that it has and that is not yet closed is
// found, any other is ErrEnded, and none is made. In a close function that runs for
// Close or for a forgotten object, every value is ErrEnded.
// They run outside testing/synctest bubbles, unless Close was called in one.
//
// # What the end of a thread is
//
// A thread ends when its code returns or calls pthread_exit. Destructors of other
// keys may run before and after ours, and may call Go: before, values are there;
// after, TryGet says ErrEnded. A thread that first asks for a value in the last of
// the rounds that the system runs destructors in (Linux: the fourth) is not seen to
// end: that value is closed by Close. On Windows that holds for any first request,
// or request after our callback, while the thread ends. On Windows values belong to
// fibers once a thread uses fibers (ConvertThreadToFiber), and are closed after the
// fiber is deleted.
//
// Nothing is closed for threads that are alive when the process ends, and the
// process's first thread never ends in Go: when a goroutine locked to it ends, Go parks
// the thread. A Go thread ends when its goroutine ends without
// runtime.UnlockOSThread. A child of fork without exec must not use the package.
package oslocal
