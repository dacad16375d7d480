package ste

import "github.com/ste-go/ste/internal/slots"

// An estate is what a Thread owns and releases at its end, newest first (T13): an entry
// of a doubly linked circle whose anchor is owned.anchor. Only the Thread touches it.
type estate struct {
	older, newer *estate
	release      func() error
}

// owned is all that a Thread owns. The Thread's.
type owned struct {
	anchor estate
	slots.Table
}

// owns returns what the Thread owns.
func (c *core) owns() *owned {
	if c.owned == nil {
		c.owned = new(owned)
		anchor := &c.owned.anchor
		anchor.older, anchor.newer = anchor, anchor
	}
	return c.owned
}

// own adds e to what the Thread releases.
func (c *core) own(e *estate, release func() error) {
	anchor := &c.owns().anchor
	e.release = release
	e.older, e.newer = anchor.older, anchor
	e.older.newer, anchor.older = e, e
}

// disown takes e out.
func (e *estate) disown() {
	e.older.newer, e.newer.older = e.newer, e.older
	*e = estate{}
}

// held reports whether e has neither been released nor taken out.
func (e *estate) held() bool { return e.older != nil }

// newest returns what must be released next, or nil.
func (c *core) newest() *estate {
	if c.owned == nil || c.owned.anchor.older == &c.owned.anchor {
		return nil
	}
	return c.owned.anchor.older
}
