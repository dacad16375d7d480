package ste_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ste-go/ste"
)

// Each Thread gets a buffer of its own, which no other Thread ever sees.
func ExampleNewLocal() {
	buffers := ste.NewLocal(
		func() ([]byte, error) { fmt.Println("open"); return make([]byte, 0, 4096), nil },
		func(*[]byte) error { fmt.Println("close"); return nil },
	)
	t, err := ste.New()
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		t.Submit(func() {
			b := buffers.Get()
			*b = append(*b, "hello "...)
			fmt.Printf("%q\n", *b)
		})
	}
	fmt.Println(t.Close())
	// Output:
	// open
	// "hello "
	// "hello hello "
	// close
	// <nil>
}

// A sum over the counters of all Threads, each read where it lives.
func ExampleLocal_Each() {
	counters := ste.NewLocal(func() (int, error) { return 0, nil }, nil)
	for i := range 3 {
		t, err := ste.New()
		if err != nil {
			log.Fatal(err)
		}
		defer t.Close()
		t.Submit(func() { *counters.Get() += i + 1 })
	}
	sum := 0
	err := counters.Each(context.Background(), func(_ ste.Tag, n *int) error { sum += *n; return nil })
	fmt.Println(sum, err)
	// Output: 6 <nil>
}
