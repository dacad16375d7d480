package main

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"

	"github.com/ste-go/ste"
)

// An exhibit is a Tagged that everybody gets to see and only its maker may open (G1).
type exhibit struct {
	maker *subject
	box   *ste.Tagged[uint64]
}

// exhibits are a fixed number, so that they do not add to what is kept.
type exhibits [64]atomic.Pointer[exhibit]

// exhibit shows a new one.
func (s *subject) exhibit(r *rand.Rand) {
	e := &exhibit{s, ste.NewTagged(s.tag.ID())}
	s.try(e, s)
	s.exhibits[r.IntN(len(s.exhibits))].Store(e)
}

// tryExhibits tries to open some from code that is on at, or on no Thread.
func (s *soak) tryExhibits(at *subject, r *rand.Rand) {
	for range 4 {
		if e := s.exhibits[r.IntN(len(s.exhibits))].Load(); e != nil {
			s.try(e, at)
		}
	}
}

func (s *soak) try(e *exhibit, at *subject) {
	s.add(tagged)
	v, err := e.box.TryGet()
	var wrong *ste.WrongThreadError
	switch mine := at == e.maker; {
	case mine && (err != nil || v != e.maker.tag.ID() || e.box.Get() != v || *e.box.Ptr() != v):
		at.failed("G1: its own Tagged: %d, %v", v, err)
	case !mine && (!errors.As(err, &wrong) || v != 0 || e.box.OnThread()):
		s.fail("G1: a Tagged of %v opens elsewhere: %d, %v", e.maker.tag, v, err)
	case !mine && wrong.Want != e.maker.tag:
		s.fail("G3: a Tagged of %v is said to be of %v", e.maker.tag, wrong.Want)
	}
}
