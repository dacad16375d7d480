package byhand_test

import (
	"context"
	"sync"
	"testing"

	"github.com/ste-go/ste/internal/byhand"
	"github.com/stretchr/testify/require"
)

// What it is written for, it does: a comparison with broken code would prove
// nothing.
func TestSimpleCase(t *testing.T) {
	th := byhand.New()
	const callers, calls = 8, 100
	n := 0 // touched by tasks only: the race detector sees if two ever overlap
	var callersDone sync.WaitGroup
	for range callers {
		callersDone.Go(func() {
			for range calls {
				before := 0
				th.Do(func() { before = n; n++ })
				after := 0
				err := th.DoContext(t.Context(), func() { after = n })
				if err != nil || after <= before {
					t.Errorf("DoContext: %v; saw %d after %d", err, after, before)
				}
			}
		})
	}
	callersDone.Wait()
	th.Close()
	require.Equal(t, callers*calls, n)
}

func TestDoContextStopsWaiting(t *testing.T) {
	th := byhand.New()
	ctx, cancel := context.WithCancel(t.Context())
	free := make(chan struct{})
	err := th.DoContext(ctx, func() {
		cancel()
		<-free
	})
	close(free)
	require.ErrorIs(t, err, context.Canceled)
	th.Close()
}
