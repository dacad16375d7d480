package who

import (
	"sync"
	"sync/atomic"
)

// Live Threads by the two things that running code can know of itself. Current
// looks here.
var (
	byGoroutine registry // by here.Goroutine
	byOSThread  registry // by osthread.Self
)

// bucketBits is large enough that a program with a few hundred Threads finds one
// entry per bucket; 2 KiB per registry.
const bucketBits = 8

// A registry maps the key of running code to its Thread. Lookups take no lock:
// a bucket is a list that is never changed after it was published. A lookup for
// the caller's own key is exact, because only the caller could have stored or
// removed it; what the lists say of other keys does not matter to it. The address of
// a goroutine is the caller's own for as long as it runs; an OS thread's number is
// only if the caller is locked to it.
type registry struct {
	// heads are written under mu, by put (a longer list) and drop (a list
	// without the key), and read by anyone.
	heads [1 << bucketBits]atomic.Pointer[entry]
	mu    sync.Mutex
}

// An entry is immutable once published.
type entry struct {
	key  uint64
	id   *ID
	next *entry
}

func (r *registry) bucket(key uint64) *atomic.Pointer[entry] {
	// Addresses are aligned and thread numbers are dense: multiply by the golden
	// ratio and take high bits, so that both spread.
	return &r.heads[key*0x9E3779B97F4A7C15>>(64-bucketBits)]
}

func (r *registry) get(key uint64) *ID {
	for e := r.bucket(key).Load(); e != nil; e = e.next {
		if e.key == key {
			return e.id
		}
	}
	return nil
}

func (r *registry) put(key uint64, id *ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	head := r.bucket(key)
	head.Store(&entry{key: key, id: id, next: head.Load()})
}

func (r *registry) drop(key uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	head := r.bucket(key)
	var kept *entry
	for e := head.Load(); e != nil; e = e.next {
		if e.key != key {
			kept = &entry{key: e.key, id: e.id, next: kept}
		}
	}
	head.Store(kept)
}
