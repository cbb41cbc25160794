// Package clock is where time comes from. Rules take a time as an argument;
// services take a Clock; only a composition root names the real one.
package clock

import "time"

// A Clock tells the time.
type Clock func() time.Time

// Skew is by how much the clocks of several instances may differ, and none is taken for wrong.
const Skew = time.Hour

// Real is the machine's clock.
func Real() Clock { return time.Now }

// StartingAt is a clock that reads at now and goes on from there at the
// machine's pace, so that a year can be rehearsed in minutes.
func StartingAt(at time.Time) Clock {
	offset := time.Until(at)
	return func() time.Time { return time.Now().Add(offset) }
}
