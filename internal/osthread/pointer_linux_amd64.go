//go:build !purego && !ste_explore

package osthread

import "golang.org/x/sys/unix"

// On amd64 each thread that runs Go has an FS base of its own: the runtime and
// libc keep what belongs to the thread at that address. RDFSBASE reads it in a
// few nanoseconds, where the processor has it and the kernel (Linux 5.9) allows
// it to programs; the kernel says so in the auxiliary vector.
var hasPointer = fsgsbase()

func fsgsbase() bool {
	const hwcap2, fsgsbase = 26, 1 << 1 // AT_HWCAP2, HWCAP2_FSGSBASE
	vector, err := unix.Auxv()
	if err != nil {
		return false
	}
	for _, entry := range vector {
		if entry[0] == hwcap2 {
			return entry[1]&fsgsbase != 0
		}
	}
	return false
}

// pointer returns the FS base. It may be called if hasPointer is true only.
//
//go:noescape
func pointer() uint64
