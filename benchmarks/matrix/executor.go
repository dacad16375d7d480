package main

import (
	"runtime"
	"strings"
	"sync"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/byhand"
)

// An executor runs closures one at a time, somewhere else.
type executor interface {
	submit(f func()) // returns when f has ended
	close()
}

// A contestant is a way to make executors.
type contestant struct {
	name   string
	locked bool // the closures run on one OS thread; what is not locked does an easier job
	open   func() (executor, error)
}

// baselineName is the contestant that all ratios refer to, twinName the same
// code once more: what the two differ by is noise.
const (
	baselineName = "baseline"
	twinName     = "twin"
)

var (
	baseline = contestant{baselineName, true, openBaseline}
	twin     = contestant{twinName, true, openBaseline}
)

// strategies are ste's wait strategies by name, all that -wait knows: a new one is
// a line here and no more. The first is the default, and the one that the figures to
// reach are about.
var strategies = []contestant{
	withStrategy("adaptive", ste.WaitAdaptive),
	withStrategy("park", ste.WaitPark),
	withStrategy("spin", ste.WaitSpin),
	withStrategy("kernel", ste.WaitKernel),
}

// strategyNames lists them for messages.
func strategyNames() string {
	var names []string
	for _, s := range strategies {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// A channelThread is the baseline: a locked goroutine that takes closures from
// an unbuffered channel. The done channels come from a pool, as good code by
// hand would have it.
type channelThread struct {
	tasks chan channelTask
	ended chan struct{}
	dones sync.Pool
}

type channelTask struct {
	f    func()
	done chan struct{}
}

func openBaseline() (executor, error) { return newChannelThread(true), nil }

func newChannelThread(locked bool) *channelThread {
	t := &channelThread{tasks: make(chan channelTask), ended: make(chan struct{})}
	// Capacity 1, so that the thread never waits for its caller to take the news.
	t.dones.New = func() any { return make(chan struct{}, 1) }
	go func() {
		if locked {
			runtime.LockOSThread()
		}
		defer close(t.ended)
		for task := range t.tasks {
			task.f()
			task.done <- struct{}{}
		}
	}()
	return t
}

func (t *channelThread) submit(f func()) {
	done := t.dones.Get().(chan struct{})
	t.tasks <- channelTask{f, done}
	<-done
	t.dones.Put(done)
}

func (t *channelThread) close() {
	close(t.tasks)
	<-t.ended
}

// steThread is the library.
type steThread struct{ *ste.Thread }

func withStrategy(name string, w ste.WaitStrategy) contestant {
	return contestant{name, true, func() (executor, error) {
		t, err := ste.New(ste.WithWaitStrategy(w))
		return steThread{t}, err
	}}
}

// A closure that was refused is not counted as run, and the round says so.
func (t steThread) submit(f func()) { _ = t.Submit(f) }
func (t steThread) close()          { _ = t.Close() }

// byHandThread is the idiom as most projects write it: a done channel made for
// each closure, and closed.
type byHandThread struct{ *byhand.Thread }

func openByHand() (executor, error)    { return byHandThread{byhand.New()}, nil }
func (t byHandThread) submit(f func()) { t.Do(f) }
func (t byHandThread) close()          { t.Close() }

// A condThread is the other idiom: a queue under a mutex, and condition
// variables.
type condThread struct {
	mu      sync.Mutex
	work    sync.Cond // the queue is not empty, or closed
	settled sync.Cond // some task has ended
	queue   []*condTask
	closed  bool
	ended   chan struct{}
}

type condTask struct {
	f    func()
	done bool
}

func openCond() (executor, error) {
	t := &condThread{ended: make(chan struct{})}
	t.work.L, t.settled.L = &t.mu, &t.mu
	go t.run()
	return t, nil
}

func (t *condThread) run() {
	runtime.LockOSThread()
	defer close(t.ended)
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		for len(t.queue) == 0 {
			if t.closed {
				return
			}
			t.work.Wait()
		}
		task := t.queue[0]
		t.queue = t.queue[1:]
		t.mu.Unlock()
		task.f()
		t.mu.Lock()
		task.done = true
		t.settled.Broadcast()
	}
}

func (t *condThread) submit(f func()) {
	task := &condTask{f: f}
	t.mu.Lock()
	t.queue = append(t.queue, task)
	t.work.Signal()
	for !task.done {
		t.settled.Wait()
	}
	t.mu.Unlock()
}

func (t *condThread) close() {
	t.mu.Lock()
	t.closed = true
	t.work.Signal()
	t.mu.Unlock()
	<-t.ended
}
