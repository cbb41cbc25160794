package plan

import (
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// Submit hands the plan in for review: PLAN_STATE (rule L3); ETAG_MISMATCH
// (rule L8); SUBMISSION_DEADLINE_PASSED or RESUBMISSION_DEADLINE_PASSED (rules
// L5, L6); PROGRAM_HAS_NO_PLANS (rule P2); INVALID lists all that the plan lacks,
// below "plan" (rule L7), and an etag that is missing.
func (p *Plan) Submit(c Call, program *Program) error {
	m, err := p.checkSubmit(c, program)
	if err != nil {
		return err
	}
	now := c.stamp()
	if p.FirstSubmitTime.IsZero() {
		p.FirstSubmitTime = now
	}
	p.SubmitTime = now
	if !slices.Contains(p.Submitters, c.Actor.ID) {
		p.Submitters = append(slices.Clip(p.Submitters), c.Actor.ID)
	}
	p.advance(c, m, Event{})
	return nil
}

// Reopen takes the plan back to the partner: PLAN_STATE (rule L3),
// ETAG_MISMATCH (rule L8), RESUBMISSION_DEADLINE_PASSED (rule L6).
func (p *Plan) Reopen(c Call, program *Program) error {
	m, err := p.move(c, ReopenPlan)
	if err != nil {
		return err
	}
	year, err := program.yearOf(p.Name)
	if err != nil {
		return err
	}
	if err := program.checkResubmission(c.Now, year); err != nil {
		return err
	}
	var v fault.Violations
	c.checkMove(&v, m.action)
	if err := c.refuse(&v); err != nil {
		return err
	}
	p.advance(c, m, Event{})
	return nil
}

func (p *Plan) checkSubmit(c Call, program *Program) (move, error) {
	m, err := p.move(c, SubmitPlan)
	if err != nil {
		return move{}, err
	}
	year, err := program.yearOf(p.Name)
	if err != nil {
		return move{}, err
	}
	if err := p.checkSubmission(program, year, c.Now); err != nil {
		return move{}, err
	}
	var v fault.Violations
	c.checkMove(&v, m.action)
	p.checkWhole(v.In("plan"), program, year)
	return m, c.refuse(&v)
}

// checkWhole records all that the plan lacks to be submitted. Rule L7, submitting.
func (p *Plan) checkWhole(v *fault.Violations, program *Program, year ProgramYear) {
	if !program.hasFundType(p.Name.FundType) {
		v.Add("fund_type", "FUND_TYPE_UNKNOWN", "%s has no fund type %q", program.Name(), p.Name.FundType)
	}
	switch {
	case p.Market == "":
		v.Add("market", "FIELD_REQUIRED", "is required")
	case !slices.Contains(program.Markets, p.Market):
		v.Add("market", "MARKET_UNKNOWN", "%q is not a market of %s", p.Market, program.Name())
	}
	switch {
	case p.CurrencyCode == "":
		v.Add("currency_code", "FIELD_REQUIRED", "is required")
	case !slices.Contains(program.CurrencyCodes, p.CurrencyCode):
		v.Add("currency_code", "CURRENCY_NOT_IN_PROGRAM", "%q is not a currency of %s", p.CurrencyCode, program.Name())
	}
	switch {
	case p.ReviewerEmail == "":
		v.Add("reviewer_email", "FIELD_REQUIRED", "is required")
	case !program.hasReviewerDomain(p.ReviewerEmail):
		v.Add("reviewer_email", "REVIEWER_DOMAIN_UNKNOWN", "%s is in none of the reviewer domains of %s", p.ReviewerEmail, program.Name())
	}
	p.checkLimit(v, "requested_limit", p.RequestedLimit)
	if len(p.Campaigns) == 0 {
		v.Add("campaigns", "FIELD_REQUIRED", "at least one is required")
	}
	for i := range p.Campaigns {
		p.checkCampaign(v.At("campaigns", i), &p.Campaigns[i], program, year)
	}
}

// checkCampaign records all that a campaign lacks for the plan to be submitted.
func (p *Plan) checkCampaign(v *fault.Violations, campaign *Campaign, program *Program, year ProgramYear) {
	checkInside(v, campaign.StartDate, campaign.EndDate, frame{
		first: year.StartDate, last: year.EndDate, of: "the program year", reason: "DATE_OUTSIDE_YEAR",
	})
	if len(campaign.Activities) == 0 {
		v.Add("activities", "FIELD_REQUIRED", "at least one is required")
	}
	for i := range campaign.Activities {
		a, in := &campaign.Activities[i], v.At("activities", i)
		switch {
		case a.ActivityType == "":
			in.Add("activity_type", "FIELD_REQUIRED", "is required")
		case !program.hasActivityType(a.ActivityType):
			in.Add("activity_type", "ACTIVITY_TYPE_UNKNOWN", "%q is not an activity type of %s", a.ActivityType, program.Name())
		}
		if len(a.RegionCodes) == 0 {
			in.Add("region_codes", "FIELD_REQUIRED", "at least one is required")
		}
		checkInside(in, a.StartDate, a.EndDate, frame{
			first: campaign.StartDate, last: campaign.EndDate, of: "the campaign", reason: "DATE_OUTSIDE_CAMPAIGN",
		})
		if !isMissing(a.PlannedCost) {
			p.checkCurrencyOf(in, "planned_cost", a.PlannedCost)
		}
	}
}

// checkLimit admits a monthly limit: an amount of the plan's currency above zero.
func (p *Plan) checkLimit(v *fault.Violations, path string, limit money.Money) {
	if isMissing(limit) {
		v.Add(path, "FIELD_REQUIRED", "is required")
		return
	}
	if !money.Check(v, path, limit) {
		return
	}
	if limit.Sign() <= 0 {
		v.Add(path, "AMOUNT_NOT_POSITIVE", "%s is not above zero", limit)
	}
	p.checkCurrencyOf(v, path, limit)
}

// checkCurrencyOf admits an amount of the plan's currency; a plan without one is answered for that.
func (p *Plan) checkCurrencyOf(v *fault.Violations, path string, amount money.Money) {
	if p.CurrencyCode != "" && amount.Currency != p.CurrencyCode {
		v.Add(path, "CURRENCY_MISMATCH", "%s is not in the plan's currency, %s", amount, p.CurrencyCode)
	}
}

// A frame is the days that others have to lie within. Either can be missing,
// and is answered for on its own then.
type frame struct {
	first, last Date
	of          string
	reason      string
}

// checkInside records a date that is missing or outside the frame.
func checkInside(v *fault.Violations, start, end Date, f frame) {
	for _, day := range []struct {
		path string
		date Date
	}{{"start_date", start}, {"end_date", end}} {
		switch {
		case day.date.IsZero():
			v.Add(day.path, "FIELD_REQUIRED", "is required")
		case !f.first.IsZero() && day.date.Before(f.first):
			v.Add(day.path, f.reason, "%s is before the first day of %s, %s", day.date, f.of, f.first)
		case !f.last.IsZero() && day.date.After(f.last):
			v.Add(day.path, f.reason, "%s is after the last day of %s, %s", day.date, f.of, f.last)
		}
	}
}

// hasReviewerDomain tells whether an address is in one of the domains, itself
// and not below it, whatever the case.
func (c ProgramContent) hasReviewerDomain(email string) bool {
	domain := email[strings.LastIndexByte(email, '@')+1:]
	return slices.ContainsFunc(c.ReviewerEmailDomains, func(d string) bool { return strings.EqualFold(d, domain) })
}
