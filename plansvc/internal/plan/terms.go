package plan

import (
	"slices"
	"time"
)

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

// TermsIn returns the plan's terms in its program, as both are now. An error is a defect.
func (p *Plan) TermsIn(program *Program) (Terms, error) {
	year, err := program.yearOf(p.Name)
	if err != nil {
		return Terms{}, err
	}
	return Terms{
		Plan: p.Name, State: p.State, CurrencyCode: p.CurrencyCode, TimeZone: program.TimeZone,
		StartDate: year.StartDate, EndDate: year.EndDate, LateEarningDays: *program.withDefaults().LateEarningDays,
		FirstSubmitTime: p.FirstSubmitTime, Limits: slices.Clone(p.Limits),
	}, nil
}
