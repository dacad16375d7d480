package trials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An inputRow is one call with bad arguments, or at a bad time or place.
type inputRow struct {
	call string // as exportedCalls names it
	with string
	at   string // where it is called: nowhere (off every Thread), or a place below
	f    func(e *inputs) []any
	// release says that the call waits for the Thread's task, or for the Thread's
	// end; the runner ends it once the call has begun.
	release bool
	odd     string // why the answer breaks a rule of answered, if it does
}

// The places of a row.
const (
	off     = ""
	onOwn   = "on the Thread"
	onOther = "on another Thread"
	inHook  = "in its teardown"
)

// inputs are what the rows' calls are given, made anew for each row.
type inputs struct {
	a, b   *ste.Thread      // the row's Thread, and another
	busy   *ste.Thread      // runs a task until the row has ended
	closed *ste.Thread      // has ended
	other  *ste.Tagged[int] // of b
	dead   *ste.Tagged[int] // of closed
	bound  *ste.Bound[int]  // of a
	local  *ste.Local[int]  // with a value on a, b and busy
	mine   *ste.Local[int]  // with a value on a
	never  *ste.Future[int] // of busy, which does not come to it
	ready  *ste.Future[int] // has finished
	leave  chan struct{}    // ends busy's task
}

// closedInputs are the inputs that all rows may share.
func closedInputs(t *testing.T) inputs {
	e := inputs{closed: start(t, ste.WithName("closed"))}
	require.NoError(t, e.closed.Submit(func() { e.dead = ste.NewTagged(1) }))
	require.NoError(t, e.closed.Close())
	return e
}

func newInputs(t *testing.T, e inputs) *inputs {
	e.leave = make(chan struct{})
	e.a, e.b, e.busy = start(t, ste.WithName("a")), start(t, ste.WithName("b")), start(t, ste.WithName("busy"))
	e.local = ste.NewLocal(func() (int, error) { return 1, nil }, func(*int) error { return nil })
	e.mine = ste.NewLocal(one, intHook)
	require.NoError(t, e.b.Submit(func() { e.other = ste.NewTagged(1); e.local.Get() }))
	require.NoError(t, e.a.Submit(func() { e.local.Get(); e.mine.Get() }))
	var err error
	e.bound, err = ste.Bind(e.a, func() (int, error) { return 1, nil }, func(int) error { return nil })
	require.NoError(t, err)
	e.ready, err = ste.Async(e.a, func() (int, error) { return 1, nil })
	require.NoError(t, err)
	testkit.Await(t, e.ready.Done())
	began := make(chan struct{})
	require.NoError(t, e.busy.Post(func() { e.local.Get(); close(began); <-e.leave }))
	<-began
	e.never, err = ste.Async(e.busy, func() (int, error) { return 1, nil })
	require.NoError(t, err)
	return &e
}

// ownError is what the rows' own code fails and panics with: it passes through the
// library as it is.
type ownError string

func (e ownError) Error() string { return string(e) }

// An answer is what a row's call did.
type answer struct {
	text     string
	panicked any
	errs     []error
}

// ask makes the row's call at its place.
func (r inputRow) ask(t *testing.T, e *inputs) (a answer) {
	t.Helper()
	call := func() { watchCall(&a, func() []any { return r.f(e) }) }
	done := make(chan struct{})
	go func() {
		defer close(done)
		switch r.at {
		case off:
			call()
		case onOwn:
			e.a.Submit(call)
		case onOther:
			e.b.Submit(call)
		case inHook:
			th, err := ste.New(ste.WithName("a"), ste.WithTeardown(func() error { call(); return nil }))
			if err == nil {
				e.a = th
				testkit.Watch(th)
				th.Close()
			}
		}
	}()
	if r.release {
		select {
		case <-done:
			t.Errorf("%s %s did not wait", r.call, r.with)
		case <-time.After(2 * time.Millisecond):
		}
		close(e.leave)
		go e.a.Close()
	}
	testkit.Await(t, done)
	if r.release {
		a.text = "waits, then " + a.text
	} else {
		close(e.leave)
	}
	return a
}

// watchCall calls f and writes down how that ended, also if by a Goexit.
func watchCall(a *answer, f func() []any) {
	a.text = "runtime.Goexit"
	defer func() {
		if v := recover(); v != nil {
			a.panicked, a.text = v, "panics: "+inputText(v)
		}
	}()
	var texts []string
	for _, v := range f() {
		texts = append(texts, inputText(v))
		if err, ok := v.(error); ok {
			a.errs = append(a.errs, err)
		}
	}
	a.text = strings.Join(texts, ", ")
}

