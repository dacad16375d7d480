package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/ste-go/ste"
)

// A poster queues closures for a locked goroutine and does not wait.
type poster interface {
	post(f func())
	close()
}

// A buffered channel of closures, as one would write it by hand.
type channelPoster struct {
	tasks chan func()
	ended chan struct{}
}

// buffer is a usual size; the throughput of a channel no longer changes from
// there on.
const buffer = 128

func openChannelPoster(locked bool) func() (poster, error) {
	return func() (poster, error) {
		p := channelPoster{make(chan func(), buffer), make(chan struct{})}
		go func() {
			if locked {
				runtime.LockOSThread()
			}
			defer close(p.ended)
			for f := range p.tasks {
				f()
			}
		}()
		return p, nil
	}
}

func (p channelPoster) post(f func()) { p.tasks <- f }
func (p channelPoster) close()        { close(p.tasks); <-p.ended }

type stePoster struct{ *ste.Thread }

func (p stePoster) post(f func()) { _ = p.Post(f) }
func (p stePoster) close()        { _ = p.Close() }

func openStePoster() (poster, error) {
	t, err := ste.New()
	return stePoster{t}, err
}

// How many closures a round posts in all. A burst takes 1 to 5 ms, and how soon
// the goroutine that sleeps is awake is a good part of that; a stream takes 20 to
// 100 ms.
const (
	burst  = 20_000
	stream = 400_000
)

// A postRow compares the throughput of posting, from the first post to the end
// of the last closure.
type postRow struct {
	Producers int     `json:"producers"`
	Posts     int     `json:"posts"`
	Rounds    int     `json:"rounds"`
	Channel   float64 `json:"channel_ns"`          // for each closure, median of rounds
	Unlocked  float64 `json:"channel_unlocked_ns"` // an easier job, for orientation
	Ste       float64 `json:"ste_ns"`
	Ratio     float64 `json:"ratio_median"`
	Geomean   float64 `json:"ratio_geomean"`
	Spread    float64 `json:"aa_spread"`
}

func measurePost(ctx context.Context, producers, posts int, d time.Duration) (*postRow, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	sides := []func() (poster, error){openChannelPoster(true), openChannelPoster(true), openStePoster, openChannelPoster(false)}
	times, err := alternate(ctx, d, len(sides), func(side int) (float64, error) {
		return postRound(sides[side], producers, posts)
	})
	if err != nil || len(times[0]) == 0 {
		return nil, err
	}
	r := over(times[0], times[2])
	return &postRow{
		Producers: producers,
		Posts:     posts,
		Rounds:    len(r),
		Channel:   times[0].median(),
		Unlocked:  times[3].median(),
		Ste:       times[2].median(),
		Ratio:     r.median(),
		Geomean:   r.geomean(),
		Spread:    over(times[0], times[1]).spread(),
	}, nil
}

// postRound returns the time for each closure, in nanoseconds.
func postRound(open func() (poster, error), producers, posts int) (float64, error) {
	p, err := open()
	if err != nil {
		return 0, err
	}
	ran := 0
	f := func() { ran++ }
	started := make(chan struct{})
	p.post(func() { close(started) })
	<-started

	var posting sync.WaitGroup
	from := clock()
	for range producers {
		posting.Go(func() {
			for range posts / producers {
				p.post(f)
			}
		})
	}
	posting.Wait()
	last := make(chan struct{})
	p.post(func() { close(last) })
	<-last
	took := clock() - from
	p.close()
	if ran != posts {
		return 0, fmt.Errorf("post: %d of %d closures have run", ran, posts)
	}
	return float64(took) / float64(posts), nil
}

func (p *postRow) String() string {
	kind := map[int]string{burst: "burst", stream: "stream"}[p.Posts]
	return fmt.Sprintf("Post, %d producer(s), a %s of %d", p.Producers, kind, p.Posts)
}
