package explore

import "math/rand/v2"

// A strategy decides who goes on.
type strategy interface {
	// goroutine picks one of able. current is the first of them if it can go on,
	// else nil; the others follow in the order of their making, from it on.
	goroutine(current *goroutine, able []*goroutine) *goroutine
	// number picks a number below n.
	number(n int) int
}

// A search tries out all decisions, depth first, with at most bound surprises in
// each run. It is no surprise that a goroutine goes on as long as it can, and
// that then the one made after it does (Emmi, Qadeer and Rakamaric call that
// delay bounding, POPL 2011: what a run can do grows with the bound, and not with
// the number of goroutines).
type search struct {
	bound int
	path  []decision
	depth int // in path
	used  int // surprises in this run
}

// A decision is one of options.
type decision struct{ option, options int }

func (s *search) goroutine(current *goroutine, able []*goroutine) *goroutine {
	if s.used == s.bound {
		return able[0]
	}
	i := s.number(len(able))
	if i > 0 {
		s.used++
	}
	return able[i]
}

func (s *search) number(n int) int {
	if n == 1 {
		return 0
	}
	if s.depth == len(s.path) {
		s.path = append(s.path, decision{0, n})
	}
	d := s.path[s.depth]
	if d.options != n {
		panic("explore: the program is not the same each time")
	}
	s.depth++
	return d.option
}

// next prepares the next run. It reports whether there is one.
func (s *search) next() bool {
	s.depth, s.used = 0, 0
	for n := len(s.path); n > 0; n-- {
		if d := &s.path[n-1]; d.option+1 < d.options {
			d.option++
			return true
		}
		s.path = s.path[:n-1]
	}
	return false
}

// A chance gives each goroutine a priority and lets the highest go on; at a few
// random steps whoever runs falls behind all others. That finds a bug that needs
// d such changes, in a run of k steps by n goroutines, with a probability of at
// least 1/(n*k^(d-1)) (Burckhardt and others, ASPLOS 2010).
type chance struct {
	rand     *rand.Rand
	falls    map[int]bool // steps before which the current goroutine falls behind
	step     int
	priority map[int]int
	last     int
}

func newChance(seed uint64, steps, changes int) *chance {
	c := &chance{rand: rand.New(rand.NewPCG(seed, 0)), falls: map[int]bool{}, priority: map[int]int{}}
	for range changes {
		c.falls[c.rand.IntN(max(steps, 1))] = true
	}
	return c
}

func (c *chance) goroutine(current *goroutine, able []*goroutine) *goroutine {
	c.step++
	if current != nil && c.falls[c.step] {
		c.last--
		c.priority[current.id] = c.last
	}
	best := able[0]
	for _, g := range able {
		if _, ok := c.priority[g.id]; !ok {
			c.priority[g.id] = 1 + c.rand.IntN(1<<30)
		}
		if c.priority[g.id] > c.priority[best.id] {
			best = g
		}
	}
	if current == nil && c.rand.IntN(8) == 0 { // who spins must not keep the others out
		best = able[c.rand.IntN(len(able))]
	}
	return best
}

func (c *chance) number(n int) int { return c.rand.IntN(n) }
