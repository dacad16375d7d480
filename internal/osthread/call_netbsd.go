package osthread

import "golang.org/x/sys/unix"

const selfCall = unix.SYS__LWP_SELF
