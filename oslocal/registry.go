package oslocal

import (
	"sync"

	"github.com/ste-go/ste/internal/bubble"
)

// registry is what the objects of the process share.
var registry struct {
	mu      sync.Mutex
	ready   bool      // setup has succeeded
	threads []*thread // by number; a thread's number is its word in C; 0 is nobody's
	free    []uint64  // numbers of threads that have ended and have no values left
	users   int       // objects that may hold values
	// serving says that the releasing goroutine runs. It starts with the first
	// user, and ends when there is none.
	serving bool
	handed  []releaser // objects for that goroutine to release
}

// offset is the word's distance from the thread pointer, or 0: then C is to be
// asked. Written once, by setup, before the first object exists, and read by
// those who have an object.
var offset uintptr

// ready sets up the shared key. After a failure the next call tries again.
func ready() error {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if registry.ready {
		return nil
	}
	if err := setup(); err != nil {
		return err
	}
	registry.ready = true
	return nil
}

// comeIn counts an object that is to hold values.
func comeIn() error {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if !registry.serving {
		if bubble.Here() {
			if err := elsewhere(); err != nil {
				return err
			}
		} else {
			go serve()
		}
		registry.serving = true
	}
	registry.users++
	return nil
}

// goOut counts an object that holds values no more.
func goOut() {
	registry.mu.Lock()
	registry.users--
	last := registry.users == 0
	registry.mu.Unlock()
	if last {
		wake()
	}
}

// hand gives an object that is counted to the releasing goroutine.
func hand(r releaser) {
	registry.mu.Lock()
	registry.handed = append(registry.handed, r)
	registry.mu.Unlock()
	wake()
}

// threadOf returns the calling thread, whose word this is, and gives it a number if it
// has none.
func threadOf(word uint64) (*thread, error) {
	if word == ended {
		return nil, ErrEnded
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	if word != 0 {
		t := registry.threads[word]
		if t.ended {
			return nil, ErrEnded
		}
		return t, nil
	}
	if len(registry.threads) == 0 {
		registry.threads = append(registry.threads, nil)
	}
	number := uint64(len(registry.threads))
	if n := len(registry.free); n > 0 {
		number = registry.free[n-1]
	}
	word, err := attach(number)
	if err != nil {
		return nil, err
	}
	if word != number { // only a goroutine that is not locked gets here
		return registry.threads[word], nil
	}
	t := &thread{number: number}
	if number == uint64(len(registry.threads)) {
		registry.threads = append(registry.threads, t)
	} else {
		registry.free = registry.free[:len(registry.free)-1]
		registry.threads[number] = t
	}
	return t, nil
}

// releasingHere reports whether the caller is a close function or an error
// handler that the package has called (or a thread that is ending).
func releasingHere() bool {
	word := current()
	if word == 0 || word == ended {
		return word == ended
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return registry.threads[word].ended
}

func hasEnded(t *thread) bool {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return t.ended
}

// serve is the releasing goroutine.
func serve() {
	for {
		for numbers := takeEnded(); len(numbers) > 0; numbers = takeEnded() {
			releaseThreads(numbers)
		}
		registry.mu.Lock()
		handed := registry.handed
		registry.handed = nil
		if registry.users == 0 && len(handed) == 0 {
			registry.serving = false
			registry.mu.Unlock()
			return
		}
		registry.mu.Unlock()
		for _, r := range handed {
			aside(r.release)
		}
		if len(handed) == 0 {
			waitBell()
		}
	}
}

// releaseThreads releases the values of threads that have ended.
func releaseThreads(numbers []uint64) {
	due := make([]*thread, len(numbers))
	registry.mu.Lock()
	for i, number := range numbers {
		due[i] = registry.threads[number]
		due[i].ended = true
	}
	registry.mu.Unlock()
	for len(due) > 0 { // more than once if a close calls Goexit
		aside(func() {
			for len(due) > 0 {
				due[0].release()
				due = due[1:]
			}
		})
	}
	registry.mu.Lock()
	defer registry.mu.Unlock()
	for _, number := range numbers {
		registry.threads[number] = nil
		registry.free = append(registry.free, number)
	}
}
