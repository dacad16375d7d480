package testkit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// A child is the test binary once more, for tests of what ends a process or needs one of
// its own. Its TestMain looks for Variable in the environment.

// Variable is the environment variable that names a child's scenario.
const Variable = "STE_CHILD"

// Children are scenarios that need a process of their own; RunChild runs one.
var Children = map[string]func(){}

// RunScenario runs a child's scenario and ends the process, when this is a child's.
func RunScenario() {
	if f := Children[os.Getenv(Variable)]; f != nil {
		f()
		os.Exit(0)
	}
}

// RunChild runs a scenario and returns its output and exit code. A child that
// hangs is killed and fails the test.
func RunChild(t testing.TB, scenario string, env ...string) (string, int) {
	t.Helper()
	NeedProcesses(t)
	if Children[scenario] == nil {
		t.Fatalf("no scenario %q", scenario)
	}
	return Output(t, Command(t, scenario, nil, env...))
}

// Command prepares a child with a scenario, args and more environment.
func Command(t testing.TB, scenario string, args []string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	args = append(self, args...)
	cmd := exec.Command(args[0], args[1:]...)
	// The race detector's runtime would sleep a second at each child's exit.
	cmd.Env = append(os.Environ(), Variable+"="+scenario, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	cmd.Env = append(cmd.Env, env...)
	cmd.WaitDelay = time.Second // its own children may have its output
	return cmd
}

// Output runs cmd and returns its output and exit code. A child that hangs fails the
// test with the stacks of its goroutines.
func Output(t testing.TB, cmd *exec.Cmd) (string, int) {
	t.Helper()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := Guard(cmd.Process)
	err := cmd.Wait()
	if hung := over(); hung != nil {
		t.Fatalf("%s\n%v", &out, hung)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), cmd.ProcessState.ExitCode()
}

// grace is how long a child that hangs may take to print its goroutines.
var grace = 10 * time.Second

// Guard ends a child that takes longer than -patience: with SIGQUIT, at which a Go
// program prints its goroutines, and if that does not end it with SIGKILL. over is
// called when the child has ended, and returns an error if it was Guard that ended it.
func Guard(child *os.Process) (over func() error) {
	limit := *patienceFlag
	asked := make(chan struct{})
	var kill *time.Timer
	ask := time.AfterFunc(limit, func() {
		kill = time.AfterFunc(grace, func() { _ = child.Kill() })
		quit(child)
		close(asked)
	})
	return func() error {
		if ask.Stop() {
			return nil
		}
		<-asked
		kill.Stop()
		return fmt.Errorf("the child hangs: it had not ended after %v, the limit that -patience sets", limit)
	}
}

// NeedProcesses skips the test where there are none.
func NeedProcesses(t testing.TB) {
	t.Helper()
	if runtime.GOARCH == "wasm" {
		t.Skip("no processes")
	}
}

// OrDie ends the child with a message unless err is nil.
func OrDie(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

// Self returns the command that starts this program.
func Self() ([]string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return append(emulator(self), self), nil
}

// emulator returns the program that runs this process, if there is one: after
// go test -exec qemu-aarch64 the kernel cannot start self without it. Such
// emulators hide behind /proc/self/exe, but not behind this name for it.
func emulator(self string) []string {
	exe, err := os.Readlink("/proc/thread-self/exe")
	if err != nil || exe == self {
		return nil
	}
	if _, err := os.Stat(exe); err != nil {
		return nil // not ours to see: the kernel starts it for us
	}
	return []string{exe}
}
