package trials

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ste-go/ste/internal/testkit"
)

// countOSThreads counts the OS threads of this process, or where that is not
// known its goroutines, which stand for them.
func countOSThreads() int {
	// Wine shows a Windows program the /proc of its server.
	if runtime.GOOS == "linux" {
		if tasks, err := os.ReadDir("/proc/self/task"); err == nil {
			return len(tasks)
		}
	}
	return runtime.NumGoroutine()
}

// TestByHandChild is the child process, which STE_CHILD tells what it is to see.
// In any other process it has nothing to do.
func TestByHandChild(t *testing.T) {
	for _, row := range rows {
		for _, side := range sides {
			if os.Getenv(testkit.Variable) == side.name+"/"+row.name {
				go endWhenStuck()
				tell(row.see(t, func(name string) executor { return side.open(t, name) }))
			}
		}
	}
}

// tell ends the child process with what it saw.
func tell(saw string) {
	fmt.Printf("\nsaw: %s\n", saw)
	os.Exit(0) // the verdict on TestByHandChild is of no interest
}

// The headers in a dump of all goroutines, and those among them that only
// another goroutine can set going again.
var (
	goroutine = regexp.MustCompile(`(?m)^goroutine \d+ .*\[`)
	waiting   = regexp.MustCompile(`(?m)^goroutine \d+ \[(chan |select|sync\.|semacquire|coroutine)`)
)

// endWhenStuck ends the child process when nothing will ever happen in it: all
// other goroutines wait for each other. The world stands still for runtime.Stack,
// so this is certain and not a matter of time. The runtime's own search for
// deadlocks is off in programs that use cgo, with -race for one.
func endWhenStuck() {
	buf := make([]byte, 1<<20)
	for {
		time.Sleep(50 * time.Millisecond)
		stacks := buf[:runtime.Stack(buf, true)]
		all := len(goroutine.FindAll(stacks, -1))
		// What is in runtime.GC may be waiting for this very dump to end.
		if len(waiting.FindAll(stacks, -1)) == all-1 && !bytes.Contains(stacks, []byte("\nruntime.GC(")) {
			tell("hangs")
		}
	}
}

// What a child prints: its own words, or the first line of a crash.
var (
	sawLine   = regexp.MustCompile(`(?m)^saw: (.*)$`)
	crashLine = regexp.MustCompile(`(?m)^((?:panic|fatal error): .*?)( \[recovered.*)?$`)
)

// observe runs a child process and returns what happened there in the words of the
// table, or "" if the child's output does not tell.
func observe(cmd *exec.Cmd) (saw, output string) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		return "", err.Error()
	}
	over := testkit.Guard(cmd.Process) // the last resort, for what hangs with a goroutine running
	err := cmd.Wait()
	killed := over() != nil
	output = strings.ReplaceAll(out.String(), "\r\n", "\n")
	if m := sawLine.FindStringSubmatch(output); m != nil {
		return m[1], output
	}
	if m := crashLine.FindStringSubmatch(output); m != nil {
		// Go 1.25 panics where later releases end the process at once.
		line := strings.Replace(m[1], "panic: close of synctest", "fatal error: close of synctest", 1)
		return "the process dies: `" + line + "`", output
	}
	if killed {
		return "hangs", output
	}
	return "", fmt.Sprintf("%s\n%v", output, err)
}
