package ste_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() {
	oneCore = func(t *testing.T) {
		var all, one unix.CPUSet
		require.NoError(t, unix.SchedGetaffinity(0, &all))
		for cpu := 0; one.Count() == 0; cpu++ {
			if all.IsSet(cpu) {
				one.Set(cpu)
			}
		}
		keep := func(set *unix.CPUSet) {
			threads, err := os.ReadDir("/proc/self/task")
			require.NoError(t, err)
			for _, thread := range threads {
				tid, err := strconv.Atoi(thread.Name())
				require.NoError(t, err)
				if err := unix.SchedSetaffinity(tid, set); err != unix.ESRCH { // it has ended
					require.NoError(t, err)
				}
			}
		}
		twice := func(set *unix.CPUSet) { // for threads that were being started
			keep(set)
			keep(set)
		}
		twice(&one)
		t.Cleanup(func() { twice(&all) })
	}
}
