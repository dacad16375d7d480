package explore

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Program is what is explored. It may start goroutines with Go; the run ends
// when they and it have ended, and then the check that it returned, if any, says
// whether all was well. It must do the same each time but for the order of steps.
type Program func() (check func() error)

// A Failure is a run that went wrong.
type Failure struct {
	Err  error
	Runs int    // how many runs there were, this one included
	Seed string // makes Replay repeat it
	Log  []string
}

// Error tells what went wrong, how to see it again, and step by step how it came
// about.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "run %d: %v\nreplay: %s\n", f.Runs, f.Err, f.Seed)
	last := ""
	for i, l := range f.Log {
		who, what, _ := strings.Cut(l, " ")
		if who == last {
			who = ""
		} else {
			last = who
		}
		fmt.Fprintf(&b, "%5d  %-10s %s\n", i+1, who, strings.TrimSpace(what))
	}
	return b.String()
}

// All runs program in every order of steps with at most bound surprises, until one
// fails or the time is up (0 for none). It returns how many runs there were and
// whether those were all.
func All(program Program, bound int, limit time.Duration) (runs int, all bool, failure *Failure) {
	began := time.Now()
	for s := (&search{bound: bound}); ; {
		runs++
		if r := execute(program, s, false); r.failed != nil {
			return runs, false, explain(program, r.failed, runs, s.seed())
		}
		if !s.next() {
			return runs, true, nil
		}
		if limit > 0 && time.Since(began) > limit {
			return runs, false, nil
		}
	}
}

// Random runs program runs times in orders of steps that are drawn by seed, seed
// + 1 and so on, each with a few interruptions at random.
func Random(program Program, seed uint64, changes, runs int) *Failure {
	steps := 100
	for i := range runs {
		c := newChance(seed+uint64(i), steps, 1+i%changes)
		r := execute(program, c, false)
		if r.failed != nil {
			return explain(program, r.failed, i+1, fmt.Sprintf("random %d %d %d", seed+uint64(i), steps, 1+i%changes))
		}
		steps = max(steps, c.step)
	}
	return nil
}

// Replay runs program once more as a Failure's Seed says.
func Replay(program Program, seed string) *Failure {
	pick, err := parse(seed)
	if err != nil {
		return &Failure{Err: err, Seed: seed}
	}
	r := execute(program, pick, true)
	if r.failed == nil {
		return nil
	}
	return &Failure{Err: r.failed, Runs: 1, Seed: seed, Log: r.log}
}

func explain(program Program, err error, runs int, seed string) *Failure {
	f := Replay(program, seed)
	if f == nil {
		f = &Failure{Err: fmt.Errorf("%w (but not when repeated)", err), Seed: seed}
	}
	f.Runs = runs
	return f
}

// seed is the search's decisions so far.
func (s *search) seed() string {
	var b strings.Builder
	fmt.Fprintf(&b, "search %d ", s.bound)
	for i, d := range s.path[:s.depth] {
		if i > 0 {
			b.WriteByte('.')
		}
		fmt.Fprintf(&b, "%d/%d", d.option, d.options)
	}
	return b.String()
}

func parse(seed string) (strategy, error) {
	bad := fmt.Errorf("explore: %q is not the replay line of a failure", seed)
	fields := strings.Fields(seed)
	switch {
	case len(fields) == 4 && fields[0] == "random":
		n, err1 := strconv.ParseUint(fields[1], 10, 64)
		steps, err2 := strconv.Atoi(fields[2])
		changes, err3 := strconv.Atoi(fields[3])
		if err1 != nil || err2 != nil || err3 != nil {
			return nil, bad
		}
		return newChance(n, steps, changes), nil
	case len(fields) >= 2 && fields[0] == "search":
		bound, err := strconv.Atoi(fields[1])
		if err != nil {
			return nil, bad
		}
		s := &search{bound: bound}
		if len(fields) > 2 {
			for _, f := range strings.Split(fields[2], ".") {
				var d decision
				if _, err := fmt.Sscanf(f, "%d/%d", &d.option, &d.options); err != nil {
					return nil, bad
				}
				s.path = append(s.path, d)
			}
		}
		return s, nil
	}
	return nil, bad
}
