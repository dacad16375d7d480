package ste_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/ste-go/ste/internal/here"
	"github.com/ste-go/ste/internal/osthread"
	"github.com/ste-go/ste/internal/testkit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func goroutineProfile(w io.Writer) { pprof.Lookup("goroutine").WriteTo(w, 1) }

// G2: a value that is refused is not read: the owner writes it all the while, and
// the race detector watches.
func TestG2NotReadBeforeTheCheck(t *testing.T) {
	th := start(t)
	var v *ste.Tagged[[64]int]
	require.NoError(t, th.Submit(func() { v = ste.NewTagged([64]int{}) }))
	testkit.Together(t,
		func() {
			for range testkit.Rounds(50) {
				th.Submit(func() {
					for i := range v.Ptr() {
						v.Ptr()[i]++
					}
				})
			}
		},
		func() {
			for range testkit.Rounds(10) {
				got, err := v.TryGet()
				assert.Error(t, err)
				assert.Zero(t, got)
			}
		},
		func() {
			for range testkit.Rounds(10) {
				assert.Panics(t, func() { v.Get() })
				assert.Panics(t, func() { v.Ptr() })
			}
		},
	)
}

type texture struct{ _ int }

// G3: the message says the type, the owner, the place of use and whether the
// owner has ended.
func TestG3Message(t *testing.T) {
	gl, audio := start(t, ste.WithName("gl")), start(t, ste.WithName("audio"))
	var v *ste.Tagged[*texture]
	require.NoError(t, gl.Submit(func() { v = ste.NewTagged(&texture{}) }))

	_, err := v.TryGet()
	require.ErrorContains(t, err, "ste: wrong thread: *ste_test.texture belongs to "+gl.Tag().String())
	require.ErrorContains(t, err, "used on no Thread (use Submit; goroutines that a task starts are on no Thread)")
	require.NotContains(t, err.Error(), "ended")
	var wrong *ste.WrongThreadError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, &ste.WrongThreadError{Type: reflect.TypeFor[*texture](), Want: gl.Tag()}, wrong)

	require.NoError(t, audio.Submit(func() { _, err = v.TryGet() }))
	require.ErrorContains(t, err, "used on "+audio.Tag().String())
	require.True(t, errors.As(err, &wrong))
	require.Equal(t, audio.Tag(), wrong.Got)

	require.NoError(t, gl.Close())
	_, err = v.TryGet()
	require.ErrorContains(t, err, gl.Tag().String()+", which has ended")
	require.True(t, errors.As(err, &wrong))
	require.True(t, wrong.Ended)

	_, value := testkit.Within(t, func() { v.Get() })
	require.IsType(t, &ste.WrongThreadError{}, value)
	_, value = testkit.Within(t, gl.Tag().Check)
	require.ErrorContains(t, value.(error), "ste: wrong thread: this code belongs on "+gl.Tag().String())

	_, value = testkit.Within(t, func() { ste.NewTagged(1) })
	require.Contains(t, value, "ste: NewTagged[int] on no Thread")
	var zero ste.Tagged[int]
	_, value = testkit.Within(t, func() { zero.Get() })
	require.Contains(t, value, "ste: use of a zero Tagged[int]")
	require.Equal(t, ste.Tag{}, zero.Tag())
	require.False(t, zero.OnThread())
}

// G3: with STE_DEBUG=stacks the message has the stack that made the value.
func TestG3Stacks(t *testing.T) {
	out, code := testkit.RunChild(t, "refused", "STE_DEBUG=other,stacks")
	require.Zero(t, code, out)
	require.Contains(t, out, "the value was created at:")
	require.Contains(t, out, "madeHere")
	out, _ = testkit.RunChild(t, "refused", "STE_DEBUG=")
	require.NotContains(t, out, "madeHere")
}

func madeHere() *ste.Tagged[int] { return ste.NewTagged(1) }

func init() {
	testkit.Children["refused"] = func() {
		th, _ := ste.New()
		v, _ := ste.Call(th, func() (*ste.Tagged[int], error) { return madeHere(), nil })
		_, err := v.TryGet()
		fmt.Println(err)
	}
}

// holder has Tagged values where fmt and reflect reach them without methods.
type holder struct {
	Name  string
	inner *ste.Tagged[map[string]string]
	deep  struct {
		list []*ste.Tagged[map[string]string]
	}
}

