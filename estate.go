package ste

// An estate is what a Thread owns and releases at its end, newest first (T13): a
// ring of itself, with the first of them for an anchor. Only the Thread touches
// it.
type estate struct {
	older, newer *estate
	release      func() error
}

// own adds e to what the Thread releases.
func (c *core) own(e *estate, release func() error) {
	if c.estate == nil {
		c.estate = new(estate)
		c.estate.older, c.estate.newer = c.estate, c.estate
	}
	anchor := c.estate
	e.release = release
	e.older, e.newer = anchor.older, anchor
	e.older.newer, anchor.older = e, e
}

// disown takes e out.
func (e *estate) disown() {
	e.older.newer, e.newer.older = e.newer, e.older
	*e = estate{}
}

// owned reports whether e has neither been released nor taken out.
func (e *estate) owned() bool { return e.older != nil }

// newest returns what must be released next, or nil.
func (c *core) newest() *estate {
	if c.estate == nil || c.estate.older == c.estate {
		return nil
	}
	return c.estate.older
}
