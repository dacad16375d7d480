package testkit

import (
	"context"
	"log"
	"log/slog"
	"runtime"
	"testing"
)

// What users of the library do, also wrongly.

// BoomFrame panics. It is a function name to look for in stacks.
func BoomFrame(v any) { panic(v) }

// PanicOf returns what f panics with, which is an E.
func PanicOf[E any](t testing.TB, f func()) E {
	t.Helper()
	returned, v := Within(t, f)
	if e, ok := v.(E); ok && !returned {
		return e
	}
	t.Fatalf("returned: %v; panicked with %T: %[2]v", returned, v)
	panic("unreachable")
}

// StrayUnlocks unlocks the OS thread so often, too much.
func StrayUnlocks(n int) {
	for range n {
		runtime.UnlockOSThread()
	}
}

// StrayLocks locks the OS thread so often, and leaves it so.
func StrayLocks(n int) {
	for range n {
		runtime.LockOSThread()
	}
}

// LogTo sends what is logged to h until the test ends.
func LogTo(t *testing.T, h slog.Handler) {
	logger, w, flags := slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(h)) // and log's output with it
	t.Cleanup(func() {
		slog.SetDefault(logger)
		log.SetOutput(w)
		log.SetFlags(flags)
	})
}

// Ended returns a context that has ended.
func Ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// OddContext is a Context of somebody's own: Done may panic, Err may say nil for
// ever.
type OddContext struct {
	context.Context
	OnDone func() <-chan struct{}
}

// Done calls OnDone.
func (c OddContext) Done() <-chan struct{} { return c.OnDone() }
