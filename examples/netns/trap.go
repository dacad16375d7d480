//go:build linux

package main

import (
	"errors"
	"net"
	"net/http"
	"syscall"

	"github.com/ste-go/ste"
)

// A sight is what somebody saw who meant to look around in a space.
type sight struct {
	who string
	see func(s *space) (view, error)
}

// Only the first of them is in the space. The trap of namespaces in Go is that code
// which started there goes on elsewhere, often without a word in the documentation.
var sights = []sight{
	{"a task", (*space).look},
	{"a goroutine that a task starts", func(s *space) (view, error) {
		return ste.Call(s.t, func() (v view, err error) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				v, err = look()
			}()
			<-done
			return v, err
		})
	}},
	{"http.Get in a task, as it dials", func(s *space) (view, error) {
		return ste.Call(s.t, dialed)
	}},
}

// dialed is where a usual transport dials, which is on a goroutine of its own. It
// looks just before it would connect, and then does not.
func dialed() (v view, err error) {
	seen := errors.New("seen")
	dialer := net.Dialer{Control: func(string, string, syscall.RawConn) error {
		if v, err = look(); err != nil {
			return err
		}
		return seen
	}}
	client := http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	resp, err := client.Get(cables[0].url())
	if err == nil {
		resp.Body.Close()
		return v, errors.New("connected all the same")
	}
	if errors.Is(err, seen) {
		err = nil
	}
	return v, err
}
