package plan

import (
	"slices"
	"time"
)

// Terms are what recording and paying a plan's earnings depend on.
type Terms struct {
	Plan             Name
	State            State
	CurrencyCode     string
	TimeZone         string // IANA
	StartDate        Date   // the program year's first day
	EndDate          Date   // the program year's last day
	LateEarningDays  int
	ResubmissionDays int
	FirstSubmitTime  time.Time // zero where it never was
	Limits           []Limit
	Lapsed           bool // it is not approved, and can't be any more: see [Standing.lapsed]
}

// A Standing is what of a plan its terms are made of: little, so that those of many plans are read fast.
type Standing struct {
	Name            Name
	State           State
	CurrencyCode    string
	FirstSubmitTime time.Time
	Limits          []Limit
}

// Standing returns the plan's, as it is now.
func (p *Plan) Standing() *Standing {
	return &Standing{
		Name: p.Name, State: p.State, CurrencyCode: p.CurrencyCode, FirstSubmitTime: p.FirstSubmitTime, Limits: slices.Clone(p.Limits),
	}
}

// TermsIn returns the plan's terms in its program, as both are now. An error is a defect.
func (s *Standing) TermsIn(program *Program, now time.Time) (Terms, error) {
	year, err := program.yearOf(s.Name)
	if err != nil {
		return Terms{}, err
	}
	lapsed, err := s.lapsed(program, year, now)
	if err != nil {
		return Terms{}, err
	}
	return Terms{
		Plan: s.Name, State: s.State, CurrencyCode: s.CurrencyCode, TimeZone: program.TimeZone,
		StartDate: year.StartDate, EndDate: year.EndDate, LateEarningDays: *program.withDefaults().LateEarningDays,
		ResubmissionDays: *program.withDefaults().ResubmissionDays,
		FirstSubmitTime:  s.FirstSubmitTime, Limits: s.Limits, Lapsed: lapsed,
	}, nil
}

// lapsed tells whether none of the moves that are left leads to the plan's
// approval, unless its program gives it more time: it is with the partner, whose
// last day to submit it is over. It is said a day later than it is so, since
// another instance's clock may be behind, and what it admitted counts. Rules L3, L5, L6.
func (s *Standing) lapsed(program *Program, year ProgramYear, now time.Time) (bool, error) {
	last := year.EndDate
	switch s.State {
	case Submitted, UnderReview, Approved:
		return false, nil
	default:
	}
	if !s.FirstSubmitTime.IsZero() {
		last = program.resubmitDeadline(year)
	}
	today, err := program.today(now)
	return today.After(last.AddDays(1)), err
}
