package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// With this in the environment the test binary is the program.
const beProgram = "STE_AUDIO_BE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// result is how a run ended.
type result struct {
	code           int
	stdout, stderr string
}

func audio(t testing.TB, args ...string) result {
	t.Helper()
	return audioContext(t, t.Context(), args...)
}

func audioContext(t testing.TB, ctx context.Context, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// failed checks that the run ended with one line that begins with the program's
// name and holds want, and that dir holds nothing but the named files.
func (r result) failed(t testing.TB, want, dir string, files ...string) {
	t.Helper()
	r.failedWith(t, 1, want, dir, files...)
}

// failedWith is failed with another exit code.
func (r result) failedWith(t testing.TB, code int, want, dir string, files ...string) {
	t.Helper()
	assert.Equal(t, code, r.code)
	assert.Empty(t, r.stdout)
	assert.True(t, strings.HasPrefix(r.stderr, "audio: "), r.stderr)
	assert.Contains(t, r.stderr, want)
	assert.Equal(t, 1, strings.Count(r.stderr, "\n"), r.stderr)
	assert.ElementsMatch(t, files, names(t, dir))
}

// names lists dir.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestFast(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	r := audio(t, "-fast")
	require.Equal(t, 0, r.code, r.stderr)
	assert.Empty(t, r.stderr) // not a terminal: no bar
	assert.Equal(t, []string{defaultOut}, names(t, dir))

	content, err := os.ReadFile(defaultOut)
	require.NoError(t, err)
	got, format := decode(t, content)
	in, inFormat := decode(t, speech)
	assert.Equal(t, inFormat.SampleRate, format.SampleRate)
	assert.Equal(t, 2, format.NumChannels)
	assert.Equal(t, 2, format.Precision)
	require.Len(t, got, len(in))
	assert.Greater(t, loudest(got, 0), 0.1)
	assert.Greater(t, loudest(got, 1), 0.1)
	differ := 0
	for i := range got {
		if got[i] != in[i] {
			differ++
		}
	}
	assert.Greater(t, differ, len(in)/2)

	row := tableRow(t, r.stdout)
	assert.Equal(t, fmt.Sprint((len(in)+127)/128), row[0])
	assert.Equal(t, "-", row[4])
	assert.NotEqual(t, "0", row[5])
	assert.NotEqual(t, "0", row[6])
	assert.Contains(t, r.stdout, defaultOut)
	assert.Contains(t, r.stdout, "ste: wrong thread: main.chain belongs to Thread")

	r = audio(t, "-fast") // again: says that it has replaced its own file
	require.Equal(t, 0, r.code, r.stderr)
	assert.Contains(t, r.stdout, "(replaced the earlier file)")
	assert.Equal(t, []string{defaultOut}, names(t, dir))
}

// tableRow returns the fields of the line after the table's head.
func tableRow(t testing.TB, stdout string) []string {
	t.Helper()
	_, after, found := strings.Cut(stdout, "posts/s\n")
	require.True(t, found, stdout)
	row, _, _ := strings.Cut(after, "\n")
	fields := strings.Fields(row)
	require.Len(t, fields, 7)
	return fields
}

func TestRealTime(t *testing.T) {
	dir := t.TempDir()
	in := sound{frames: 4000, channels: 2}.file(t, dir) // half a second
	out := filepath.Join(dir, "out.WAV")
	start := time.Now()
	r := audio(t, "-in", in, "-out", out, "-frames", "100")
	took := time.Since(start)
	require.Equal(t, 0, r.code, r.stderr)
	// The last of 40 blocks is due after 39 of them.
	assert.GreaterOrEqual(t, took, 39*500*time.Millisecond/40)
	row := tableRow(t, r.stdout)
	assert.Equal(t, "40", row[0])
	assert.Regexp(t, `^\d+$`, row[4])
	assert.Contains(t, r.stdout, "is due every 12.5ms")
	content, err := os.ReadFile(out)
	require.NoError(t, err)
	got, _ := decode(t, content)
	assert.Len(t, got, 4000)
}

func TestBlockSizes(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.wav")
	in := sound{frames: 4001, bits: 24}.file(t, dir)
	for _, frames := range []int{1, 15, 16, 127, 4000, 4001, 4002, maxFrames} {
		r := audio(t, "-fast", "-in", in, "-out", out, "-frames", fmt.Sprint(frames))
		require.Equal(t, 0, r.code, r.stderr)
		assert.Equal(t, fmt.Sprint((4001+frames-1)/frames), tableRow(t, r.stdout)[0])
		content, err := os.ReadFile(out)
		require.NoError(t, err)
		got, format := decode(t, content)
		assert.Len(t, got, 4001)
		assert.Equal(t, 3, format.Precision)
	}
}

