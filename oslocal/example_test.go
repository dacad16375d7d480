package oslocal_test

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/ste-go/ste/oslocal"
)

// A scratch buffer for each thread that calls, whoever started the thread: here one
// of Go's, which ends with its goroutine.
func Example() {
	closed := make(chan string)
	scratch, err := oslocal.New(
		func() ([]byte, error) { return make([]byte, 0, 1024), nil },
		func(b *[]byte) error { closed <- string(*b); return nil })
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("abc") // built without cgo
		return
	}
	defer scratch.Close()

	go func() {
		runtime.LockOSThread() // and no unlock: the thread ends with the goroutine
		defer scratch.Get()    // for the race detector, which does not see threads end
		for _, s := range []string{"a", "b", "c"} {
			b := scratch.Get()
			*b = append(*b, s...)
		}
	}()
	fmt.Println(<-closed)
	// Output: abc
}

// A value that could not be made is an error, and the next call tries again.
func ExampleLocal_TryGet() {
	devices := 0
	device, err := oslocal.New(func() (int, error) {
		if devices++; devices == 1 {
			return 0, errors.New("device busy")
		}
		return devices, nil
	}, nil)
	if err != nil {
		fmt.Println("device busy\n2 <nil>") // built without cgo
		return
	}
	defer device.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	_, err = device.TryGet()
	fmt.Println(err)
	d, err := device.TryGet()
	fmt.Println(*d, err)
	// Output:
	// device busy
	// 2 <nil>
}
