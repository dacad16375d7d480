//go:build unix

package testkit

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { Main(m) }

// A child that hangs fails its test, which shows what the child printed, its
// goroutines, and how long it had and by what flag; one that is deaf to SIGQUIT is
// killed.
func TestChildThatHangs(t *testing.T) {
	for _, scenario := range []string{"hangs", "hangs and is deaf"} {
		t.Run(scenario, func(t *testing.T) {
			out, code, patience := "", 0, 100*time.Millisecond
			for ; ; patience *= 2 { // until the child has had the time to begin
				cmd := Command(t, "of a test", []string{"-test.run=^TestChildHasAChild$", "-patience=" + patience.String()}, "STE_SCENARIO="+scenario)
				if out, code = Output(t, cmd); strings.Contains(out, "has begun") {
					break
				}
				require.Less(t, patience, Patience(), out)
			}
			require.Equal(t, 1, code, out)
			require.Contains(t, out, "--- FAIL: TestChildHasAChild")
			require.Contains(t, out, "the child hangs: it had not ended after "+patience.String()+", the limit that -patience sets")
			require.NotContains(t, out, "went on")
			if scenario == "hangs" {
				require.Contains(t, out, "SIGQUIT: quit")
				require.Contains(t, out, "testkit.waitForEver(")
			}
		})
	}
}

// TestChildHasAChild is the test whose child hangs, in a process of its own.
func TestChildHasAChild(t *testing.T) {
	if os.Getenv(Variable) != "of a test" {
		return
	}
	grace = Patience()
	if os.Getenv("STE_SCENARIO") == "hangs" {
		grace = time.Hour // SIGQUIT is enough
	}
	out, _ := RunChild(t, os.Getenv("STE_SCENARIO"))
	fmt.Println("went on:", out)
}

func init() {
	Children["hangs"] = func() {
		go waitForEver()
		waitForEver()
	}
	Children["hangs and is deaf"] = func() {
		signal.Ignore(syscall.SIGQUIT)
		waitForEver()
	}
	Children["fails"] = func() { fmt.Println("oh"); os.Exit(3) }
}

func waitForEver() {
	fmt.Println("has begun")
	for {
		time.Sleep(time.Hour)
	}
}

// A child's output and exit code are those of its scenario.
func TestChildThatFails(t *testing.T) {
	out, code := RunChild(t, "fails")
	require.Equal(t, "oh\n", out)
	require.Equal(t, 3, code)
}
