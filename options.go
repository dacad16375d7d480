package ste

import "fmt"

// An Option sets something of a Thread that New or Attach makes. Options apply in the
// order given; of two that set the same thing the later wins, except that every
// WithInit and every WithTeardown counts.
type Option interface {
	apply(*config)
}

type config struct {
	name    string
	limit   int
	limited bool
	wait    WaitStrategy
	waker   func()
	extras
}

// extras are what few Threads have.
type extras struct {
	hooks   []hook // in the order of the options
	handler func(error)
}

var plain extras // of all that have none

// A hook is one WithInit or WithTeardown.
type hook struct {
	teardown bool
	f        func() error
}

type option func(*config)

func (o option) apply(c *config) { o(c) }

// WithName names the Thread. Messages and Tag.Name have the name whole; the OS
// thread gets what fits (15 bytes on Linux; Windows too has thread names, other
// systems need cgo for them). In goroutine dumps and profiles the Thread has
// the pprof label "ste" with this name; goroutines that a task starts inherit
// labels, as in all Go programs. An attached Thread gets neither that label nor the OS
// thread's name. The default is no name.
func WithName(name string) Option {
	return option(func(c *config) { c.name = name })
}

// WithInit makes f the first thing to run on the Thread, before New returns. An
// error or panic of f is New's error, and a Goexit ends New's caller; in all
// three cases no Thread is made, and the teardowns listed before this option
// run.
func WithInit(f func() error) Option {
	need(f != nil, "WithInit", "func")
	return option(func(c *config) { c.hooks = append(c.hooks, hook{f: f}) })
}

// WithTeardown makes f the last thing to run on the Thread. Several teardowns
// run newest first. Their errors, panics and Goexits are joined into Close's
// error; none keeps another from running.
func WithTeardown(f func() error) Option {
	need(f != nil, "WithTeardown", "func")
	return option(func(c *config) { c.hooks = append(c.hooks, hook{teardown: true, f: f}) })
}

// WithQueueLimit bounds how many tasks of Post and Async may be queued at one
// time. More get ErrQueueFull. The task that runs does not count, nor do Submit
// and Call, whose callers wait. An n <= 0 is New's error. The default is no
// bound.
func WithQueueLimit(n int) Option {
	return option(func(c *config) { c.limit, c.limited = n, true })
}

// WithErrorHandler sets the function that gets what no caller can receive:
//
//   - the *PanicError of a Post, of a timer, or of an Async that no Wait took
//   - the error of the close of a Bound, or of a Local's value, that no Close waits for
//   - Close's error of a Thread that was forgotten
//   - the errors of the teardowns after an init has called runtime.Goexit
//   - the errors of the closing after the body of an Attach has panicked or called
//     runtime.Goexit
//
// The text of a *PanicError holds the whole stack; its Value is what the task panicked
// with. f gets a panic on the Thread, between two tasks: that of a Post or a timer at
// once. It gets the error of a close on the Thread too, but in the middle of the task
// that closes, and the rest on a goroutine of its own, when the Thread has ended.
// Without a handler the panics of the first line end the process, as any goroutine's
// panic does, and the rest goes to slog. A handler that panics ends the process; one
// that calls runtime.Goexit just ends.
func WithErrorHandler(f func(error)) Option {
	need(f != nil, "WithErrorHandler", "func")
	return option(func(c *config) { c.handler = f })
}

// A WaitStrategy says how a Thread, and those who wait for it, wait. With one
// processor (GOMAXPROCS) none of them spins; in a testing/synctest bubble and on
// js/wasm all of them sleep in Go's scheduler. The figures are of a 2-core x86-64
// virtual machine; docs/performance.md has all.
type WaitStrategy int

const (
	// WaitAdaptive measures whether it pays to spin instead of sleeping, and does
	// what is quicker: a round trip of 0.3 to 1 us while work flows, also within a
	// burst of calls; after a pause some 20 to 100 us, which is what the machine
	// needs to wake up. While it spins, the Thread uses up to a processor of its own, and
	// for at most 0.1 ms after the last task; lone calls do not make it spin. An
	// idle Thread uses no CPU time. It is the default.
	WaitAdaptive WaitStrategy = iota
	// WaitPark always sleeps when there is nothing to do, and so does who waits
	// for a task. It uses the least CPU time: nothing while idle, some 15 us for
	// each task that finds the Thread asleep.
	WaitPark
	// WaitSpin never sleeps: the Thread uses one processor whole, as long as it
	// lives. A round trip takes 0.5 to 1 us while work flows, and 1 to 4 us after a
	// pause of any length, in which the caller's processor has gone cold. It is
	// meant for a Thread with a core of its own, and slows everything down where
	// there is none to spare, itself included.
	WaitSpin
	// WaitKernel never spins, and waits in the kernel: the Thread's OS thread sleeps in
	// a system call of its own and not in Go's scheduler, and so it does while a task of
	// it waits in Submit, Call, Do or Use. Who calls it after a pause gets the quickest
	// answer that there is without spinning, and pays for it in processor time; where no
	// processor is to spare it is slower than WaitPark, sometimes by far. Linux, and Go
	// 1.26 or newer; elsewhere it is WaitPark. Future.Wait, Close and calls with a
	// context that can end wait in Go's scheduler. Go's report that all goroutines are
	// asleep is lost while such a Thread waits.
	WaitKernel
)

// WithWaitStrategy sets how the Thread waits for work, and its callers for it.
func WithWaitStrategy(w WaitStrategy) Option {
	return option(func(c *config) { c.wait = w })
}

func configure(call string, opts []Option) (*config, error) {
	c := new(config)
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("ste: %s with a nil Option (number %d)", call, i+1))
		}
		o.apply(c)
	}
	if c.limited && c.limit <= 0 {
		return nil, fmt.Errorf("ste: WithQueueLimit(%d): a limit must be at least 1; leave the option out for no limit", c.limit)
	}
	if c.wait < WaitAdaptive || c.wait > WaitKernel {
		return nil, fmt.Errorf("ste: WithWaitStrategy(%d): no such strategy; use WaitAdaptive, WaitPark, WaitSpin or WaitKernel", c.wait)
	}
	return c, nil
}
