//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A view is what an OS thread sees of the network.
type view struct {
	namespace string // as the kernel names it: net:[inode]
	links     string
}

// look is the view of the OS thread that it is called on.
func look() (view, error) {
	namespace, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		return view{}, err
	}
	links, err := net.Interfaces()
	if err != nil {
		return view{}, err
	}
	names := make([]string, len(links))
	for i, link := range links {
		names[i] = link.Name
	}
	return view{namespace, strings.Join(names, " ")}, nil
}

// strangers are the numbers of the OS threads of this process that are not in the
// namespace in which it was started. A namespace has at least the thread that made
// it, so where there are none there is only one namespace.
func strangers() (tids []string, err error) {
	home, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return nil, err
	}
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return nil, err
	}
	for _, task := range tasks {
		// A thread that ended meanwhile has no namespace any more.
		if there, err := os.Readlink(task + "/ns/net"); err == nil && there != home {
			tids = append(tids, filepath.Base(task))
		}
	}
	return tids, nil
}

// noStrangers waits until there are none: nothing tells when an OS thread has
// ended, it is a moment after Close.
func noStrangers() error {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		tids, err := strangers()
		if err != nil || len(tids) == 0 {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("OS threads are left in other namespaces: %s", strings.Join(tids, " "))
		}
	}
}
