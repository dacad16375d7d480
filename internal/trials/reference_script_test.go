package trials

import (
	"fmt"
)

// A script is what both executors are made to do.
type script struct {
	mode    byte // which strategy; the first is in a bubble
	limit   int
	fails   bool // the teardown does
	actions []action
	size    int
}

// An action is a call, by the driver or by a task.
type action struct {
	what   byte
	name   string
	number int
	how    variant
	ctx    byte     // what context the call gets
	body   []action // of its task
	ends   byte     // and how that ends
	future string   // to wait for
}

const (
	doSubmit = iota
	doPost
	doAsync
	doWait
	doShutdown
	inTasks // those before may also be called by tasks
	doHold  = iota - 1
	doRelease
	doCancel // ends the contexts of all calls before
	doLimit  // ends the context of the oldest Shutdown
	whats
)

var whatNames = [whats]string{"Submit", "Post", "Async", "Wait", "Shutdown", "hold", "release", "cancel", "limit"}

const (
	never = iota // ends
	later        // ends when the driver wants
	past         // has ended
	contexts
)

const (
	returns = iota
	fails
	panics
	exits
	ways
)

func (a action) String() string {
	s := fmt.Sprintf("%s %s", a.name, whatNames[a.what])
	switch {
	case a.what == doSubmit:
		s += [variants]string{"", "Context", " by Call"}[a.how]
	case a.what == doWait:
		s += " for " + a.future
	}
	s += [contexts]string{"", " with a context", " with an ended context"}[a.ctx]
	if a.what <= doAsync {
		s += fmt.Sprintf(" {%v %s}", a.body, [ways]string{"returns", "fails", "panics", "exits"}[a.ends])
	}
	return s
}

// A decoder makes a script of bytes; any will do.
type decoder struct {
	left   []byte
	asyncs []string
	size   int
}

func (d *decoder) next(n int) byte {
	if len(d.left) == 0 {
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return b % byte(n)
}

func decode(data []byte) script {
	d := &decoder{left: data}
	p := script{mode: d.next(1 + len(strategies)), limit: int(d.next(4)), fails: d.next(2) == 1}
	for len(d.left) > 0 && len(p.actions) < 30 {
		p.actions = append(p.actions, d.action(fmt.Sprint(len(p.actions)), 0))
	}
	p.size = d.size
	return p
}

func (d *decoder) action(name string, depth int) action {
	d.size++
	a := action{name: name, number: d.size, what: d.next(whats)}
	if depth > 0 {
		a.what %= inTasks
	}
	switch a.what {
	case doSubmit, doPost, doAsync:
		a.how, a.ends = variant(d.next(int(variants))), d.next(ways)
		for i := range d.next(4 - depth) {
			a.body = append(a.body, d.action(fmt.Sprint(name, ".", i), depth+1))
		}
	case doWait:
		if len(d.asyncs) > 0 {
			a.future = d.asyncs[int(d.next(255))%len(d.asyncs)]
		}
	}
	if a.what == doSubmit || a.what == doWait || a.what == doShutdown {
		a.ctx = d.next(contexts)
	}
	if depth > 0 && a.ctx == later { // there is nobody else to end it
		a.ctx = past
	}
	if a.what == doAsync {
		d.asyncs = append(d.asyncs, name)
	}
	return a
}