func TestHelp(t *testing.T) {
	for _, flag := range []string{"-h", "-help", "--help"} {
		assert.Equal(t, result{0, usage, ""}, audio(t, flag))
	}
	// What it says is what holds.
	assert.Contains(t, usage, "the name must end in .wav")
	assert.Contains(t, usage, fmt.Sprintf("from 1 to %d (default: 128)", maxFrames))
	assert.Contains(t, usage, fmt.Sprintf("%d after Ctrl-C", codeInterrupted))
	assert.Contains(t, usage, defaultOut)
}

// Samples that beep does not decode: what they say comes out, in 24 bits.
func TestWideSamples(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.wav")
	var want []frame
	for _, s := range []sound{
		{bits: 24, channels: 2},
		{bits: 32, channels: 2},
		{code: ieeeFloat, bits: 32, channels: 2},
		{code: ieeeFloat, bits: 64, channels: 2},
	} {
		s.frames = 400 // the hands have not turned a knob yet
		r := audio(t, "-fast", "-in", s.file(t, dir), "-out", out, "-frames", "400")
		require.Equal(t, 0, r.code, r.stderr)
		assert.Contains(t, r.stdout, fmt.Sprintf("%d bit, stereo", s.bits))
		assert.Equal(t, s.code == ieeeFloat, strings.Contains(r.stdout, "bit, stereo floating point"), r.stdout)
		content, err := os.ReadFile(out)
		require.NoError(t, err)
		got, format := decode(t, content)
		assert.Equal(t, 3, format.Precision)
		require.Len(t, got, s.frames)
		if want == nil {
			want = got
		}
		assert.Greater(t, loudest(got, 0), 0.05)
		for i := range want {
			require.InDelta(t, want[i][0], got[i][0], 1e-6)
			require.InDelta(t, want[i][1], got[i][1], 1e-6)
		}
	}
}

func TestFlagsRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for args, want := range map[string]string{
		"-frames 0":                    "-frames 0: a block has 1 to 65536 frames",
		"-frames -1":                   "-frames -1: ",
		"-frames 65537":                "-frames 65537: ",
		"-frames 99999999999999999999": "-frames",
		"-frames many":                 "-frames",
		"-frames":                      "-frames",
		"-fast=perhaps":                "-fast",
		"-loud":                        "-loud",
		"my.wav":                       `unexpected argument "my.wav"; name the sound with -in`,
		"-fast my.wav":                 `unexpected argument "my.wav"`,
		"-in=":                         "-in needs the name of a file",
		"-out=":                        "-out needs the name of a file",
	} {
		t.Run(args, func(t *testing.T) {
			audio(t, strings.Fields(args)...).failed(t, want, dir)
		})
	}
}

func TestInputRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	audio(t, "-fast", "-in", "none.wav").failed(t, "none.wav: ", dir)
	audio(t, "-fast", "-in", ".").failed(t, ".: not a regular file", dir)
	for name, r := range refused() {
		t.Run(name, func(t *testing.T) {
			file(t, dir, r.content)
			audio(t, "-fast", "-in", "in.wav").failed(t, "in.wav: "+r.want, dir, "in.wav")
		})
	}
}

func TestOutputRefused(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	sound{frames: 1000}.file(t, dir)
	require.NoError(t, os.Mkdir("folder.wav", 0o777))
	require.NoError(t, os.WriteFile("novel.wav", []byte("It was a dark and stormy night."), 0o666))
	require.NoError(t, os.Link("in.wav", "hard.wav"))
	files := []string{"in.wav", "folder.wav", "novel.wav", "hard.wav"}
	if os.Symlink("in.wav", "soft.wav") == nil { // Windows may refuse
		files = append(files, "soft.wav")
	}
	before, err := os.ReadFile("in.wav")
	require.NoError(t, err)

	for out, want := range map[string]string{
		"out.mp3":                          "-out out.mp3: the name must end in .wav",
		"out":                              "-out out: the name must end in .wav",
		filepath.Join("none", "out.wav"):   "cannot write there: ",
		filepath.Join("in.wav", "out.wav"): "-out " + filepath.Join("in.wav", "out.wav") + ": ",
		"folder.wav":                       "-out folder.wav: exists and is not a regular file",
		"novel.wav":                        "-out novel.wav: exists and is not a WAV file, so it is not replaced",
		"in.wav":                           "-out in.wav: is the input file",
		filepath.Join(".", "..", filepath.Base(dir), "in.wav"): "is the input file",
		"hard.wav": "-out hard.wav: is the input file",
		"soft.wav": "-out soft.wav: is the input file",
	} {
		if out == "soft.wav" && len(files) < 5 {
			continue
		}
		t.Run(out, func(t *testing.T) {
			audio(t, "-fast", "-in", "in.wav", "-out", out).failed(t, want, dir, files...)
		})
	}
	after, err := os.ReadFile("in.wav")
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func TestOutputProtected(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("nothing is write-protected for root, nor this way on Windows")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("old.wav", speech, 0o444))
	audio(t, "-fast", "-out", "old.wav").failed(t, "exists and cannot be replaced: permission denied", dir, "old.wav")
	require.NoError(t, os.Chmod(dir, 0o555))
	audio(t, "-fast").failed(t, "cannot write there: permission denied", dir, "old.wav")
	require.NoError(t, os.Chmod(dir, 0o777))
}

