//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/ste-go/ste"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const patience = 3 * time.Second // how long a connection, or a request, may take

// A space is a network namespace and the Thread that lives in it. The namespace has
// no name and no file: it ends when nothing holds it any more, that is with its OS
// thread, the descriptors that refer to it, and the sockets that were made in it.
type space struct {
	name string
	t    *ste.Thread
	http *http.Client // its connections begin in the space; see dial
}

func newSpace(name string) (*space, error) {
	t, err := ste.New(ste.WithName(name), ste.WithInit(enter), ste.WithInit(loopback))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	s := &space{name: name, t: t}
	s.http = &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: s.dial}}
	return s, nil
}

// Close ends the namespace, unless a socket is left that somebody else has to close.
func (s *space) Close() error {
	s.http.CloseIdleConnections()
	return s.t.Close()
}

// enter moves the OS thread that it is called on into a namespace of its own, for
// good. Nothing moves it back: a Thread ends together with its OS thread, and Go
// starts no other thread from it, so the namespace reaches nobody else.
func enter() error {
	ns, err := netns.New()
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("a new network namespace: %w; it takes root (CAP_SYS_ADMIN and CAP_NET_ADMIN): "+
			"go build ./examples/netns && sudo ./netns, or unshare -r ./netns", err)
	case err != nil:
		return fmt.Errorf("a new network namespace: %w; is the kernel built with CONFIG_NET_NS, and /proc mounted?", err)
	}
	return ns.Close() // or this descriptor would hold the namespace
}

// loopback switches lo on, as on any machine. It comes first also because package net
// finds out once for the whole process whether there is IPv6, by binding ::1 wherever
// it is asked first; in a namespace without a loopback the answer would be no.
func loopback() error { return up("lo") }

// up gives addresses to a link and switches it on. The functions of package netlink
// make a socket for each call, so in a task they work on the Thread's namespace.
func up(link string, addrs ...string) error {
	l, err := netlink.LinkByName(link)
	if err != nil {
		return fmt.Errorf("%s: %w", link, err)
	}
	for _, a := range addrs {
		addr, err := netlink.ParseAddr(a)
		if err == nil {
			err = netlink.AddrAdd(l, addr)
		}
		if err != nil {
			return fmt.Errorf("%s: address %s: %w", link, a, err)
		}
	}
	if err := netlink.LinkSetUp(l); err != nil {
		return fmt.Errorf("%s: %w", link, err)
	}
	return nil
}

// do runs f in the space.
func (s *space) do(f func() error) error {
	_, err := ste.Call(s.t, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

func (s *space) look() (view, error) { return ste.Call(s.t, look) }

// connect lays a cable to another space, a pair of veth links. Each has the name of
// the space that it leads to. They are made where they belong: the caller's
// namespace never has them, not even for a moment.
func (s *space) connect(to *space, mine, theirs string) error {
	// By descriptor and not by thread number: numbers are used again.
	there, err := ste.Call(to.t, netns.Get)
	if err != nil {
		return err
	}
	defer there.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = to.name
	pair := &netlink.Veth{LinkAttrs: attrs, PeerName: s.name, PeerNamespace: netlink.NsFd(there)}
	err = s.do(func() error { return netlink.LinkAdd(pair) })
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("a veth pair: %w; is the kernel built with CONFIG_VETH? modprobe veth", err)
	}
	if err != nil {
		return fmt.Errorf("a veth pair from %s to %s: %w", s.name, to.name, err)
	}
	return errors.Join(
		s.do(func() error { return up(to.name, mine) }),
		to.do(func() error { return up(s.name, theirs) }),
		s.do(func() error { return carries(to.name) }),
		to.do(func() error { return carries(s.name) }))
}

// carries waits until a link carries packets, a moment after both of its ends were
// switched on. One that is sent too early is lost, and comes again a second later.
func carries(link string) error {
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Microsecond) {
		l, err := netlink.LinkByName(link)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", link, err)
		case l.Attrs().OperState == netlink.OperUp:
			return nil
		case time.Now().After(end):
			return fmt.Errorf("%s: still %v", link, l.Attrs().OperState)
		}
	}
}

// listen makes a listener in the space. A socket belongs to the namespace it was
// made in, whoever uses it afterwards: Accept and Serve may run anywhere.
func (s *space) listen(addr string) (net.Listener, error) {
	return ste.Call(s.t, func() (net.Listener, error) { return net.Listen("tcp4", addr) })
}

// dial connects from the space. It may be called from any goroutine, and has to be:
// http.Transport dials on goroutines of its own. In a task of this same Thread do
// not wait for a request: it would wait for the dial, and the dial for the task to end.
//
// The address must be a number. For a name package net would ask the DNS, and for
// several addresses try IPv4 and IPv6 at once, on goroutines that are not in the
// space (net/dial.go: resolveAddrList and dialParallel). With one address there is
// nothing to look up and no fallback, so dialParallel goes straight on to dialSerial:
// the socket is made and connected by the goroutine that called. The one that
// net may start to watch ctx only sets a deadline.
//
// The Thread can do nothing else until the connection stands or patience ends, and
// http.Transport lets a dial go on whose request was given up.
func (s *space) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("not a number: %w", err)
	}
	var conn net.Conn
	dialer := net.Dialer{Timeout: patience}
	if refused := s.t.SubmitContext(ctx, func() {
		conn, err = dialer.DialContext(ctx, "tcp4", to.String())
	}); refused != nil {
		return nil, refused
	}
	return conn, err
}

// get fetches a page from any goroutine.
func (s *space) get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), err
}
