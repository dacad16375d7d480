//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ste-go/ste"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func TestRequests(t *testing.T) {
	untouched(t)
	answers := newTestStar(t).ask(50)
	require.Len(t, answers, 2)
	for i, from := range []string{"192.0.2.2", "198.51.100.2"} {
		require.NoError(t, answers[i].err)
		assert.Equal(t, "hello "+from, answers[i].text)
	}
}

// A cable is ready when connect returns: the first packet is not lost, which would
// cost a second, also when the kernel's own threads have to wait for a processor.
func TestReady(t *testing.T) {
	untouched(t)
	var over atomic.Bool
	defer over.Store(true)
	for range 2 * runtime.GOMAXPROCS(0) {
		go func() {
			runtime.LockOSThread()
			for !over.Load() {
			}
		}()
	}
	slow := 0
	for range 30 {
		s := newTestStar(t)
		for i, client := range slices.Backward(s.clients) { // the newest cable first
			to := netip.MustParsePrefix(cables[i].ours).Addr().String() + ":80"
			begun := time.Now()
			conn, err := client.dial(t.Context(), "tcp", to)
			require.NoError(t, err)
			if time.Since(begun) > 900*time.Millisecond {
				slow++
			}
			require.NoError(t, conn.Close())
		}
		require.NoError(t, s.Close())
	}
	assert.LessOrEqual(t, slow, 1, "one may be the machine's fault")
}

func TestSpacesAreApart(t *testing.T) {
	home := untouched(t)
	s := newTestStar(t)
	seen := map[string]bool{home.namespace: true}
	for space, links := range map[*space]string{s.server: "lo ann ben", s.clients[0]: "lo server", s.clients[1]: "lo server"} {
		v, err := space.look()
		require.NoError(t, err)
		assert.False(t, seen[v.namespace], v)
		seen[v.namespace] = true
		assert.Equal(t, links, v.links)
	}
	tids, err := strangers()
	require.NoError(t, err)
	assert.Len(t, tids, 3, "no other thread of the process is in a space")

	conn, err := s.server.dial(t.Context(), "tcp", "127.0.0.1:80")
	require.NoError(t, err, "each has a loopback of its own")
	require.NoError(t, conn.Close())

	// A port is taken in one namespace only.
	_, err = s.server.listen(":80")
	require.ErrorIs(t, err, unix.EADDRINUSE)
	l, err := s.clients[0].listen(":80")
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func TestTrap(t *testing.T) {
	home := untouched(t)
	ann := newTestStar(t).clients[0]
	there, err := ann.look()
	require.NoError(t, err)
	require.NotEqual(t, home.namespace, there.namespace)
	for i, sight := range sights {
		v, err := sight.see(ann)
		require.NoError(t, err, sight.who)
		if i == 0 {
			assert.Equal(t, there, v, sight.who)
		} else {
			assert.Equal(t, home, v, sight.who)
		}
	}

	// And the way out of it: where a connection of the space is made, and by whom.
	conn, err := ann.dial(t.Context(), "tcp", "192.0.2.1:80")
	require.NoError(t, err)
	defer conn.Close()
	assert.Equal(t, "192.0.2.2", conn.LocalAddr().(*net.TCPAddr).IP.String())
	assert.Equal(t, there.namespace, namespaceOf(t, conn))
}

// namespaceOf asks the kernel for the namespace of a socket.
func namespaceOf(t *testing.T, conn net.Conn) (name string) {
	t.Helper()
	raw, err := conn.(syscall.Conn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		var ns int
		if ns, err = unix.IoctlRetInt(int(fd), unix.SIOCGSKNS); err == nil {
			name, err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", ns))
			unix.Close(ns)
		}
	}))
	require.NoError(t, err)
	return name
}

// The building of a star stops half-way: what stops it reaches the builder, and all
// that was built is gone.
func TestHalfWay(t *testing.T) {
	for i, said := range []string{
		`^an error: ann: no more of this$`,
		`^a panic: oh on Thread \d+ \(ann\)$`,
		`^its goroutine ended$`,
	} {
		t.Run(ends[i].name, func(t *testing.T) {
			home := untouched(t)
			var there view
			assert.Regexp(t, said, outcome(func() error {
				there, _ = look()
				return ends[i].check()
			}))
			assert.NotEqual(t, home.namespace, there.namespace, "that was in a space")
			assert.Equal(t, "lo server", there.links)
		})
	}
}

