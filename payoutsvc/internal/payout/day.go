package payout

import "time"

// startOfDay is the first moment of a day in a time zone. A day beyond the
// month's last counts on, as in time.Date: days have 23 to 25 hours, and some do
// not begin at 00:00, since the clocks are put forward then.
func startOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	noon := time.Date(year, month, day, 12, 0, 0, 0, zone) // a time that every day has
	start := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if start.Day() != noon.Day() {
		_, start = start.ZoneBounds() // 00:00 is skipped: the day begins where the clocks are put to
		return start.In(zone)
	}
	// Where the clocks are put back to 00:00, or over it, it comes twice.
	if began, _ := start.ZoneBounds(); !began.IsZero() {
		_, before := began.Add(-1).Zone()
		_, after := start.Zone()
		first := start.Add(time.Duration(after-before) * time.Second)
		if before > after && first.Before(began) && first.Day() == noon.Day() {
			return first
		}
	}
	return start
}
