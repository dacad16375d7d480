package ste_test

import (
	"context"
	"testing"

	"github.com/ste-go/ste"
	"github.com/stretchr/testify/require"
)

// Options out of range are New's error.
func TestOptionsOutOfRange(t *testing.T) {
	_, err := ste.New(ste.WithQueueLimit(0))
	require.ErrorContains(t, err, "ste: WithQueueLimit(0)")
	_, err = ste.New(ste.WithQueueLimit(-1))
	require.ErrorContains(t, err, "ste: WithQueueLimit(-1)")
	_, err = ste.New(ste.WithWaitStrategy(7))
	require.ErrorContains(t, err, "ste: WithWaitStrategy(7)")
}

// The queue limit bounds queued Post and Async work and nothing else.
func TestQueueLimit(t *testing.T) {
	th := start(t, ste.WithQueueLimit(2))
	hang, hung := make(chan struct{}), make(chan struct{})
	require.NoError(t, th.Post(func() { close(hung); <-hang }))
	<-hung
	require.NoError(t, th.Post(func() {}))
	fu, err := ste.Async(th, func() (int, error) { return 1, nil })
	require.NoError(t, err)
	require.Equal(t, ste.ErrQueueFull, th.Post(func() { t.Error("refused, but ran") }))
	_, err = ste.Async(th, func() (int, error) { t.Error("refused, but ran"); return 0, nil })
	require.Equal(t, ste.ErrQueueFull, err)
	submitted := make(chan error)
	go func() { submitted <- th.Submit(func() {}) }()
	close(hang)
	require.NoError(t, <-submitted)
	_, err = fu.Wait(context.Background())
	require.NoError(t, err)
	require.NoError(t, th.Post(func() {}))
}
