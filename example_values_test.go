package ste_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/ste-go/ste"
)

// A Tagged goes anywhere; its value opens on the Thread that made it.
func ExampleNewTagged() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	counter, err := ste.Call(t, func() (*ste.Tagged[int], error) {
		return ste.NewTagged(41), nil
	})
	if err != nil {
		log.Fatal(err)
	}
	t.Submit(func() {
		*counter.Ptr()++
		fmt.Println(counter.Get())
	})
	fmt.Println(counter.OnThread())
	// Output:
	// 42
	// false
}

// Get would panic here; TryGet returns the same *WrongThreadError.
func ExampleTagged_TryGet() {
	t, err := ste.New(ste.WithName("gl"))
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	var texture *ste.Tagged[uint32]
	t.Submit(func() { texture = ste.NewTagged[uint32](7) })

	_, err = texture.TryGet()
	var wrong *ste.WrongThreadError
	if errors.As(err, &wrong) {
		fmt.Printf("a %v of %q, used on %v\n", wrong.Type, wrong.Want.Name(), wrong.Got)
	}
	// Output: a uint32 of "gl", used on no Thread
}

func ExampleBind() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	b, err := ste.Bind(t,
		func() (*os.File, error) { return os.CreateTemp("", "") },
		func(f *os.File) error { return errors.Join(f.Close(), os.Remove(f.Name())) })
	if err != nil {
		log.Fatal(err)
	}
	err = b.Do(func(f *os.File) error { _, err := f.WriteString("hello"); return err })
	fmt.Println(err)
	size, err := ste.Use(b, func(f *os.File) (int64, error) { return f.Seek(0, io.SeekEnd) })
	fmt.Println(size, err)
	fmt.Println(b.Close())
	fmt.Println(b.Do(func(*os.File) error { return nil }))
	// Output:
	// <nil>
	// 5 <nil>
	// <nil>
	// ste: closed
}

func ExampleThread_AfterFunc() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	done := make(chan struct{})
	_, err = t.AfterFunc(time.Millisecond, func() {
		fmt.Println("on the Thread:", t.OnThread())
		close(done)
	})
	if err != nil {
		log.Fatal(err)
	}
	<-done
	// Output: on the Thread: true
}

func ExampleThread_Every() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	ticks := make(chan ste.Tick, 1)
	every, err := t.Every(time.Millisecond, func(k ste.Tick) {
		select {
		case ticks <- k:
		default:
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	k := <-ticks
	fmt.Println("late:", k.Start.Sub(k.Due) >= 0)
	fmt.Println("stopped:", every.Stop(), every.Stop())
	// Output:
	// late: true
	// stopped: true false
}

func ExampleCurrent() {
	t, err := ste.New(ste.WithName("gl"))
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	fmt.Println("here:", ste.Current())
	t.Submit(func() { fmt.Println("in a task:", ste.Current().Name(), ste.Current() == t.Tag()) })
	// Output:
	// here: no Thread
	// in a task: gl true
}

// A Tag says which Thread some code belongs on, and does not keep that Thread
// alive.
func ExampleTag() {
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	tag := t.Tag()
	draw := func() {
		tag.Check() // panics on any other Thread, and on none
		fmt.Println("drawing")
	}
	t.Submit(draw)
	fmt.Println("may draw here:", tag.OnThread())
	// Output:
	// drawing
	// may draw here: false
}
