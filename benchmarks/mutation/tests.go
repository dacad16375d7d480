//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// tests are a package's tests, its own and others, built with all its mutants.
type tests struct {
	dir, tmp string
	programs []program                // its own first
	explored string                   // the binary of the exploration; may be ""
	of       map[string]int           // by test: the number of its program
	took     map[string]time.Duration // by test, with -short
	come     map[int][]string         // the tests that come to a mutant, quickest first
}

// A program is the tests in one folder.
type program struct{ dir, binary string }

const (
	hangs       = "killed: the tests hang"
	byExploring = "killed by the exploration"
)

// patience is how long a test may take beyond four times what it took alone.
const patience = 8 * time.Second

// build builds the tests of the package, and those in others, with the sources in place
// of its own.
func build(dir string, others []string, explored, name string, sources map[string]string) (*tests, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "mutation")
	if err != nil {
		return nil, err
	}
	t := &tests{dir: dir, tmp: tmp, of: map[string]int{}, took: map[string]time.Duration{}, come: map[int][]string{}}
	sources[filepath.Join(dir, "ste_mutants.go")] = "package " + name + "\n\nimport (\n\"fmt\"\n\"os\"\n\"strconv\"\n\"sync/atomic\"\n)\n" + helpers
	for i, folder := range append([]string{dir}, others...) {
		if folder, err = filepath.Abs(folder); err != nil {
			return nil, err
		}
		p := program{folder, filepath.Join(tmp, fmt.Sprint("mutants", i, ".test"))}
		if err := t.compile(sources, p.dir, p.binary); err != nil {
			return t, err
		}
		t.programs = append(t.programs, p)
	}
	if explored == "" {
		return t, nil
	}
	t.explored = filepath.Join(tmp, "explored.test")
	return t, t.compile(sources, explored, t.explored, "-tags", "ste_explore")
}

// compile builds the tests in dir with the sources in place of those of the same path.
func (t *tests) compile(sources map[string]string, dir, binary string, args ...string) error {
	replace := map[string]string{}
	for path, text := range sources {
		replace[path] = binary + "." + filepath.Base(path)
		if err := os.WriteFile(replace[path], []byte(text), 0o666); err != nil {
			return err
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return err
	}
	list := binary + ".json"
	if err := os.WriteFile(list, overlay, 0o666); err != nil {
		return err
	}
	cmd := exec.Command("go", append([]string{"test", "-overlay", list, "-vet", "off", "-c", "-o", binary}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// command prepares the tests with env and args.
func (p program) command(ctx context.Context, env string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = p.dir, append(os.Environ(), env), 5*time.Second
	return cmd
}

// survey runs each test alone and notes how long it takes and to which mutants it
// comes. A test that fails says nothing about mutants and is left out.
func (t *tests) survey(ctx context.Context, run, skip *regexp.Regexp) error {
	for i := range t.programs {
		if err := t.surveyOf(ctx, i, run, skip); err != nil {
			return err
		}
	}
	for _, names := range t.come {
		slices.SortFunc(names, func(a, b string) int { return int(t.took[a] - t.took[b]) })
	}
	return nil
}

// surveyOf is survey for the tests of one program.
func (t *tests) surveyOf(ctx context.Context, number int, run, skip *regexp.Regexp) error {
	p := t.programs[number]
	names, err := p.command(ctx, "", "-test.list", ".").Output()
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(names)) {
		if !run.MatchString(name) || skip.MatchString(name) {
			continue
		}
		seen := filepath.Join(t.tmp, "seen")
		_ = os.Remove(seen)
		begun := time.Now()
		if out, err := p.command(ctx, "STE_MUTANTS_SEEN="+seen, "-test.short", "-test.run", "^"+name+"$").CombinedOutput(); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			// One of what a call costs, say: the mutants are dear.
			fmt.Fprintf(os.Stderr, "mutation: %s is left out, it fails without a mutant: %v\n%s", name, err, out)
			continue
		}
		t.took[name], t.of[name] = time.Since(begun), number
		numbers, _ := os.ReadFile(seen) // none if it comes to no mutant
		for _, line := range slices.Compact(slices.Sorted(slices.Values(strings.Fields(string(numbers))))) {
			var n int
			if _, err := fmt.Sscan(line, &n); err != nil {
				return err
			}
			t.come[n] = append(t.come[n], name)
		}
	}
	return nil
}

// try runs the tests that come to m, the quick ones by themselves first, if full then
// all of them at full length, in the end the exploration, and says how m fared.
func (t *tests) try(ctx context.Context, m *mutant, full bool) string {
	names, programs, explored := t.come[m.n], t.programs, t.explored
	if m.alone != "" {
		programs, explored = slices.Clone(programs), "" // which collects nothing
		for i := range programs {
			programs[i].binary = filepath.Join(t.tmp, fmt.Sprint("mutant", m.n, "in", i, ".test"))
			if err := t.compile(map[string]string{filepath.Join(t.dir, m.file): m.alone}, programs[i].dir, programs[i].binary); err != nil {
				return err.Error()
			}
			defer os.Remove(programs[i].binary)
		}
	}
	quick, sum := 0, time.Duration(0)
	for quick < len(names) && sum < 2*time.Second {
		sum += t.took[names[quick]]
		quick++
	}
	type run struct {
		names []string
		short bool
		slow  time.Duration // how much longer than alone with -short it may take
	}
	runs := []run{{names[:quick], true, 4}, {names[quick:], true, 4}}
	if full {
		runs = append(runs, run{names, false, 20})
	}
	for _, run := range runs {
		if len(run.names) == 0 {
			continue
		}
		limit := patience
		for _, name := range run.names {
			limit += run.slow * t.took[name]
		}
		for i, p := range programs {
			own := slices.DeleteFunc(slices.Clone(run.names), func(name string) bool { return t.of[name] != i })
			if len(own) == 0 {
				continue
			}
			how := runIn(ctx, m, p, limit, fmt.Sprint("-test.short=", run.short), "-test.failfast",
				"-test.run", "^("+strings.Join(own, "|")+")$")
			if how != "" || ctx.Err() != nil {
				return how
			}
		}
	}
	if explored != "" {
		how := runIn(ctx, m, program{t.dir, explored}, 5*time.Minute, "-test.run", "^TestExplore$", "-test.failfast", "-bound", "1", "-draws", "300")
		if how != "" {
			return byExploring
		}
	}
	if len(names) == 0 {
		return "no test comes here"
	}
	return "alive"
}

// runIn runs some tests of one program with m and says how they killed it, or "".
func runIn(ctx context.Context, m *mutant, p program, limit time.Duration, args ...string) string {
	limited, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	cmd := p.command(limited, fmt.Sprint("STE_MUTANT=", m.n), append(args, "-test.timeout", limit.String())...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what its own children have become
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ""
	case limited.Err() != nil || bytes.Contains(out, []byte("panic: test timed out")):
		return hangs
	case errors.As(err, &exit):
		return "killed"
	case err != nil:
		return err.Error()
	}
	return ""
}
