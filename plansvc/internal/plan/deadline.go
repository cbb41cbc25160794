package plan

import (
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
)

// A deadline is a day, and a call keeps it as long as it is that day or an
// earlier one in the program's time zone: days are compared, and not instants, so
// that midnight is the zone's whatever its clocks do.

// ResubmitDeadline is the last day on which the plan can be submitted again,
// and the zero Date before the first submission. It counts by the program as it
// is now. Rule L6.
func (p *Plan) ResubmitDeadline(program *Program) Date {
	year, ok := program.Year(p.Name.ProgramYear)
	if !ok || p.FirstSubmitTime.IsZero() {
		return Date{}
	}
	return program.resubmitDeadline(year)
}

// resubmitDeadline is resubmission_days after the year's last day. Rule L6.
func (p *Program) resubmitDeadline(year ProgramYear) Date {
	return year.EndDate.AddDays(*p.withDefaults().ResubmissionDays)
}

// checkCreation refuses to create a plan for a program year that is over. Rule L5.
func (p *Program) checkCreation(now time.Time, year ProgramYear) error {
	return p.checkDay(now, year.EndDate, "CREATION_DEADLINE_PASSED", "a plan can be created")
}

// checkSubmission refuses the first submission after the program year's last
// day (rule L5), and any other after the resubmission window (rule L6). That the
// first one kept its deadline needs no check then: it was made, and rule P1 holds the year's days.
func (p *Plan) checkSubmission(program *Program, year ProgramYear, now time.Time) error {
	if !p.FirstSubmitTime.IsZero() {
		return program.checkResubmission(now, year)
	}
	if err := program.checkTakesPlans(); err != nil {
		return err
	}
	return program.checkDay(now, year.EndDate, "SUBMISSION_DEADLINE_PASSED", "the plan can be submitted for the first time")
}

// checkResubmission refuses what comes after the resubmission window. Rule L6.
func (p *Program) checkResubmission(now time.Time, year ProgramYear) error {
	return p.checkDay(now, p.resubmitDeadline(year), "RESUBMISSION_DEADLINE_PASSED", "the plan can be reopened and submitted again")
}

// checkDay refuses with a reason when the last day for something is over.
func (p *Program) checkDay(now time.Time, last Date, reason, what string) error {
	today, err := p.today(now)
	if err != nil || !today.After(last) {
		return err
	}
	return fault.New(fault.State, reason, "%s through %s, and it is %s in %s", what, last, today, p.TimeZone).
		With("deadline", last.String()).With("time_zone", p.TimeZone)
}