// After a task has panicked or exited its Thread is still in its namespace.
func TestThreadsStay(t *testing.T) {
	untouched(t)
	ann := newTestStar(t).clients[0]
	before, err := ann.look()
	require.NoError(t, err)
	for _, e := range ends {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() { _ = recover() }()
			_ = ann.do(e.check)
		}()
		<-done
		after, err := ann.look()
		require.NoError(t, err)
		assert.Equal(t, before, after, e.name)
	}
}

// A namespace ends with its Thread, unless a socket holds it. The other end of its
// cable shows when.
func TestEndOfNamespace(t *testing.T) {
	untouched(t)
	s := newTestStar(t)
	ann, ben := s.clients[0], s.clients[1]
	links := func() string {
		v, err := s.server.look()
		require.NoError(t, err)
		return v.links
	}
	require.Equal(t, "lo ann ben", links())
	_, err := ann.get(t.Context(), cables[0].url())
	require.NoError(t, err) // its connection is kept for the next request
	require.NoError(t, ann.Close())
	require.Eventually(t, func() bool { return links() == "lo ben" }, 5*time.Second, time.Millisecond)

	l, err := ben.listen(":0")
	require.NoError(t, err)
	require.NoError(t, ben.Close())
	require.NoError(t, noStrangersBut(1))
	time.Sleep(50 * time.Millisecond)
	require.Equal(t, "lo ben", links())
	require.NoError(t, l.Close())
	require.Eventually(t, func() bool { return links() == "lo" }, 5*time.Second, time.Millisecond)
}

// noStrangersBut waits until no more than n OS threads are elsewhere.
func noStrangersBut(n int) error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		tids, err := strangers()
		if err != nil || len(tids) <= n {
			return err
		}
		if time.Now().After(end) {
			return errors.New(strings.Join(tids, " "))
		}
	}
}

func TestErrors(t *testing.T) {
	untouched(t)
	s := newTestStar(t)
	ann, ben := s.clients[0], s.clients[1]
	get := func(url string) error {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		begun := time.Now()
		_, err := ann.get(ctx, url)
		require.Error(t, err)
		require.Less(t, time.Since(begun), 2*time.Second)
		return err
	}
	url := cables[0].url()
	assert.ErrorContains(t, get("http://server/"), `not a number: ParseAddr("server")`)
	assert.ErrorIs(t, get("http://198.51.100.2/"), unix.ENETUNREACH, "no way to ben")
	assert.ErrorIs(t, get("http://192.0.2.3/"), context.DeadlineExceeded, "nobody there")
	assert.NoError(t, ann.do(func() error {
		assert.ErrorIs(t, get(url), context.DeadlineExceeded, "in a task of the same Thread")
		return nil
	}))

	busy := make(chan struct{})
	require.NoError(t, ben.t.Post(func() { <-busy }))
	free := time.AfterFunc(5*time.Second, func() { close(busy) })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := ben.dial(ctx, "tcp", "198.51.100.1:80")
	assert.ErrorIs(t, err, context.DeadlineExceeded, "the Thread is busy")
	if assert.True(t, free.Stop(), "dial did not give up") {
		close(busy)
	}

	_, err = ann.get(t.Context(), url)
	require.NoError(t, err)
	require.NoError(t, s.web.Close())
	assert.ErrorIs(t, get(url), unix.ECONNREFUSED, "no server")

	require.NoError(t, s.server.Close())
	get(url) // no space of the server, and soon no cable
	require.Eventually(t, func() bool { v, err := ann.look(); return err == nil && v.links == "lo" }, 5*time.Second, time.Millisecond)
	assert.ErrorIs(t, get(url), unix.ENETUNREACH, "no cable")

	require.NoError(t, ann.Close())
	assert.ErrorIs(t, get(url), ste.ErrClosed, "no Thread")
	_, err = ann.listen(":80")
	assert.ErrorIs(t, err, ste.ErrClosed)
	assert.ErrorIs(t, s.server.connect(ben, "192.0.2.1/24", "192.0.2.2/24"), ste.ErrClosed)
}

// What the kernel refuses is said, and names the link.
func TestLinkErrors(t *testing.T) {
	untouched(t)
	s := newTestStar(t)
	ann := s.clients[0]
	assert.ErrorIs(t, s.server.connect(ann, "192.0.2.1/24", "192.0.2.2/24"), unix.EEXIST)
	assert.ErrorContains(t, ann.do(func() error { return up("server", "192.0.2.300/24") }), "server: address 192.0.2.300/24: ")
	assert.ErrorAs(t, ann.do(func() error { return up("moon") }), &netlink.LinkNotFoundError{})
	assert.ErrorAs(t, ann.do(func() error { return carries("moon") }), &netlink.LinkNotFoundError{})
}
