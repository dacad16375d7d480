package testkit

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
)

// osThreads are the OS threads that tests made, by number, each with its start
// time: the kernel uses numbers again.
var osThreads struct {
	mu  sync.Mutex
	all map[uint64]string
}

func rememberOSThread(tid uint64) {
	started := startTime(tid)
	osThreads.mu.Lock()
	defer osThreads.mu.Unlock()
	if osThreads.all == nil {
		osThreads.all = map[uint64]string{}
	}
	osThreads.all[tid] = started
}

// OSThreadAlive reports whether the thread lives whose number and start time
// were remembered.
func OSThreadAlive(tid uint64) bool {
	osThreads.mu.Lock()
	defer osThreads.mu.Unlock()
	started := startTime(tid)
	return started != "" && started == osThreads.all[tid]
}

func osThreadsLeft() (left []uint64) {
	osThreads.mu.Lock()
	defer osThreads.mu.Unlock()
	for tid, started := range osThreads.all {
		if now := startTime(tid); now != "" && now == started {
			left = append(left, tid)
		}
	}
	return left
}

// startTime returns field 22 of the thread's stat file, "" for no thread.
func startTime(tid uint64) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/stat", tid))
	if err != nil {
		return ""
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return strings.Fields(string(rest))[19]
}
