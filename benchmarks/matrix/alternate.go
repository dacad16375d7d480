package main

import (
	"context"
	"time"
)

// alternate calls round for each of n sides in turn until the time is up, and
// returns what the rounds of each side returned. All sides have as many. At
// least two rounds are run unless ctx ends.
func alternate(ctx context.Context, d time.Duration, n int, round func(side int) (float64, error)) ([]ratios, error) {
	sides := make([]int, n)
	for i := range sides {
		sides[i] = i
	}
	order, seen := make([]int, n), make([]ratios, n)
	end := time.Now().Add(d)
	for i := 0; ctx.Err() == nil && (i < 2 || time.Now().Before(end)); i++ {
		turn(order, sides, i)
		for _, side := range order {
			x, err := round(side)
			if err != nil {
				return nil, err
			}
			seen[side] = append(seen[side], x)
		}
	}
	return seen, nil
}

// over divides round by round.
func over(a, b ratios) (r ratios) {
	for i := range a {
		r = append(r, a[i]/b[i])
	}
	return r
}
