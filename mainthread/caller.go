package mainthread

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
)

// mustBeMain panics unless it is called on func main's goroutine, on the process's
// startup thread, and on no Thread.
//
// Being on the startup thread is not enough: initialisers are too, and in a library
// the C program's main thread is that of a goroutine which comes and goes with each
// call. Being on func main's goroutine is not enough either, since that can unlock
// itself.
func mustBeMain() {
	if on := ste.Current(); on != (ste.Tag{}) {
		panic(fmt.Sprintf("ste: mainthread.Run on %v: one OS thread cannot be two Threads; use that one", on))
	}
	funcMain, mainGoroutine := callers()
	// M3: func main's goroutine, and on the main thread; else a panic that says the cure.
	if funcMain {
		if osthread.StartupKnown && !osthread.IsStartup() {
			panic("ste: mainthread.Run off the main OS thread: func main has called runtime.UnlockOSThread more often than runtime.LockOSThread and was moved; leave alone the lock that importing mainthread takes")
		}
		return
	}
	switch mode := buildMode(); {
	case mode == "c-archive" || mode == "c-shared":
		panic("ste: mainthread.Run in a library (-buildmode=" + mode + "): func main never runs here and the main thread is not Go's; call ste.Attach on the thread in question")
	case mainGoroutine:
		panic("ste: mainthread.Run in a package initialiser: func main cannot begin before it ends; call it from func main")
	default:
		panic("ste: mainthread.Run on another goroutine than func main's: only that one is on the main OS thread; call it from func main, or call ste.Attach on a thread that C has started")
	}
}

// callers looks at the whole stack of the caller: is func main on it, and is it that
// of the main goroutine, on which the initialisers run before func main does?
func callers() (funcMain, mainGoroutine bool) {
	pcs := make([]uintptr, 64)
	n := runtime.Callers(1, pcs)
	for n == len(pcs) { // func main is at the far end
		pcs = make([]uintptr, 4*n)
		n = runtime.Callers(1, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for more := n > 0; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		switch frame.Function {
		case "main.main":
			funcMain = true
		case "runtime.main":
			mainGoroutine = true
		}
	}
	return funcMain, mainGoroutine
}

// buildMode returns what go build was told by -buildmode, or "" where the linker was
// not told of it.
func buildMode() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "-buildmode" {
			return s.Value
		}
	}
	return ""
}
