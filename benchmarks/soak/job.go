package main

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/ste-go/ste"
)

// A job is a task, and what must hold of it.
type job struct {
	h       handle
	r       *rand.Rand
	stream  *stream // may be nil: then it has no place in an order
	number  uint64
	depth   int
	posted  bool // nobody waits inside the call
	quiet   bool // neither panics nor exits
	mayExit bool // who waits can bear it
	shared  bool // several may hear of its panic

	times    atomic.Int32 // that it has begun
	returned atomic.Bool  // so has the call that waits for it (T4)
	result   int          // written by the task, read after the call: -race sees T5
}

func newJob(h handle, r *rand.Rand, of *stream) *job {
	j := &job{h: h, r: rand.New(rand.NewPCG(r.Uint64(), r.Uint64())), stream: of}
	if of != nil {
		of.given++
		j.number = of.given
	}
	return j
}

// run is the task.
func (j *job) run() {
	s := j.h.subject
	nested := s.enter("a task")
	defer s.leave(nested)
	if j.times.Add(1) != 1 {
		s.failed("T6: a task runs twice")
	}
	if j.posted {
		s.ran.Add(1)
	}
	j.mustWait("starts")
	if o := j.stream; o != nil {
		if j.number <= o.begun {
			s.failed("T3: task %d of a goroutine after its task %d", j.number, o.begun)
		}
		o.begun = j.number
	}
	defer j.mustWait("ends")
	j.result = 42
	if j.r.IntN(pullEvery) == 0 {
		s.pull(j.act)
	} else {
		j.act()
	}
	if j.quiet {
		return
	}
	switch n := j.r.IntN(64); {
	case n < 3:
		panic(s.newBoom(j.shared))
	case n < 5 && j.mayExit:
		s.add(exits)
		runtime.Goexit()
	}
}

// mustWait checks that the call that waits for the task has not returned.
func (j *job) mustWait(what string) {
	if !j.posted && j.returned.Load() {
		j.h.failed("T4: a task %s after its call has returned", what)
	}
}

// child is a job that this one makes.
func (j *job) child(h handle, of *stream) *job {
	c := newJob(h, j.r, of)
	c.depth = j.depth + 1
	c.mayExit, c.shared, c.quiet = j.mayExit, j.shared, j.quiet
	return c
}

// An outcome is how a call ended.
type outcome struct {
	err      error
	panicked any
	exited   bool
}

// outcomeOf makes a call that may end in any way, on a goroutine of its own if it
// may take that with it.
func outcomeOf(mayExit bool, call func() error, after func()) (o outcome) {
	do := func(o *outcome) {
		defer func() {
			if v := recover(); v != nil {
				o.panicked, o.exited = v, false
			}
			after()
		}()
		o.exited = true
		o.err = call()
		o.exited = false
	}
	if !mayExit {
		do(&o)
		return o
	}
	over := make(chan *outcome)
	go func() {
		o := new(outcome)
		defer func() { over <- o }()
		do(o)
	}()
	return *<-over
}

// check compares how a call that waits has ended with what the task did.
func (j *job) check(call string, o outcome, ended *giveUp) {
	s, times := j.h.subject, j.times.Load()
	switch {
	case o.panicked != nil:
		if _, ok := o.panicked.(*ste.PanicError); !ok || !hears(o.panicked) || times != 1 {
			s.failed("T8: %s panics with %v; the task ran %d times", call, o.panicked, times)
		}
	case o.exited:
		if !j.mayExit || times != 1 {
			s.failed("T9: %s exits; the task ran %d times", call, times)
		}
	case o.err != nil:
		if times != 0 {
			s.failed("T6: %s returned %v; the task ran %d times", call, o.err, times)
		}
		s.allows(call, o.err, ended.context())
	case times != 1 || j.result != 42:
		s.failed("T6: %s returned nil; the task ran %d times, result %d", call, times, j.result)
	}
}

// post gives the job to its Thread and does not wait.
func (j *job) post() {
	s := j.h.subject
	j.posted, j.mayExit = true, true
	s.add(posts)
	err := j.h.th.Post(j.run)
	if err == nil {
		s.accepted.Add(1)
	}
	s.allows("Post", err, nil)
}

// async gives the job to its Thread and returns its Future, nil if it was refused.
func (j *job) async() *ste.Future[int] {
	s := j.h.subject
	j.posted, j.shared = true, true
	s.add(asyncs)
	f, err := ste.Async(j.h.th, func() (int, error) { j.run(); return j.result, nil })
	if err == nil {
		s.accepted.Add(1)
	}
	s.allows("Async", err, nil)
	return f
}

// after arms a timer that runs the job.
func (j *job) after() {
	s := j.h.subject
	s.add(timers)
	d := time.Duration(j.r.IntN(2000)) * time.Microsecond
	begun := time.Now()
	var stopped atomic.Bool
	quiet, r := j.quiet, rand.New(rand.NewPCG(j.r.Uint64(), 1))
	tm, err := j.h.th.AfterFunc(d, func() {
		nested := s.enter("a timer")
		defer s.leave(nested)
		s.fired.Add(1)
		s.add(ticks)
		if j.times.Add(1) != 1 || stopped.Load() {
			s.failed("an AfterFunc runs twice, or after Stop")
		}
		if early := d - time.Since(begun); early > 0 {
			s.failed("an AfterFunc runs %v early", early)
		}
		if !quiet && r.IntN(16) == 0 {
			panic(s.newBoom(false))
		}
	})
	s.allows("AfterFunc", err, nil)
	if err != nil {
		return
	}
	s.armed.Add(1)
	if j.r.IntN(2) == 0 && tm.Stop() {
		s.add(stops)
		s.stopped.Add(1)
		stopped.Store(true)
		if j.times.Load() != 0 {
			s.failed("Stop of an AfterFunc that has run: true")
		}
	}
}
