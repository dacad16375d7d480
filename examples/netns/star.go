//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
)

// A cable leads from the server to a client.
type cable struct{ client, theirs, ours string }

// The addresses are those that RFC 5737 sets aside for documentation: whatever the
// machine's own network is, they are not in it.
var cables = []cable{
	{"ann", "192.0.2.2/24", "192.0.2.1/24"},
	{"ben", "198.51.100.2/24", "198.51.100.1/24"},
}

func (c cable) url() string { return "http://" + netip.MustParsePrefix(c.ours).Addr().String() + "/" }

// A star is a web server in the middle and a client at the end of each cable, each
// in its own space. There is no way from one client to another.
type star struct {
	server  *space
	clients []*space // as cables
	web     http.Server
	serving sync.WaitGroup
}

// newStar builds one. check runs in each client once it is connected. Should it fail,
// in whatever way, nothing is left of what was built so far.
func newStar(check func() error) (_ *star, err error) {
	s := &star{web: http.Server{Handler: http.HandlerFunc(hello)}}
	built := false
	defer func() { // a panic and a Goexit of a task come by here too
		if !built {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.server, err = newSpace("server"); err != nil {
		return nil, err
	}
	for _, c := range cables {
		client, err := newSpace(c.client)
		if err != nil {
			return nil, err
		}
		s.clients = append(s.clients, client)
		if err := s.server.connect(client, c.ours, c.theirs); err != nil {
			return nil, err
		}
		if err := client.do(check); err != nil {
			return nil, fmt.Errorf("%s: %w", client.name, err)
		}
	}
	l, err := s.server.listen(":80")
	if err != nil {
		return nil, err
	}
	s.serving.Go(func() { _ = s.web.Serve(l) }) // until Close
	built = true
	return s, nil
}

// Close ends the sockets first, which would keep the namespaces alive.
func (s *star) Close() error {
	err := s.web.Close()
	s.serving.Wait()
	for _, space := range append(s.clients, s.server) {
		if space != nil {
			err = errors.Join(err, space.Close())
		}
	}
	return err
}

// hello tells a client from where it called.
func hello(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(w, "hello %s", host)
}
