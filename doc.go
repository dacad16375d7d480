// Package ste runs closures on one OS thread, for code that must not move
// between threads: OpenGL and SDL contexts, audio devices, COM apartments,
// ptrace, Linux network namespaces, per-thread credentials, Lua and V8 states,
// CUDA contexts.
//
// # The model
//
// A [Thread] is an executor: one goroutine locked to one OS thread. It runs the
// closures it is given, called tasks, one at a time:
//
//	t, err := ste.New(ste.WithName("gl"))
//	err = t.Submit(func() { ... })                            // run it there, wait
//	err = t.Post(func() { ... })                              // run it there, do not wait
//	v, err := ste.Call(t, func() (int, error) { ... })        // Submit with results
//	f, err := ste.Async(t, func() (int, error) { ... })       // Post with results, for f.Wait
//	err = t.Close()                                           // finish the work, end the OS thread
//
// Submit blocks its caller until the closure has ended, so the closure may use the
// caller's variables, and the caller may again afterwards: no error, cancellation or
// Close makes Submit return while the closure runs or may yet start.
//
// A [Tagged] holds a value that opens only on the Thread that made it. A [Tag]
// is the identity of a Thread; [Current] tells which Thread the code is on. A
// [Bound] is a value that is opened and used on its Thread and closed there
// exactly once, even if its user forgets to. A [Local] is a value for each Thread.
// A [Timer] is work that a Thread does at a time, or again and again.
//
// [Attach] makes a loop that is not ours a Thread: a GUI toolkit's, or a callback
// that C makes on a thread of its own. Package mainthread does so for the process's
// main thread.
//
// # On the Thread
//
// Code is on the Thread while it runs on the Thread's OS thread: tasks and
// hooks, what they call, callbacks that C makes from there, bodies of iter.Pull
// that they run. A goroutine that a task starts is not on the Thread: it runs
// wherever the Go scheduler likes.
//
// On the Thread, Submit, SubmitContext and Call run their closure at once, in
// place; so do Bind, and Do and Use of a Bound. Post and Async queue it.
//
// # Order and memory
//
// Tasks accepted from one goroutine start in the order in which they were
// accepted; all tasks of a Thread run in one total order, never two at a time.
// How tasks of different goroutines stand to each other is not fixed. Timers that
// are due come before the tasks that are queued.
//
// In the terms of the Go memory model, giving a closure to a Thread happens
// before the closure starts, and the end of the closure happens before the
// call that waited for it returns.
//
// # The life of a Thread
//
// New returns when the inits (WithInit) have run. Close refuses further work,
// drops the timers that are not due yet, runs what was accepted, closes the Bounds and
// the values of Locals that are left, newest first, runs the teardowns
// (WithTeardown) newest first and ends the OS thread. The OS thread is never replaced
// and, unless the Thread is attached, never used for anything else afterwards, so what
// the closures did to it goes with it: on Linux its name, namespaces, CPU affinity,
// priority, signal mask and more. Working directory, root and umask are the process's until the thread has
// called unshare(CLONE_FS) or unshare(CLONE_NEWNS). unix.Setuid, Setgid, Setreuid,
// Setregid, Setresuid and Setresgid change every thread of the process; the system
// calls themselves (unix.RawSyscall) change only this one, as unix.Setgroups,
// Setfsuid, Setfsgid and Capset do. While a thread has credentials of its own, one of
// those six, or syscall.Setgroups, that fails on it alone may end the process.
//
// A panic in a task becomes a panic of the caller that waits for it, with a
// *[PanicError]; a runtime.Goexit, and with it t.FailNow, ends that caller too.
// Neither ends the Thread.
//
// # Wrong uses
//
// Threads that wait for each other in a ring do not hang: the call that would
// close the ring returns an error that wraps [ErrDeadlock]. Waits through
// channels, mutexes or goroutines that a task started are not seen.
//
// A task must leave runtime.LockOSThread as it found it. Stray unlocks or locks
// are put right, every few tasks. A task that unlocks dozens of times gives its
// OS thread away for the time being; if the runtime then moves the Thread, the process
// ends within 15 tasks. One that locks over a thousand times may end it at Close. On an
// attached Thread, and in what RunPending and Run run, a task that leaves the count
// changed ends the process.
//
// STE_DEBUG=stacks in the environment lets every Tagged remember where it was
// made, for the message of a wrong use.
//
// Misuse panics, or returns an error, with a text that begins with "ste: " and
// names the rule and the Threads involved.
//
// # Systems
//
// All of this holds on Linux, macOS and Windows. On the BSDs Close leaves one parked
// thread behind (golang/go#52394). OpenBSD, Solaris, illumos, AIX and Plan 9 do not
// number their threads, and js and wasip1 have only one: docs/systems.md says what a
// Thread is there.
package ste
