//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// With this in the environment the test binary is the program.
const beProgram = "STE_NETNS_BE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := noStrangers(); err != nil {
			fmt.Fprintln(os.Stderr, "after the tests:", err)
			code = 1
		}
		os.Exit(code)
	}))
}

// privileged asks the kernel, not the program, whether namespaces can be made here.
func privileged(t *testing.T) bool {
	t.Helper()
	var have [2]unix.CapUserData
	require.NoError(t, unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &have[0]))
	need := uint32(1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN)
	return have[0].Effective&need == need
}

// untouched skips the test without the rights it needs. At the test's end it looks
// whether home is as it was and nothing is left of the spaces. It waits for that:
// threads and links end a moment after Close.
func untouched(t *testing.T) (home view) {
	t.Helper()
	if !privileged(t) {
		t.Skip("making network namespaces needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN")
	}
	// A Thread that nobody closes ends when it is garbage. Not in a test: it is to
	// be closed.
	percent := debug.SetGCPercent(-1)
	t.Cleanup(func() { debug.SetGCPercent(percent) })

	home, err := look()
	require.NoError(t, err)
	t.Cleanup(func() {
		assert.NoError(t, noStrangers())
		assert.EventuallyWithT(t, func(t *assert.CollectT) {
			now, err := look()
			assert.NoError(t, err)
			assert.Equal(t, home, now)
			assert.Empty(t, left(), "threads, or descriptors of namespaces")
		}, 5*time.Second, time.Millisecond)
		assert.NoError(t, goleak.Find())
	})
	return home
}

// left are this process's OS threads that bear the name of a space, in whatever
// namespace they are, and its descriptors of namespaces.
func left() (left []string) {
	tasks, _ := filepath.Glob("/proc/self/task/*/comm")
	for _, task := range tasks {
		name, _ := os.ReadFile(task)
		if slices.Contains([]string{"server", "ann", "ben"}, strings.TrimSpace(string(name))) {
			left = append(left, string(name))
		}
	}
	files, _ := filepath.Glob("/proc/self/fd/*")
	for _, file := range files {
		if to, _ := os.Readlink(file); strings.HasPrefix(to, "net:") {
			left = append(left, to)
		}
	}
	return left
}

func newTestStar(t *testing.T) *star {
	t.Helper()
	s, err := newStar(func() error { return nil })
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

func TestRun(t *testing.T) {
	home := untouched(t)
	var out strings.Builder
	require.NoError(t, run(&out))
	namespace, links := regexp.QuoteMeta(home.namespace), regexp.QuoteMeta(home.links)
	for _, line := range []string{
		`home +none +any other +` + namespace + ` +` + links,
		`ann +Thread \d+ \(ann\) +\d+ +net:\[\d+\] +lo server`,
		`ben +Thread \d+ \(ben\) +\d+ +net:\[\d+\] +lo server`,
		`server +Thread \d+ \(server\) +\d+ +net:\[\d+\] +lo ann ben`,
		`ann in \S+s +GET http://192\.0\.2\.1/ +hello 192\.0\.2\.2 +median \S+s`,
		`ben in \S+s +GET http://198\.51\.100\.1/ +hello 198\.51\.100\.2 +median \S+s`,
		`a task +net:\[\d+\] +lo server`,
		`a goroutine that a task starts +` + namespace + ` +` + links,
		`before +` + namespace + ` +` + links,
		`after +` + namespace + ` +` + links,
		`no OS thread is in any other namespace`,
	} {
		assert.Regexp(t, `(?m)^`+line+`$`, out.String())
	}
}

// program runs the test binary as the program.
func program(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), beProgram+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func TestArguments(t *testing.T) {
	code, stdout, stderr := program(t, "-x")
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Equal(t, "netns: unexpected argument \"-x\"; there are none\n", stderr)
}

func TestWithoutRights(t *testing.T) {
	if privileged(t) {
		t.Skip("has the rights; scripts/check.sh runs this as somebody else")
	}
	code, stdout, stderr := program(t)
	assert.Equal(t, 1, code)
	assert.Empty(t, stdout)
	assert.Regexp(t, `^netns: server: a new network namespace: operation not permitted; it takes root .*sudo.*\n$`, stderr)
}
