//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A toolkit is what a GUI library has inside: it sleeps in epoll until a key is
// pressed or a frame is due. It knows nothing of ste; like every real one it has a
// call that ends its sleep from outside (GLFW: PostEmptyEvent, GLib:
// g_main_context_wakeup, Win32: PostThreadMessage).
//
// wake and press may be called from anywhere and at any time, all else by the loop.
type toolkit struct {
	epoll, bell, clock, keys *os.File // keys: the end to read
	keyboard                 *os.File // the end to write
}

// An event is what wait has seen.
type event struct {
	frames int    // that have become due
	keys   string // that were pressed
	woken  bool   // wake was called, and hush not yet
}

// openToolkit makes files of the descriptors. They are blocking ones, which stay out
// of the Go runtime's own epoll.
func openToolkit() (k *toolkit, err error) {
	k = new(toolkit)
	defer func() {
		if err != nil {
			k.close()
		}
	}()
	for _, f := range []struct {
		to   **os.File
		name string
		open func() (int, error)
	}{
		{&k.epoll, "epoll", func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) }},
		{&k.bell, "eventfd", func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) }},
		{&k.clock, "timerfd", func() (int, error) { return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC) }},
	} {
		fd, err := f.open()
		if err != nil {
			return nil, os.NewSyscallError(f.name, err)
		}
		*f.to = os.NewFile(uintptr(fd), f.name)
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	k.keys, k.keyboard = os.NewFile(uintptr(pipe[0]), "keys"), os.NewFile(uintptr(pipe[1]), "keyboard")
	for _, f := range []*os.File{k.bell, k.clock, k.keys} {
		fd := int(f.Fd())
		if err := unix.EpollCtl(int(k.epoll.Fd()), unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}); err != nil {
			return nil, os.NewSyscallError("epoll_ctl", err)
		}
	}
	return k, nil
}

func (k *toolkit) close() error {
	var errs []error
	for _, f := range []*os.File{k.epoll, k.bell, k.clock, k.keys, k.keyboard} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// one is 1 as an eventfd wants it.
var one = binary.NativeEndian.AppendUint64(nil, 1)

// wake ends the wait that is going on, or the next one. After close it does
// nothing. It does not block: the eventfd counts up to 2^64.
func (k *toolkit) wake() { _, _ = k.bell.Write(one) }

// press is the keyboard.
func (k *toolkit) press(keys string) error {
	_, err := k.keyboard.WriteString(keys)
	return err
}

// frameEvery sets the time between frames; 0 is none at all.
func (k *toolkit) frameEvery(d time.Duration) error {
	t := unix.NsecToTimespec(int64(d))
	return os.NewSyscallError("timerfd_settime", unix.TimerfdSettime(int(k.clock.Fd()), 0, &unix.ItimerSpec{Interval: t, Value: t}, nil))
}

// wait sleeps until there is an event, but not longer than most unless that is 0.
func (k *toolkit) wait(most time.Duration) (e event, err error) {
	ms := -1
	if most > 0 {
		ms = int(most.Milliseconds())
	}
	var ready [3]unix.EpollEvent
	n, err := unix.EpollWait(int(k.epoll.Fd()), ready[:], ms)
	if err != nil && !errors.Is(err, unix.EINTR) { // the Go runtime sends signals to its threads
		return e, os.NewSyscallError("epoll_wait", err)
	}
	var buf [64]byte
	for _, r := range ready[:max(n, 0)] {
		switch r.Fd {
		case int32(k.bell.Fd()):
			e.woken = true
		case int32(k.clock.Fd()):
			if _, err := k.clock.Read(buf[:8]); err != nil {
				return e, err
			}
			e.frames = int(binary.NativeEndian.Uint64(buf[:8]))
		case int32(k.keys.Fd()):
			n, err := k.keys.Read(buf[:])
			if err != nil {
				return e, err
			}
			e.keys = string(buf[:n])
		}
	}
	return e, nil
}

// hush takes back all calls of wake so far. There must have been one.
func (k *toolkit) hush() error {
	var n [8]byte
	_, err := k.bell.Read(n[:])
	return err
}
