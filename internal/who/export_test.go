package who

import "github.com/ste-go/ste/internal/osthread"

// Pretend calls f while whoever looks up the calling OS thread's number finds id, as if
// that Thread had just settled here and the caller been moved away.
func Pretend(id *ID, f func()) {
	byOSThread.put(osthread.Self(), id)
	defer byOSThread.drop(osthread.Self())
	f()
}
