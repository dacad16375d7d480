package osthread

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// nameLimit keeps names short; Windows itself sets no limit.
const nameLimit = 255

var setThreadDescription = windows.NewLazySystemDLL("kernel32.dll").NewProc("SetThreadDescription")

// SetName names the calling thread for debuggers. Windows before 10 (1607) has
// no names.
func SetName(name string) {
	p, err := windows.UTF16PtrFromString(cut(name, nameLimit))
	if err != nil || setThreadDescription.Find() != nil {
		return
	}
	setThreadDescription.Call(uintptr(windows.CurrentThread()), uintptr(unsafe.Pointer(p)))
}
