package pace

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const us = int64(time.Microsecond)

// A clocked choice sees one call after the other.
type clocked struct {
	choice
	now int64
}

// calls is n calls that take so long in the way in force. It returns how many of them were
// in the quick way.
func (c *clocked) calls(n int, plain, quick int64) (quickly int) {
	for range n {
		if c.quick {
			quickly++
			c.now += quick
			c.pay(1, quick, c.now)
		} else if c.now += plain; c.plain(plain, c.now) {
			c.begin(c.now)
		}
	}
	return quickly
}

// What saves a tenth is kept, but for the calls that measure the plain way again.
func TestChoiceThatPays(t *testing.T) {
	var c clocked
	require.Zero(t, c.calls(warm, 20*us, us))
	require.True(t, c.quick, "no trial after %d calls", warm)
	require.Equal(t, 1000, c.calls(1000, 20*us, us))
	const seconds = 5
	plain := 0
	for end := c.now + seconds*1e9; c.now < end; {
		plain += 1 - c.calls(1, 20*us, 17*us)
	}
	assert.InDelta(t, seconds*again, plain, again)
}

// What does not is given up within the budget, and tried more and more seldom.
func TestChoiceThatDoesNotPay(t *testing.T) {
	for _, quick := range []int64{20 * us, 100 * us, 10_000 * us} {
		var c clocked
		c.calls(warm, 20*us, quick)
		spent := int64(0)
		for c.quick {
			spent += int64(c.calls(1, 20*us, quick)) * (quick - c.allowance())
		}
		assert.Less(t, spent, c.most()+quick)
		for fails := 1; fails < 8; fails++ {
			lost, n := c.now, 0
			for ; !c.quick; n++ {
				c.calls(1, 20*us, quick)
			}
			assert.GreaterOrEqual(t, n, later)
			began := c.now
			for c.quick {
				c.calls(1, 20*us, quick)
			}
			assert.Less(t, (c.now-began)*(restTimes/4), max(began-lost, 1e9), "trials take their share of the time")
		}
	}
}

// A pattern that paid and does not any more is seen within some calls, and a single slow call
// ends what pays for some calls only.
func TestChoiceChanges(t *testing.T) {
	var c clocked
	c.calls(2000, 20*us, us)
	require.True(t, c.quick)
	n := 0
	for ; c.quick; n++ {
		c.calls(1, 20*us, 200*us)
	}
	assert.LessOrEqual(t, n, 5)

	c.calls(20_000, 20*us, us)
	require.True(t, c.quick)
	c.calls(1, 20*us, 10_000*us)
	require.False(t, c.quick)
	assert.EqualValues(t, 100-later, c.calls(100, 20*us, us))
}

// One slow call in the beginning does not make everything quicker than sleeping.
func TestChoiceBeginsSlowly(t *testing.T) {
	var c clocked
	c.calls(1, 10_000*us, us)
	c.calls(warm-1, 20*us, us)
	assert.Less(t, c.cost, 25*us)
}

// However long a trial took, the next one is not due before restMost.
func TestRestDoesNotOverflow(t *testing.T) {
	for fails := range uint8(21) {
		c := choice{quick: true, fails: fails, began: 1}
		now := int64(24 * time.Hour)
		c.pay(0, 1e9, now)
		require.EqualValues(t, now+restMost, c.next, fails)
	}
}

// A Meter does not count what comes after a pause, and counts what spins for nothing.
func TestMeterOfBursts(t *testing.T) {
	var p Pace
	var m Meter
	p.UseMeter(&m)
	now := int64(1e9)
	sleep := func(d int64) {
		p.asleep(&m, now)
		if now += d; d > pause {
			m.since, m.calls = m.since+d, m.calls-1
		}
	}
	for range 100 { // lone calls
		now += us
		p.Next(nil, Seen, true)
		sleep(1000 * us)
	}
	require.Zero(t, m.spin.cost)
	for range warm { // bursts of two
		for _, d := range []int64{20 * us, 1000 * us} {
			now += us
			p.Next(nil, Seen, true)
			sleep(d)
		}
	}
	require.True(t, p.Spins())
	for n := 0; p.Spins(); n++ { // lone calls again, and 0.1 ms of spinning after each
		require.Less(t, n, 10)
		now += us
		p.Next(nil, Seen, true)
		now += spinFor
		p.settle(&m, now)
		sleep(1000 * us)
	}
}

// What the worker writes and what the caller writes lie on lines of their own.
func TestMeterLayout(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 {
		require.EqualValues(t, 64, unsafe.Offsetof(Meter{}.stay))
		require.LessOrEqual(t, unsafe.Sizeof(Meter{}), uintptr(128)) // two lines of the allocator's
	}
}
