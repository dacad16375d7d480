package osthread

import "golang.org/x/sys/unix"

const selfCall = unix.SYS_LWP_GETTID
