package osthread

import "golang.org/x/sys/unix"

const selfCall = unix.SYS_THREAD_SELFID
