// Command audio is an audio worker on one Thread: a sound goes block by block
// through a chain of effects that lives on the Thread, while other goroutines
// turn the chain's knobs as a user interface would.
//
//	go run ./examples/audio                 # the shipped speech, in real time
//	go run ./examples/audio -in my.wav      # a sound of your own
//	go run ./examples/audio -fast           # as quick as it goes
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const usage = `Usage: audio [-in sound.wav] [-out result.wav] [-frames n] [-fast]

Sends a sound through a chain of effects on one thread, while other goroutines
turn the knobs, and writes what comes out. Then it prints how long the blocks
took.

  -in sound.wav     the sound, a WAV file: PCM of 8 to 32 bits or floating point,
                    mono or stereo; other formats must be converted first
                    (default: a few seconds of speech that come with the program)
  -out result.wav   where the result goes; the name must end in .wav
                    (default: ste-audio.wav, here). A file of that name is
                    replaced if it is a WAV file and not the input; anything else
                    is left alone. The result appears in one step at the end, or
                    not at all.
  -frames n         frames per block, from 1 to 65536 (default: 128); a frame is
                    one sample of each channel
  -fast             do not keep to the time of the sound

Exit codes: 0 when the result is there, 1 after an error, 130 after Ctrl-C, which
leaves no result, and an earlier file as it was.
`

// defaultOut is where the result goes without -out.
const defaultOut = "ste-audio.wav"

// maxFrames bounds -frames: a second and a half at 44,100 Hz, far beyond what
// anyone would call a block.
const maxFrames = 1 << 16

// config is what the flags say.
type config struct {
	in     string // "" for the shipped speech
	out    string
	frames int
	fast   bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// errInterrupted ends a run by Ctrl-C, or by another signal that asks for the end.
var errInterrupted = errors.New("interrupted; nothing was written")

// codeInterrupted is the exit code then, as shells have it: 128 and SIGINT's number.
const codeInterrupted = 130

// run is the program: it returns the exit code. Results go to stdout, progress (if
// that is a terminal) and the error to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err == nil {
		err = process(ctx, cfg, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintf(stderr, "audio: %v\n", err)
		if errors.Is(err, errInterrupted) {
			return codeInterrupted
		}
		return 1
	}
	return 0
}

// parse reads the flags. Its errors name the way out.
func parse(args []string) (config, error) {
	var cfg config
	flags := flag.NewFlagSet("audio", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // run prints the error, once
	flags.StringVar(&cfg.in, "in", "", "")
	flags.StringVar(&cfg.out, "out", defaultOut, "")
	flags.IntVar(&cfg.frames, "frames", 128, "")
	flags.BoolVar(&cfg.fast, "fast", false, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return cfg, err
		}
		return cfg, fmt.Errorf("%w; -h lists the flags", err)
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q; name the sound with -in", flags.Arg(0))
	}
	if cfg.frames < 1 || cfg.frames > maxFrames {
		return cfg, fmt.Errorf("-frames %d: a block has 1 to %d frames", cfg.frames, maxFrames)
	}
	var empty error
	flags.Visit(func(f *flag.Flag) { // "" says "not given" only where it was not given
		if f.Value.String() == "" {
			empty = fmt.Errorf("-%s needs the name of a file", f.Name)
		}
	})
	return cfg, empty
}

// process plays the sound into the output and prints the report. Nothing is
// printed before the output is complete and has its name.
func process(ctx context.Context, cfg config, stdout, stderr io.Writer) error {
	src, err := openSource(cfg.in)
	if err != nil {
		return err
	}
	defer src.Close()
	out, err := createOutput(cfg.out, src)
	if err != nil {
		return err
	}
	defer out.discard()
	w, err := startWorker(src)
	if err != nil {
		return err
	}
	defer w.thread.Close()

	// The chain belongs to the worker's Thread. Here, on no Thread, it does not
	// open; the error says why.
	_, refusal := w.chain.TryGet()

	bar := newBar(stderr, src.length())
	rep, err := play(ctx, cfg, src, w, out, bar)
	bar.clear()
	if ctx.Err() != nil {
		err = errInterrupted
	}
	if err == nil {
		err = w.thread.Close()
	}
	if err == nil {
		err = out.commit()
	}
	if err != nil {
		return err
	}

	fmt.Fprintf(stdout, "in:   %v\n", src)
	fmt.Fprintf(stdout, "out:  %v\n", out)
	fmt.Fprintf(stdout, "took: %v\n\n", rep.took.Round(time.Millisecond))
	if err := rep.print(stdout); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nThe chain opens on its own Thread only. When main, outside of it, tries to read it:\n%v\n", refusal)
	return err
}
