package osthread

import (
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/ste-go/ste/internal/here"
)

// word is where in a goroutine's descriptor the runtime keeps the OS thread that the
// goroutine runs on, in bytes; 0 as long as that is not known. Written once, by Learn;
// read by Self. It publishes nothing.
var word atomic.Uintptr

// Self tells the running threads apart as ID does, without a system call once Learn has
// found how. What it said before that must not be mixed with what it says after.
func Self() uint64 {
	if at := word.Load(); at != 0 {
		return uint64(here.Word(at))
	}
	return ID()
}

// Quick reports whether Self makes no system call.
func Quick() bool { return word.Load() != 0 }

var learn sync.Once

// Learn makes Self quick, if it can. It is called before a thread's number is kept.
//
// Each goroutine's descriptor names the OS thread that runs it. Which of its words does is
// not assumed but tried: goroutines that share a thread (a locked one and an iter.Pull
// body of it) must agree in it, goroutines on two threads at the same time must differ,
// and no running goroutine may have none. If no word passes, ID is asked as before.
func Learn() {
	if here.Known {
		learn.Do(func() { word.Store(find()) })
	}
}

// A sample is the beginning of a goroutine's descriptor, which is some three times as long.
type sample [16]uintptr

func look() (s sample) {
	for i := range s {
		s[i] = here.Word(offset(i))
	}
	return s
}

func offset(i int) uintptr { return uintptr(i) * unsafe.Sizeof(uintptr(0)) }

// find returns the offset of the word that passes, and 0 if none does.
func find() uintptr {
	samples, done := make(chan [4]sample), make(chan struct{})
	defer close(done)
	for range 2 {
		go func() {
			free := look()
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			before := look()
			next, stop := iter.Pull(func(yield func(sample) bool) { yield(look()) })
			body, _ := next()
			stop()
			samples <- [4]sample{before, body, look(), free}
			<-done // the two have two threads
		}()
	}
	a, b := <-samples, <-samples
	for i := 1; i < len(sample{}); i++ {
		agree := func(s [4]sample) bool { return s[0][i] != 0 && s[0][i] == s[1][i] && s[0][i] == s[2][i] }
		if agree(a) && agree(b) && a[0][i] != b[0][i] && a[3][i] != 0 && b[3][i] != 0 {
			return offset(i)
		}
	}
	return 0
}
