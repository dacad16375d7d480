package oslocal

import "log/slog"

// An Option changes what New makes.
type Option interface{ apply(*options) }

type options struct {
	report func(error)
	word   any // func(*T) uintptr
}

type option func(*options)

func (o option) apply(opts *options) { o(opts) }

// WithErrorHandler sets what gets the errors of close that no caller waits for:
// those of threads that ended and of objects that were forgotten. It runs where
// close functions run, and holds up what is released next; a panic of
// its own ends the process. The default logs to slog.
func WithErrorHandler(f func(error)) Option {
	if f == nil {
		panic("oslocal: WithErrorHandler with a nil func")
	}
	return option(func(o *options) { o.report = f })
}

// WithKey gives the object a pthread key (on Windows an FLS index) of its own,
// which Key returns, so that C code can reach the slot: on a thread that has a
// value, pthread_getspecific(key) is what word returned for it, and NULL on all
// others. word is called once for each value, on its thread, right after open;
// it returns what C can use: an address in C's memory, a number, a cgo.Handle,
// never the address of Go memory.
//
// Take and the thread's end set the slot to NULL, and Close deletes the key: C
// must not use it from then on. What C stores in the slot, Go does not see.
//
// The key costs one of the few that the process has (see ErrNoKeys), and each new
// value one more call into C.
func WithKey[T any](word func(*T) uintptr) Option {
	if word == nil {
		panic("oslocal: WithKey with a nil func")
	}
	return option(func(o *options) { o.word = word })
}

func logError(err error) { slog.Error("oslocal: closing a value", "error", err) }
