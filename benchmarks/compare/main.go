// Command compare measures two versions of the library side by side, in one process:
// what a commit has made of the hand-off.
//
//	go -C benchmarks run ./compare -before HEAD~1        the work tree beside that commit
//	go -C benchmarks run ./compare -before HEAD -rounds 99
//
// Each cell runs the version before, the work tree, and the version before once more,
// in turns, with a new Thread for each round. It prints the median of the work tree's
// time for one call over that of the version before, and of the version before over
// itself: what differs there is the machine's.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const module = "github.com/ste-go/ste"

// cells is the program that measures, and version what it needs of each version.
var (
	//go:embed cells.go.txt
	cells string
	//go:embed version.go.txt
	version string
)

func main() {
	before := flag.String("before", "HEAD", "the `revision` to compare the work tree with")
	rounds := flag.Int("rounds", 41, "rounds of each cell")
	only := flag.String("cell", "", "only the `cell` of this name")
	flag.Parse()
	if err := run(*before, *only, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(before, only string, rounds int) error {
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		return fmt.Errorf("this is no clone of the repository: %w", err)
	}
	for name, args := range map[string][]string{"before": {"archive", before}, "again": {"archive", before}, "after": nil} {
		if err := lay(filepath.Join(dir, name), strings.TrimSpace(string(top)), args); err != nil {
			return err
		}
		if err := rename(filepath.Join(dir, name), "compare/"+name); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".go"), []byte(strings.ReplaceAll(version, "VERSION", name)), 0o666); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(cells), 0o666); err != nil {
		return err
	}
	mod := "module compare\n\ngo 1.25\n\nrequire (\n"
	for _, name := range []string{"before", "again", "after"} {
		mod += "\tcompare/" + name + " v0.0.0\n"
	}
	mod += ")\n\nreplace (\n"
	for _, name := range []string{"before", "again", "after"} {
		mod += "\tcompare/" + name + " => ./" + name + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod+")\n"), 0o666); err != nil {
		return err
	}
	for _, args := range [][]string{{"mod", "tidy"}, {"run", ".", "-rounds", fmt.Sprint(rounds), "-cell", only}} {
		cmd := exec.Command("go", args...)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod"), os.Stdout, os.Stderr
		if args[0] == "mod" {
			cmd.Stdout, cmd.Stderr = nil, nil
		}
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
		}
	}
	return nil
}

// lay puts a version's files into dir: those that git's args give, or those of the work
// tree.
func lay(dir, top string, args []string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	list := `git "$@" | tar -x -C "$0"`
	if args == nil {
		list = `git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2>/dev/null | tar -c -T - | tar -x -C "$0"`
	}
	cmd := exec.Command("sh", append([]string{"-c", list, dir}, args...)...)
	cmd.Dir = top
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// rename makes the module in dir one of another name.
func rename(dir, name string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if path != dir {
				if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
					return filepath.SkipDir
				}
			}
			return nil
		case d.Name() == "go.work" || strings.HasSuffix(path, "_test.go"):
			return os.Remove(path)
		case d.Name() != "go.mod" && !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.ReplaceAll(string(text), module, name)), 0o666)
	})
}