var (
	threadNumber = regexp.MustCompile(`Thread \d+`)
	goroutines   = regexp.MustCompile(`(?s)\n\ngoroutine \d+ .*`)
)

// inputText is what the table says of a result.
func inputText(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case error:
		text := v.Error()
		for _, s := range []struct {
			err  error
			name string
		}{
			{ste.ErrClosed, "ErrClosed"}, {ste.ErrQueueFull, "ErrQueueFull"}, {ste.ErrDeadlock, "ErrDeadlock"},
			{context.Canceled, "context.Canceled"}, {context.DeadlineExceeded, "context.DeadlineExceeded"},
		} {
			if errors.Is(v, s.err) {
				text += " [" + s.name + "]"
			}
		}
		var wrong *ste.WrongThreadError
		if errors.As(v, &wrong) && wrong != nil {
			text += " [*WrongThreadError]"
		}
		if text == "" {
			return "an error of the row without a text"
		}
		return plainText(goroutines.ReplaceAllString(text, "\n(its stack)"))
	case string:
		return plainText(v)
	case *ste.Thread:
		if v == nil {
			return "no Thread"
		}
		return "a Thread"
	case ste.Tag:
		return plainText(v.String())
	case <-chan struct{}:
		if testkit.IsClosed(v) {
			return "a closed channel"
		}
		return "an open channel"
	case bool, int, uint64:
		return fmt.Sprint(v)
	}
	// Without a look inside: what is not a Thread's or a Tagged may be written to.
	if reflect.ValueOf(v).IsNil() {
		return "no " + shortType(v)
	}
	return "a " + shortType(v)
}

// plainText is a text on one line that is the same in every run and with every
// release of Go: PanicNilError's begins with "runtime error: " since 1.27.
func plainText(s string) string {
	s = strings.ReplaceAll(s, "runtime error: panic called with nil argument", "panic called with nil argument")
	return threadNumber.ReplaceAllString(strings.ReplaceAll(strings.TrimSpace(s), "\n", " / "), "Thread n")
}

func shortType(v any) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(fmt.Sprintf("%T", v), "*ste."), "[")
	return name
}

// inputTable makes every row's call and writes down the answers.
func inputTable(t *testing.T) string {
	var b strings.Builder
	shared := closedInputs(t)
	for _, r := range inputRows() {
		name := strings.TrimSpace(r.call + ", " + r.with + " " + r.at)
		e := newInputs(t, shared)
		a := r.ask(t, e)
		assert.Equal(t, r.odd != "", a.broken(r) != "", "%s: %s: %s", name, a.broken(r), a.text)
		if r.at != inHook && !e.a.Closed() {
			require.NoError(t, e.a.Submit(func() {}), "the Thread is unharmed")
		}
		require.NoError(t, e.b.Submit(func() {}), "another Thread is unharmed")
		for _, th := range []*ste.Thread{e.a, e.b, e.busy} {
			th.Close()
		}
		with := strings.Trim(r.with+", "+r.at, ", ")
		if with == "" {
			with = "off every Thread"
		}
		text := a.text
		if r.odd != "" {
			text += " (odd: " + r.odd + ")"
		}
		cell := strings.NewReplacer("|", `\|`, "<", "&lt;", "\x00", "").Replace
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.call, cell(with), cell(text))
	}
	return b.String()
}

// Every exported function and method is called with every kind of bad argument that
// its parameters allow, also on closed, foreign, nil and zero receivers, off every
// Thread and on the wrong one. docs/input.md says what each call answers. Nothing
// hangs, and the rules of broken hold. To write it anew: go test ./internal/trials -run TestBadInput -update
func TestBadInput(t *testing.T) {
	atRoot(t)
	const begin, end = "<!-- input:begin -->\n", "<!-- input:end -->"
	table := "| call | with | answers |\n|---|---|---|\n" + inputTable(t)
	page, err := os.ReadFile("docs/input.md")
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(page), begin)
	require.True(t, ok)
	old, after, ok := strings.Cut(rest, end)
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile("docs/input.md", []byte(before+begin+table+end+after), 0o666))
		return
	}
	require.Equal(t, strings.Split(old, "\n"), strings.Split(table, "\n"))
}

// No exported function or method is missing from the table, and the table names none
// that is not there.
func TestBadInputNamesAll(t *testing.T) {
	atRoot(t)
	want := exportedCalls(t)
	seen := map[string]bool{}
	for _, r := range inputRows() {
		require.Contains(t, want, r.call)
		seen[r.call] = true
	}
	for _, name := range want {
		require.True(t, seen[name], "%s has no row", name)
	}
}
