//go:build linux

// Command netns is in four networks at once: it runs a web server in one network
// namespace and clients in two others, each on its own Thread, and leaves the one
// it was started in as it was.
//
//	go run ./examples/netns
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/ste-go/ste"
	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Fprintf(os.Stderr, "netns: unexpected argument %q; there are none\n", os.Args[1])
		os.Exit(1)
	}
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "netns:", err)
		os.Exit(1)
	}
}

// run shows a star, what is and what is not in its spaces, and what is left of it.
func run(w io.Writer) error {
	home, err := look()
	if err != nil {
		return err
	}
	if err := show(w, home); err != nil {
		return err
	}
	fmt.Fprintf(w, "\na set-up that stops half-way  what its caller gets\n")
	for _, e := range ends {
		fmt.Fprintf(w, "%-28s  %s\n", e.name, outcome(e.check))
	}
	if err := noStrangers(); err != nil {
		return err
	}
	after, err := look()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nhome\tnamespace\tlinks")
	fmt.Fprintf(table, "before\t%s\t%s\n", home.namespace, home.links)
	fmt.Fprintf(table, "after\t%s\t%s\n", after.namespace, after.links)
	if err := table.Flush(); err != nil {
		return err
	}
	if after != home {
		return errors.New("home is not as it was; did somebody else change it meanwhile?")
	}
	fmt.Fprintln(w, "no OS thread is in any other namespace")
	return nil
}

// show builds a star and looks at it from all sides.
func show(w io.Writer, home view) (err error) {
	s, err := newStar(func() error { return nil })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	a, b := cables[0], cables[1]
	left, middle := a.theirs+" ---- ", a.ours+"  "+b.ours+" ---- "
	fmt.Fprintf(w, "%-*s%-*s%s\n", len(left), a.client, len(middle), s.server.name, b.client)
	fmt.Fprintf(w, "%s%s%s\n", left, middle, b.theirs)

	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nwho\tThread\tOS thread\tnamespace\tlinks")
	fmt.Fprintf(table, "home\tnone\tany other\t%s\t%s\n", home.namespace, home.links)
	for _, space := range append(s.clients, s.server) {
		var tid int
		v, err := ste.Call(space.t, func() (view, error) { tid = unix.Gettid(); return look() })
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%v\t%d\t%s\t%s\n", space.name, space.t.Tag(), tid, v.namespace, v.links)
	}

	const more = 200
	fmt.Fprintf(table, "\nclient\trequest\tanswer\tand %d more\n", more)
	for i, a := range s.ask(more) {
		if a.err != nil {
			return a.err
		}
		fmt.Fprintf(table, "%s in %v\tGET %s\t%s\tmedian %v\n",
			cables[i].client, a.first.Round(time.Microsecond), cables[i].url(), a.text, a.median.Round(time.Microsecond))
	}

	ann := s.clients[0]
	fmt.Fprintf(table, "\nwho looks, on %s's Thread\tand sees\n", ann.name)
	for _, sight := range sights {
		v, err := sight.see(ann)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", sight.who, v.namespace, v.links)
	}
	return table.Flush()
}

// An answer is what a client got.
type answer struct {
	text          string
	first, median time.Duration
	err           error
}

// ask lets all clients ask the server at the same time, from goroutines that are on
// no Thread: once to connect and then some more times.
func (s *star) ask(more int) []answer {
	answers := make([]answer, len(s.clients))
	var all sync.WaitGroup
	for i, client := range s.clients {
		all.Go(func() {
			a, times := &answers[i], []time.Duration{}
			for n := 0; n <= more && a.err == nil; n++ {
				begun := time.Now()
				a.text, a.err = client.get(context.Background(), cables[i].url())
				times = append(times, time.Since(begun))
			}
			a.first = times[0]
			slices.Sort(times)
			a.median = times[len(times)/2]
		})
	}
	all.Wait()
	return answers
}

// ends are the ways in which the building of a star stops half-way.
var ends = []struct {
	name  string
	check func() error
}{
	{"a task returns an error", func() error { return errors.New("no more of this") }},
	{"a task panics", func() error { panic("oh") }},
	{"a task calls Goexit", func() error { runtime.Goexit(); return nil }},
}

// outcome builds a star on a goroutine of its own and tells what came of it.
func outcome(check func() error) (said string) {
	var builder sync.WaitGroup
	builder.Go(func() {
		said = "its goroutine ended" // unless it comes to say something else
		defer func() {
			switch p := recover().(type) {
			case nil:
			case *ste.PanicError:
				said = fmt.Sprintf("a panic: %v on %v", p.Value, p.Tag)
			default:
				panic(p)
			}
		}()
		s, err := newStar(check)
		if err == nil {
			err = s.Close()
		}
		said = fmt.Sprintf("an error: %v", err)
	})
	builder.Wait()
	return said
}
