package plan_test

import (
	"testing"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// ending is a program in a time zone, whose year ends on a day.
func ending(t testing.TB, zone, lastDay string) *plan.Program {
	t.Helper()
	last := date(t, lastDay)
	first := last.AddDays(-364)
	return newProgram(t, func(c *plan.ProgramContent) {
		c.TimeZone = zone
		c.ProgramYears = []plan.ProgramYear{{ID: "fy26", StartDate: first, EndDate: last}}
	})
}

// early is a draft of the program that can be submitted, created long before its year ends.
func early(t testing.TB, program *plan.Program) *plan.Plan {
	t.Helper()
	c := plan.Call{Actor: pia, Now: at(t, "2000-01-01T00:00:00Z")}
	year := program.ProgramYears[0]
	campaign, activity := campaignContent(t), activityContent(t)
	campaign.StartDate, campaign.EndDate = year.StartDate, year.EndDate
	activity.StartDate, activity.EndDate = year.StartDate, year.EndDate
	p, err := plan.New(c, name, program, planContent())
	must(t, err)
	must(t, p.AddCampaign(c, "c1", campaign))
	must(t, p.AddActivity(c, "c1", "a1", activity))
	return p
}

// sentBack is such a draft, submitted, and sent back.
func sentBack(t testing.TB, program *plan.Program) *plan.Plan {
	t.Helper()
	p, begin := early(t, program), at(t, "2000-01-01T00:00:00Z")
	must(t, p.Submit(plan.Call{Actor: pia, Now: begin, Etag: p.Etag()}, program))
	must(t, p.StartReview(plan.Call{Actor: rita, Now: begin}))
	must(t, p.RequestAction(plan.Call{Actor: rita, Now: begin, Comment: "more"}, admins))
	return p
}

// lastMoments are the last second of a day and the first of the next, in zones
// whose midnights are far apart, and where clocks were changed in between.
var lastMoments = []struct{ zone, day, last, next string }{
	{losAngeles, "2026-06-30", "2026-07-01T06:59:59Z", "2026-07-01T07:00:00Z"},
	{losAngeles, "2026-03-08", "2026-03-09T06:59:59Z", "2026-03-09T07:00:00Z"}, // a day of 23 hours
	{losAngeles, "2026-11-01", "2026-11-02T07:59:59Z", "2026-11-02T08:00:00Z"}, // a day of 25 hours
	{losAngeles, "2024-02-29", "2024-03-01T07:59:59Z", "2024-03-01T08:00:00Z"},
	{"Asia/Kolkata", "2026-06-30", "2026-06-30T18:29:59Z", "2026-06-30T18:30:00Z"},
	{"Pacific/Apia", "2026-06-30", "2026-06-30T10:59:59Z", "2026-06-30T11:00:00Z"},
	{"Pacific/Apia", "2011-12-29", "2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z"}, // the 31st came next
	{"UTC", "2026-12-31", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"},
	{"America/Santiago", "2026-09-05", "2026-09-06T03:59:59Z", "2026-09-06T04:00:00Z"}, // the 6th began at one o'clock
}

func TestL5_CreationAndFirstSubmissionByTheLastDay(t *testing.T) {
	for _, test := range lastMoments {
		t.Run(test.zone+" "+test.day, func(t *testing.T) {
			program := ending(t, test.zone, test.day)
			last, next := plan.Call{Actor: pia, Now: at(t, test.last)}, plan.Call{Actor: pia, Now: at(t, test.next)}

			if _, err := plan.New(last, name, program, planContent()); err != nil {
				t.Errorf("created at %s: %v, want no error", test.last, err)
			}
			_, late := plan.New(next, name, program, planContent())
			if fault.ReasonOf(late) != "CREATION_DEADLINE_PASSED" || fault.KindOf(late) != fault.State {
				t.Errorf("created at %s: %v, want the state error CREATION_DEADLINE_PASSED", test.next, late)
			}

			p := early(t, program)
			last.Etag, next.Etag = p.Etag(), p.Etag()
			err := refusal(t, p, "SUBMISSION_DEADLINE_PASSED", func() error { return p.Submit(next, program) })
			if err.Kind != fault.State || err.Details["deadline"] != test.day || err.Details["time_zone"] != test.zone {
				t.Errorf("kind %v with %v, want a state error with the deadline %s in %s", err.Kind, err.Details, test.day, test.zone)
			}
			must(t, p.Submit(last, program))
		})
	}
}

func TestL5_PlansAreWrittenBeforeTheYearBegins(t *testing.T) {
	c := plan.Call{Actor: pia, Now: at(t, "2025-01-01T00:00:00Z")}
	if _, err := plan.New(c, name, newProgram(t), planContent()); err != nil {
		t.Errorf("created half a year before the program year: %v, want no error", err)
	}
}

func TestL6_ResubmissionThroughThe90thDay(t *testing.T) {
	for _, test := range []struct{ zone, yearEnds, deadline, last, next string }{
		{losAngeles, "2026-06-30", "2026-09-28", "2026-09-29T06:59:59Z", "2026-09-29T07:00:00Z"}, // the rule book's example
		{"Asia/Kolkata", "2026-06-30", "2026-09-28", "2026-09-28T18:29:59Z", "2026-09-28T18:30:00Z"},
		{"Pacific/Apia", "2026-06-30", "2026-09-28", "2026-09-28T10:59:59Z", "2026-09-28T11:00:00Z"},
		{"Pacific/Apia", "2011-10-01", "2011-12-30", "2011-12-30T09:59:59Z", "2011-12-30T10:00:00Z"}, // a day that Apia left out
		{losAngeles, "2025-12-31", "2026-03-31", "2026-04-01T06:59:59Z", "2026-04-01T07:00:00Z"},     // clocks changed in between
		{losAngeles, "2026-08-03", "2026-11-01", "2026-11-02T07:59:59Z", "2026-11-02T08:00:00Z"},     // ends on a day of 25 hours
		{"UTC", "2023-12-01", "2024-02-29", "2024-02-29T23:59:59Z", "2024-03-01T00:00:00Z"},          // a leap year
		{"UTC", "2022-12-01", "2023-03-01", "2023-03-01T23:59:59Z", "2023-03-02T00:00:00Z"},
	} {
		t.Run(test.zone+" "+test.yearEnds, func(t *testing.T) {
			program := ending(t, test.zone, test.yearEnds)
			p := sentBack(t, program)
			if got := p.ResubmitDeadline(program); got != date(t, test.deadline) {
				t.Errorf("resubmit deadline %s, want %s", got, test.deadline)
			}
			last, next := plan.Call{Actor: pia, Now: at(t, test.last)}, plan.Call{Actor: pia, Now: at(t, test.next)}
			refused(t, p, "RESUBMISSION_DEADLINE_PASSED", func() error { return p.Reopen(next, program) })
			must(t, p.Reopen(last, program))

			// Reopened within the window, submitted after it.
			last.Etag, next.Etag = p.Etag(), p.Etag()
			err := refusal(t, p, "RESUBMISSION_DEADLINE_PASSED", func() error { return p.Submit(next, program) })
			if err.Kind != fault.State || err.Details["deadline"] != test.deadline {
				t.Errorf("kind %v with %v, want a state error with the deadline %s", err.Kind, err.Details, test.deadline)
			}
			must(t, p.Submit(last, program))
		})
	}
}

func TestL6_ByTheDaysOfTheProgramAsItIsNow(t *testing.T) {
	program := ending(t, "UTC", "2026-06-30")
	p := sentBack(t, program)
	c := plan.Call{Actor: pia, Now: at(t, "2026-07-01T00:00:00Z")}
	content := program.ProgramContent
	content.ResubmissionDays = new(0)
	must(t, program.Update(plan.Call{}, content))
	if got := p.ResubmitDeadline(program); got != date(t, "2026-06-30") {
		t.Errorf("with no days the resubmit deadline is %s, want the year's last day", got)
	}
	refused(t, p, "RESUBMISSION_DEADLINE_PASSED", func() error { return p.Reopen(c, program) })
	content.ResubmissionDays = new(1)
	must(t, program.Update(plan.Call{}, content))
	must(t, p.Reopen(c, program))
}

func TestL6_OnlyAfterAFirstSubmissionInTime(t *testing.T) {
	program := ending(t, "UTC", "2026-06-30")
	p := early(t, program)
	if got := p.ResubmitDeadline(program); !got.IsZero() {
		t.Errorf("never submitted, and the resubmit deadline is %s, want none", got)
	}
	c := plan.Call{Actor: pia, Now: at(t, "2026-07-01T00:00:00Z"), Etag: p.Etag()}
	refused(t, p, "SUBMISSION_DEADLINE_PASSED", func() error { return p.Submit(c, program) })
}

func TestL6_AReviewerDecidesLater(t *testing.T) {
	program := ending(t, "UTC", "2026-06-30")
	years := plan.Call{Actor: rita, Now: at(t, "2028-01-01T00:00:00Z"), Comment: "late"}
	for _, decide := range []func(p *plan.Plan) error{
		func(p *plan.Plan) error { return p.Approve(years, program, admins, money.Money{}) },
		func(p *plan.Plan) error { return p.RequestAction(years, admins) },
		func(p *plan.Plan) error { return p.Reject(years, admins) },
	} {
		p := early(t, program)
		must(t, p.Submit(plan.Call{Actor: pia, Now: at(t, "2026-06-30T12:00:00Z"), Etag: p.Etag()}, program))
		must(t, p.StartReview(years))
		must(t, decide(p))
	}
}
