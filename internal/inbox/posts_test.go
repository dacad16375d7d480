package inbox

import (
	"sync/atomic"
	"testing"

	"github.com/ste-go/ste/internal/pace"
	"github.com/ste-go/ste/internal/testkit"
)

// A Post after a Put of the same goroutine comes behind it, whoever else posts
// at that moment.
func TestPostStaysBehindPut(t *testing.T) {
	q := New(Config{})
	ended := make(chan struct{})
	go func() {
		for task, _, _ := q.Next(pace.Posted, false); task != nil; task, _, _ = q.Next(pace.Posted, false) {
			task.Func()()
			task.Finish(Returned, nil)
		}
		close(ended)
	}()
	var stop atomic.Bool
	other := make(chan struct{})
	go func() {
		for !stop.Load() {
			q.Post(func() {})
		}
		close(other)
	}()
	var last, wrong int // the worker's
	for i := range 20 * testkit.Rounds(1) {
		q.Put(new(Task), func() {
			last = 2*i + 1
		})
		q.Post(func() {
			if last != 2*i+1 {
				wrong++
			}
			last = 2*i + 2
		})
	}
	stop.Store(true)
	<-other
	q.Close()
	<-ended
	if wrong > 0 {
		t.Error("posts that overtook the Task put before them:", wrong)
	}
}
