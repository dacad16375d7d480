package mainthread_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/ste-go/ste/mainthread"
	"github.com/stretchr/testify/require"
)

// misuse says what Run panics with where it may not be called.
func misuse() (panicked any) {
	defer func() { panicked = recover() }()
	mainthread.Run(func(*ste.Thread) { fmt.Println("f ran") })
	return "nothing"
}

// misuses are wrong calls, each made by the main goroutine of a process of its own,
// and what the message of the panic must say: the rule and the cure.
var misuses = map[string]struct {
	call func() any
	says []string
}{
	"nil func": {
		func() (panicked any) {
			defer func() { panicked = recover() }()
			mainthread.Run(nil)
			return nil
		},
		[]string{" with a nil func"},
	},
	"nil Option": {
		func() (panicked any) {
			defer func() { panicked = recover() }()
			mainthread.Run(func(*ste.Thread) { fmt.Println("f ran") }, ste.WithName("x"), nil)
			return nil
		},
		[]string{" with a nil Option (number 2)"},
	},
	"in a task of Run": {
		func() (panicked any) {
			mainthread.Run(func(th *ste.Thread) {
				th.Submit(func() { panicked = misuse() })
			}, ste.WithName("ui"))
			return panicked
		},
		[]string{" on Thread 1 (ui): ", "use that one"},
	},
	"in an init of Run": {
		func() (panicked any) {
			mainthread.Run(func(*ste.Thread) {}, ste.WithInit(func() error { panicked = misuse(); return nil }))
			return panicked
		},
		[]string{" on Thread 1: ", "use that one"},
	},
	"in Attach": {
		func() (panicked any) {
			ste.Attach(func(*ste.Thread) error { panicked = misuse(); return nil })
			return panicked
		},
		[]string{" on Thread 1: ", "use that one"},
	},
	"on another Thread": {
		func() (panicked any) {
			th, err := ste.New()
			if err != nil {
				return err
			}
			defer th.Close()
			th.Submit(func() { panicked = misuse() })
			return panicked
		},
		[]string{" on Thread 1: ", "use that one"},
	},
	"in f": {
		func() (panicked any) {
			mainthread.Run(func(*ste.Thread) { panicked = misuse() })
			return panicked
		},
		[]string{" on another goroutine than func main's: ", "call it from func main"},
	},
	"on another goroutine": {
		func() any {
			c := make(chan any)
			go func() { c <- misuse() }()
			return <-c
		},
		[]string{" on another goroutine than func main's: ", "call it from func main"},
	},
	"off the main thread": {
		func() any {
			if !osthread.StartupKnown {
				return "ste: mainthread.Run off the main OS thread: (cannot be known here) UnlockOSThread; leave alone the lock"
			}
			runtime.UnlockOSThread()
			leaveMainThread()
			return misuse()
		},
		[]string{" off the main OS thread: ", "UnlockOSThread", "leave alone the lock"},
	},
	"in an initialiser": {
		func() any { return inInit },
		[]string{" in a package initialiser: ", "call it from func main"},
	},
}

// inInit is what Run panicked with in the initialiser below.
var inInit any

func init() {
	if os.Getenv(testkit.Variable) == "misuse in an initialiser" {
		inInit = misuse()
	}
	for name, m := range misuses {
		testkit.Children["misuse "+name] = func() { fmt.Println(m.call()) }
	}
}

// leaveMainThread returns when the calling goroutine is on another thread, since a
// goroutine holds the main one.
func leaveMainThread() {
	held := make(chan struct{})
	for {
		go func() {
			runtime.LockOSThread()
			if osthread.IsStartup() {
				close(held)
				select {}
			}
			runtime.UnlockOSThread()
		}()
		select {
		case <-held:
			return
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// Every misuse panics with a message that names the rule and the cure.
func TestMisuse(t *testing.T) {
	for name, m := range misuses {
		t.Run(name, func(t *testing.T) {
			out, code := testkit.RunChild(t, "misuse "+name)
			require.Zero(t, code, out)
			require.True(t, strings.HasPrefix(out, "ste: mainthread.Run "), out)
			require.NotContains(t, out, "f ran")
			for _, says := range m.says {
				require.Contains(t, out, says)
			}
		})
	}
}

// Nothing but Run is exported.
func TestPolicyAPI(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var exported []string
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for name := range file.Scope.Objects {
			if ast.IsExported(name) {
				exported = append(exported, name)
			}
		}
	}
	require.Equal(t, []string{"Run"}, exported)
}
