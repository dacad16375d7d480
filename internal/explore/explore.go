// Package explore runs concurrent code under a scheduler of its own, one
// goroutine at a time, and tries out in which order their steps can happen.
//
// A step is what one goroutine does from one access to something shared to the
// next. The code says where its steps begin, by Point; package prim does that for
// the hand-off when it is built with the tag ste_explore. Between two Points
// nobody else runs, so a run is determined by who goes on at each of them, and
// can be repeated.
//
// Since Go's atomics are sequentially consistent, trying the orders of steps is
// enough to see all that atomics can do. What it leaves out: data races on plain
// memory (the race detector sees those), and the Go scheduler.
package explore

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// A Kind says what a step is to the other goroutines.
type Kind uint8

const (
	Look   Kind = iota // changes nothing
	Change             // may let others see something new
	Spin               // a turn of a loop that waits for a change by somebody else
)

// A goroutine is one that the scheduler controls.
type goroutine struct {
	id    int
	name  string
	turn  chan struct{} // holds a token while the goroutine may run
	ready func() bool   // whether its next step can be taken; nil for always
	spun  int           // changes there had been when it last spun, or -1
	ended bool
}

// A run is one execution of a program.
type run struct {
	pick    strategy
	all     []*goroutine
	current *goroutine
	steps   int
	changes int
	clock   int64 // ns
	idle    int   // how often in a row the clock was the only thing to go on
	trace   bool
	log     []string
	failed  error
	over    chan struct{}

	able, spinning, stuck []*goroutine // choose's, to be used again
}

// active is the run in progress. Only the goroutine whose turn it is touches it
// and what it points to.
var active *run

const (
	// stepsMost is how many steps a run may take before it counts as endless.
	stepsMost = 20000
	// idleMost is how often spinning goroutines may find nothing new, with nobody
	// else able to go on, before they count as spinning for ever.
	idleMost = 50
	// tick is by how much the clock goes on when everyone waits for it, in ns:
	// longer than anybody spins.
	tick = 1e6
)

// Now is the run's clock, in ns.
func Now() int64 {
	if r := active; r != nil {
		r.clock += 100
		return r.clock
	}
	return 0
}

// Advance sets the clock to at, if that is later.
func Advance(at int64) {
	if r := active; r != nil {
		r.clock = max(r.clock, at)
	}
}

// Point begins the calling goroutine's next step, what, which can be taken when
// ready (nil for always) says so. It returns when it is that goroutine's turn.
func Point(kind Kind, what string, ready func() bool) {
	r := active
	if r == nil {
		return
	}
	g := r.current
	g.ready, g.spun = ready, -1
	if kind == Spin {
		g.spun = r.changes
	}
	r.next(g)
	g.spun = -1
	if kind == Change {
		r.changes++
		r.idle = 0
	}
	if r.steps++; r.steps > stepsMost {
		r.fail(fmt.Errorf("no end after %d steps", stepsMost))
	}
	if r.trace {
		r.log = append(r.log, fmt.Sprintf("%-10s %-12s %s", g.name, what, where()))
	}
}

// Self is the goroutine that calls, to tell it from others.
func Self() any {
	if active == nil {
		return nil
	}
	return active.current
}

// Fail ends the run as failed.
func Fail(why string) { active.fail(errors.New(why)) }

// Choose returns a number below n: one that something else than the order of
// steps decides.
func Choose(n int) int {
	if active == nil {
		return 0
	}
	return active.pick.number(n)
}

// Go starts f on a goroutine of the run, or on any if there is none.
func Go(name string, f func()) {
	r := active
	if r == nil {
		go f()
		return
	}
	g := r.add(name)
	go func() {
		<-g.turn
		defer r.end(g)
		f()
	}()
}

func (r *run) add(name string) *goroutine {
	g := &goroutine{id: len(r.all), name: name, turn: make(chan struct{}, 1), spun: -1}
	r.all = append(r.all, g)
	return g
}

// end is deferred by every goroutine of the run.
func (r *run) end(g *goroutine) {
	if v := recover(); v != nil {
		r.fail(fmt.Errorf("%s panicked: %v\n%s", g.name, v, debug.Stack()))
	}
	g.ended = true
	r.changes++
	r.idle = 0
	r.next(g)
}

// next gives the turn to whoever the strategy picks, and waits until g has it.
func (r *run) next(g *goroutine) {
	to := r.choose(g)
	if to == g {
		return
	}
	if to == nil { // all have ended
		close(r.over)
		return
	}
	r.current = to
	to.turn <- struct{}{}
	if !g.ended {
		<-g.turn
	}
}

// choose returns who goes on after g, or nil if all have ended.
func (r *run) choose(g *goroutine) *goroutine {
	able, spinning, stuck := r.able[:0], r.spinning[:0], r.stuck[:0]
	for i := range r.all {
		o := r.all[(g.id+i)%len(r.all)]
		switch {
		case o.ended:
		case o.ready != nil && !o.ready():
			stuck = append(stuck, o)
		case o.spun == r.changes:
			spinning = append(spinning, o)
		default:
			able = append(able, o)
		}
	}
	r.able, r.spinning, r.stuck = able, spinning, stuck
	if len(able) == 0 && len(spinning) > 0 {
		if r.idle++; r.idle > idleMost {
			r.fail(fmt.Errorf("spins for ever: %s; waits for ever: %s", names(spinning), names(stuck)))
		}
		r.clock += tick
		able = spinning
	}
	if len(able) == 0 {
		if len(stuck) > 0 {
			r.fail(fmt.Errorf("waits for ever: %s", names(stuck)))
		}
		return nil
	}
	if able[0] != g || g.spun >= 0 {
		return r.pick.goroutine(nil, able)
	}
	return r.pick.goroutine(g, able)
}

// fail ends the run. The goroutines stay where they are: nothing can be known of
// what they would do in a program that has failed.
func (r *run) fail(err error) {
	if r.failed == nil {
		r.failed = err
		close(r.over)
	}
	select {}
}

func names(gs []*goroutine) string {
	if len(gs) == 0 {
		return "nobody"
	}
	var s []string
	for _, g := range gs {
		s = append(s, g.name)
	}
	return strings.Join(s, ", ")
}

// where names the two innermost callers that are not about steps themselves.
func where() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var s []string
	for len(s) < 2 {
		f, more := frames.Next()
		if !strings.Contains(f.Function, "/internal/prim.") && !strings.Contains(f.Function, "sync.") && f.Function != "" {
			s = append(s, fmt.Sprintf("%s (%s:%d)", f.Function[strings.LastIndex(f.Function, "/")+1:], f.File[strings.LastIndex(f.File, "/")+1:], f.Line))
		}
		if !more {
			break
		}
	}
	return strings.Join(s, " < ")
}

// execute runs program under pick.
func execute(program Program, pick strategy, trace bool) *run {
	r := &run{pick: pick, trace: trace, over: make(chan struct{})}
	g := r.add("main")
	r.current, active = g, r
	var check func() error
	go func() {
		defer r.end(g)
		check = program()
	}()
	<-r.over
	active = nil
	if r.failed == nil && check != nil {
		r.failed = check()
	}
	return r
}
