package oslocal

import (
	"fmt"
	"runtime"

	"github.com/ste-go/ste/internal/bubble"
	"github.com/ste-go/ste/oslocal/internal/threadword"
)

// A Local is one value per OS thread, made when the thread first asks for it and
// closed after the thread has ended, whoever created that thread.
//
// Make one with New; the methods of the zero Local panic. All methods may be
// called from anywhere at any time; Get, TryGet and Take are about the thread
// they are called on, so the goroutine must stay on it: it has called
// runtime.LockOSThread, or C has called it. On other goroutines they return some
// thread's value, which may be in use elsewhere in the next moment; that cannot be
// noticed cheaply, and is noticed with STE_DEBUG=oslocal in the environment (a
// comma-separated list): then Get panics and TryGet returns ErrNotLocked.
//
// A Local must not be copied. Its threads' values are closed when it becomes
// unreachable, as if by Close; hold it for as long as they are used. If open or
// close refers to the Local, or a value does, it never becomes garbage and
// must be closed. So must a Local made in a testing/synctest bubble.
//
// What a thread did with its value happens before its close function runs. With
// Go's race detector one more thing is needed on a Go goroutine that ends while
// locked, because the detector cannot see how a thread ends: defer a last Get.
//
// A Get that finds its value costs some 6 ns on Linux on amd64 and arm64, where it
// calls no C, and a call into C (60 to 100 ns) elsewhere. A value's making and
// closing cost a thread one or two microseconds; in memory it takes 80 bytes, and the
// object 8 bytes times the highest number of threads that were alive together.
// TryGet costs a few ns more.
type Local[T any] struct {
	_       noCopy
	core    *core[T]
	cleanup runtime.Cleanup
}

// New makes a Local. open makes a thread's value on that thread; it may use
// other Locals, but not its own: that panics. close, which may be nil, releases
// one, and never runs on the value's thread: for a thread that has ended and for
// a forgotten Local it runs on a goroutine that the package keeps while there are
// values, one close at a time; for Close on a goroutine for which Close waits. A
// value that must be closed on its own thread belongs in a ste.Local.
//
// New fails with ErrNotSupported, with ErrNoKeys, and for want of two file
// descriptors. It takes no key but the first time and with WithKey, so there
// may be hundreds of thousands of Locals.
func New[T any](open func() (T, error), close func(*T) error, opts ...Option) (*Local[T], error) {
	if open == nil {
		panic("oslocal: New with a nil open func")
	}
	o := options{report: logError}
	for _, opt := range opts {
		if opt == nil {
			panic("oslocal: New with a nil Option")
		}
		opt.apply(&o)
	}
	c := &core[T]{open: open, close: close, report: o.report}
	if o.word != nil {
		word, ok := o.word.(func(*T) uintptr)
		if !ok {
			panic(fmt.Sprintf("oslocal: WithKey with a %T for a Local of %T", o.word, *new(T)))
		}
		c.word = word
	}
	if err := ready(); err != nil {
		return nil, err
	}
	if c.word != nil {
		key, err := newKey()
		if err != nil {
			return nil, err
		}
		c.key = key
	}
	l := &Local[T]{core: c}
	if !bubble.Here() {
		l.cleanup = runtime.AddCleanup(l, (*core[T]).forget, c)
	}
	return l, nil
}

// Get returns the calling thread's value, which open makes if there is none. It
// panics when TryGet returns an error. The pointer is good until the value is
// taken or closed.
func (l *Local[T]) Get() *T {
	if l != nil && l.core != nil && !debugging { // else must says what is wrong
		c := l.core
		var word uint64
		if threadword.Known && offset != 0 { // current, so that it is inlined
			word = threadword.Load(offset)
		} else {
			word = current()
		}
		if cell := c.at(word); cell != nil {
			if racing {
				cell.thread.edge.Add(1)
			}
			return &cell.value
		}
	}
	v, err := l.must("Get").make()
	if err != nil {
		panic(fmt.Errorf("oslocal: Get: %w", err))
	}
	runtime.KeepAlive(l)
	return v
}

// TryGet is Get, and returns an error instead of panicking: that of open, which
// leaves no value, so that the next call tries again; ErrClosed; ErrEnded;
// ErrNotLocked; that of a system without memory. A panic of open, and its Goexit, pass
// through both, and leave no value either.
func (l *Local[T]) TryGet() (*T, error) {
	v, err := l.must("TryGet").make()
	runtime.KeepAlive(l)
	return v, err
}

// Take removes the calling thread's value and returns it, if there is one,
// without closing it: it is the caller's now. The next Get makes a new one. It waits
// for an Each that is at the value.
func (l *Local[T]) Take() (v T, ok bool) {
	c := l.must("Take")
	defer runtime.KeepAlive(l)
	if debugging && !locked() {
		panic(ErrNotLocked)
	}
	return c.take(current())
}

// Each calls f with the value of every thread that has one, one after the other,
// on the calling goroutine, in no order that means anything.
//
// The thread that owns a value may use it at the same time: values that Each
// visits need locks or atomics of their own. But no value is closed or taken while
// f is at it: Close, Take and the releasing goroutine wait for f. So f
// must not call Close, Take or Each of the same Local: that panics on amd64
// and arm64, and hangs elsewhere. A thread whose end has not been noticed yet
// counts as alive; values that come while Each runs may be left out.
func (l *Local[T]) Each(f func(*T)) {
	c := l.must("Each")
	if f == nil {
		panic("oslocal: Each with a nil func")
	}
	defer runtime.KeepAlive(l)
	c.each(f)
}

// Close closes the values of all threads, on a goroutine of its own, and returns
// when that is done, with their errors joined; a panic of close is an error, and so
// is a Goexit, and the rest are still closed. Afterwards TryGet returns ErrClosed.
//
// Close does not wait for a thread that is in open just then: the value is closed
// as soon as open returns, and that thread's TryGet returns ErrClosed, joined with
// close's error. It does wait for the releasing goroutine to be done with a value of
// the Local, unless it is called in a close function. Further calls return nil at
// once. Nobody may use a value's pointer that Get returned earlier.
func (l *Local[T]) Close() error {
	c := l.must("Close")
	defer runtime.KeepAlive(l)
	c.notInEach("Close")
	l.cleanup.Stop()
	return c.shut()
}

// Key returns the raw pthread_key_t or FLS index of a Local that was made with
// WithKey, and false for others: their values are found through one key that all
// share, whose layout is the package's own business. C must not use the key after
// Close.
func (l *Local[T]) Key() (key uintptr, ok bool) {
	c := l.must("Key")
	return c.key, c.word != nil
}

func (l *Local[T]) must(call string) *core[T] {
	if l == nil || l.core == nil {
		panic("oslocal: " + call + " of a Local that New has not made")
	}
	return l.core
}

// noCopy lets go vet find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}
