package main

import (
	"context"
	"math/rand/v2"

	"github.com/ste-go/ste"
)

// A token is a Thread's value of a Local.
type token struct {
	of     *subject
	closes int // the Thread's
}

// newLocal makes a Local whose values know whose they are.
func (s *soak) newLocal() *ste.Local[*token] {
	return ste.NewLocal(func() (*token, error) {
		v, ok := s.byTag.Load(ste.Current())
		if !ok {
			s.fail("a Local opens on %v, which is not known", ste.Current())
			return new(token), nil
		}
		of := v.(*subject)
		of.here("the open of a Local")
		of.localsOpened.Add(1)
		return &token{of: of}, nil
	}, func(v **token) error {
		t := *v
		t.of.here("the close of a Local's value")
		if t.closes++; t.closes != 1 {
			t.of.failed("a Local's value is closed twice")
		}
		t.of.localsClosed.Add(1)
		return nil
	})
}

// getLocal asks for the Thread's value.
func (s *subject) getLocal(l *ste.Local[*token]) {
	s.add(localGets)
	v, err := l.TryGet()
	switch {
	case err != nil: // closed by its other user
		s.failed("Local.TryGet: %v", err)
	case (*v).of != s || (*v).closes != 0 || *l.Get() != *v:
		s.failed("G1: a Local's value is %v's, closed %d times", (*v).of.tag, (*v).closes)
	}
}

// localOnThread uses a Local that lives as long as the soak.
func (s *subject) localOnThread(r *rand.Rand) {
	l := s.locals[r.IntN(len(s.locals))]
	s.getLocal(l)
	if r.IntN(4) > 0 {
		return
	}
	s.add(localTakes)
	v, ok := l.Take()
	if !ok || v.of != s {
		s.failed("Local.Take: %v", ok)
		return
	}
	v.closes++
	s.localsClosed.Add(1)
}

// useLocal is a Local's whole life, from no Thread.
func useLocal(h handle, r *rand.Rand) {
	l := h.soak.newLocal()
	on := append([]handle{h}, h.residents[r.IntN(len(h.residents)):]...)
	for _, at := range on {
		at.allows("Submit", at.th.Submit(func() { at.getLocal(l) }), nil)
	}
	if r.IntN(2) == 0 {
		h.visit(l, r)
	}
	if r.IntN(3) == 0 {
		h.add(localsForgotten)
		return
	}
	h.add(localCloses)
	if err := l.Close(); err != nil {
		h.failed("Local.Close: %v", err)
	}
	for _, at := range on {
		at.allows("Submit", at.th.Submit(func() {
			if _, err := l.TryGet(); err == nil {
				at.failed("a closed Local opens")
			}
		}), nil)
	}
}

// visit goes through the values of a Local.
func (s *soak) visit(l *ste.Local[*token], r *rand.Rand) {
	ctx, ended := context.Background(), newGiveUp(r)
	defer ended.cancel()
	if r.IntN(2) == 0 {
		ctx = ended.ctx
	}
	err := l.Each(ctx, func(tag ste.Tag, v **token) error {
		s.add(localVisits)
		of := (*v).of
		of.here("a visit")
		if of.tag != tag || (*v).closes != 0 {
			of.failed("Local.Each: a value of %v, closed %d times", tag, (*v).closes)
		}
		return nil
	})
	if err != nil && (ctx.Err() == nil || err != errGivenUp) {
		s.fail("Local.Each: %v", err)
	}
}