// G4: off the Thread no fmt verb, slog, json, testify diff or DeepEqual shows or
// reads the value, while the owner changes it all the time under the race
// detector's eyes.
func TestG4LookingIsSafe(t *testing.T) {
	th := start(t, ste.WithName("secretive"))
	newHolder := func() *holder {
		h := &holder{Name: "h"}
		require.NoError(t, th.Submit(func() {
			h.inner = ste.NewTagged(map[string]string{"password": "swordfish"})
			h.deep.list = append(h.deep.list, h.inner, ste.NewTagged(map[string]string{"password": "swordfish"}))
		}))
		return h
	}
	h, other := newHolder(), newHolder()
	change := func() {
		(*h.inner.Ptr())["password"] += "!"
		(*other.inner.Ptr())["password"] += "?"
	}
	stop := make(chan struct{})
	changed := make(chan struct{})
	go func() {
		defer close(changed)
		for {
			select {
			case <-stop:
				return
			default:
				th.Submit(change)
			}
		}
	}()
	var out bytes.Buffer
	logs := []*slog.Logger{
		slog.New(slog.NewTextHandler(&out, nil)),
		slog.New(slog.NewJSONHandler(&out, nil)),
	}
	for range max(testkit.Rounds(1000), 5) {
		for _, v := range []any{h, *h, h.inner, h.deep, []any{h.inner}, map[string]any{"x": h.inner}, th, th.Tag(), struct{ t *ste.Thread }{th}, struct{ t ste.Tag }{th.Tag()}} {
			for _, verb := range "vTtbcdoOqxXUeEfFgGsp" {
				for _, flags := range []string{"", "+", "#", "-10", " ", "0"} {
					fmt.Fprintf(&out, "%"+flags+string(verb)+"\n", v)
				}
			}
			for _, l := range logs {
				l.Info("m", "v", v)
			}
			if b, err := json.Marshal(v); err == nil {
				out.Write(b)
			}
			fmt.Fprint(&out, v)
			reflect.DeepEqual(v, other)
		}
		reflect.DeepEqual(h, other)
		reflect.DeepEqual(h.inner, other.inner)
		mock := new(recorder)
		assert.Equal(mock, h, other) // prints both with spew, methods off, and a diff
		assert.NotEqual(mock, h, h)
		assert.Contains(mock, []*holder{h}, other)
		out.WriteString(mock.text)
		require.NotEmpty(t, mock.text)
	}
	close(stop)
	<-changed
	require.NotContains(t, out.String(), "swordfish")
	require.NotContains(t, strings.ToLower(out.String()), "panic")
}

// recorder takes testify's failure messages.
type recorder struct{ text string }

func (r *recorder) Errorf(format string, args ...any) { r.text += fmt.Sprintf(format, args...) }

// G5: a passing check makes no system call, takes no lock and looks nothing up,
// so it is far cheaper than the one system call that could replace it.
func TestG5PassingCheckIsCheap(t *testing.T) {
	if !here.Known || testkit.Instrumented {
		t.Log("this build looks at the OS thread, or is instrumented")
		return
	}
	th := start(t)
	require.NoError(t, th.Submit(func() {
		v := ste.NewTagged(1)
		tag := th.Tag()
		call := fastest(func() { osthread.ID() })
		require.Less(t, fastest(func() { v.Get() }), call/2)
		require.Less(t, fastest(func() { tag.OnThread() }), call/2)
	}))
}

// fastest returns the best time of several short runs of f, for a thousand calls,
// which is what the code costs when nothing else disturbs it. On some systems
// (Windows) the clock moves now and then only, so a run begins when it has moved and
// ends when it has moved five times.
func fastest(f func()) time.Duration {
	best := time.Hour
	for runs, end := 0, time.Now().Add(time.Second/2); runs < 50 && (runs < 5 || time.Now().Before(end)); runs++ {
		begun := time.Now()
		for unmoved := begun; begun.Equal(unmoved); {
			begun = time.Now()
		}
		thousands, moves := time.Duration(0), 0
		for last := begun; moves < 5; thousands++ {
			for range 1000 {
				f()
			}
			if now := time.Now(); now.After(last) {
				last = now
				moves++
			}
		}
		best = min(best, time.Since(begun)/thousands)
	}
	return best
}

func TestPtrChangesInPlace(t *testing.T) {
	th := start(t)
	require.NoError(t, th.Submit(func() {
		v := ste.NewTagged(1)
		*v.Ptr() += 41
		require.Equal(t, 42, v.Get())
	}))
}