// A link to an earlier result stays a link.
func TestOutputLink(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("real.wav", nil, 0o666))
	if err := os.Symlink("real.wav", "link.wav"); err != nil {
		t.Skip(err)
	}
	r := audio(t, "-fast", "-out", "link.wav")
	require.Equal(t, 0, r.code, r.stderr)
	info, err := os.Lstat("link.wav")
	require.NoError(t, err)
	assert.NotZero(t, info.Mode()&os.ModeSymlink)
	content, err := os.ReadFile("real.wav")
	require.NoError(t, err)
	decode(t, content)
}

func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile(defaultOut, speech, 0o666))
	for _, args := range [][]string{nil, {"-fast", "-frames", "1"}} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		audioContext(t, ctx, args...).failedWith(t, 130, "interrupted; nothing was written", dir, defaultOut)
	}
	content, err := os.ReadFile(defaultOut)
	require.NoError(t, err)
	assert.Equal(t, speech, content)
}

// The disk gives out in the middle of the run.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	src, err := openSource("")
	require.NoError(t, err)
	out, err := createOutput(filepath.Join(dir, "out.wav"), src)
	require.NoError(t, err)
	w, err := startWorker(src)
	require.NoError(t, err)
	require.NoError(t, out.file.Close())
	_, err = play(t.Context(), config{frames: 128, fast: true}, src, w, out, nil)
	require.ErrorIs(t, err, os.ErrClosed)
	out.discard()
	require.NoError(t, w.thread.Close())
	assert.Empty(t, names(t, dir))
}

// The same, with a real disk that is full.
func TestDiskFull(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/full")
	}
	dir := t.TempDir()
	src, err := openSource("")
	require.NoError(t, err)
	out, err := createOutput(filepath.Join(dir, "out.wav"), src)
	require.NoError(t, err)
	defer out.discard()
	tmp := out.file
	out.file, err = os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer func() { out.file = tmp }()
	w, err := startWorker(src)
	require.NoError(t, err)
	defer w.thread.Close()
	_, err = play(t.Context(), config{frames: 128, fast: true}, src, w, out, nil)
	require.ErrorContains(t, err, "no space left on device")
}

// The sound ends early: the input shrinks during the run.
func TestReadFails(t *testing.T) {
	dir := t.TempDir()
	src, err := newSource("in.wav", bytes.NewReader(speech[:100_000]), int64(len(speech)))
	require.NoError(t, err)
	out, err := createOutput(filepath.Join(dir, "out.wav"), src)
	require.NoError(t, err)
	w, err := startWorker(src)
	require.NoError(t, err)
	_, err = play(t.Context(), config{frames: 128, fast: true}, src, w, out, nil)
	require.ErrorContains(t, err, "in.wav: the file became shorter")
	out.discard()
	require.NoError(t, w.thread.Close())
	assert.Empty(t, names(t, dir))
}

func TestLevel(t *testing.T) {
	assert.Equal(t, "..........", level(0))
	assert.Equal(t, "#####.....", level(0.1))
	assert.Equal(t, "##########", level(1))
	assert.Equal(t, "##########", level(7))
}

// The bar tells in words what its times are, and none without words.
func TestBar(t *testing.T) {
	var screen bytes.Buffer
	b := makeBar(&screen, 8*time.Second)
	b.show(3*time.Second, 0.1)
	b.clear()
	assert.Contains(t, screen.String(), "level #####.....  3.0 s played, 5.0 s left")
	assert.NotRegexp(t, `\d[ms]:\d`, screen.String())
	assert.Equal(t, "level ##########  8.0 s played, 0.0 s left ", b.text(9*time.Second, 1))
}

// The program as a process: exit codes and signals.

func program(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), beProgram+"=1")
	return cmd
}

func TestExitCode(t *testing.T) {
	dir := t.TempDir()
	out, err := program(t, dir, "-loud").CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	assert.Contains(t, string(out), "audio: ")
	require.NoError(t, program(t, dir, "-fast").Run())
	assert.Equal(t, []string{defaultOut}, names(t, dir))
}

func TestCtrlC(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows sends no signals to one process")
	}
	dir := t.TempDir()
	cmd := program(t, dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return len(names(t, dir)) == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.Error(t, cmd.Wait())
	assert.Equal(t, 130, cmd.ProcessState.ExitCode())
	assert.Equal(t, "audio: interrupted; nothing was written\n", stderr.String())
	assert.Empty(t, names(t, dir))
}
