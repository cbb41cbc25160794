package plan

import "time"

// Terms are what recording and paying a plan's earnings depend on.
type Terms struct {
	Plan            Name
	State           State
	CurrencyCode    string
	TimeZone        string // IANA
	StartDate       Date   // the program year's first day
	EndDate         Date   // the program year's last day
	LateEarningDays int
	FirstSubmitTime time.Time // zero where it never was
	Limits          []Limit
}
