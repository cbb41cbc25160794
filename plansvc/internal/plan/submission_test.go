package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestL7_SubmittingChecksTheWhole(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(p *plan.Plan)
		program func(c *plan.ProgramContent)
		want    []string // below "plan"
	}{
		{name: "whole"},
		{name: "no market", change: func(p *plan.Plan) { p.Market = "" }, want: []string{"market FIELD_REQUIRED"}},
		{name: "market unknown", change: func(p *plan.Plan) { p.Market = "FR" }, want: []string{"market MARKET_UNKNOWN"}},
		{name: "program without markets", program: func(c *plan.ProgramContent) { c.Markets = nil }, want: []string{"market MARKET_UNKNOWN"}},
		{name: "fund type dropped", program: func(c *plan.ProgramContent) { c.FundTypes = c.FundTypes[1:] }, want: []string{"fund_type FUND_TYPE_UNKNOWN"}},
		{name: "no currency", change: func(p *plan.Plan) { p.CurrencyCode = "" }, want: []string{"currency_code FIELD_REQUIRED"}},
		{
			name: "currency unknown", change: func(p *plan.Plan) {
				p.CurrencyCode, p.RequestedLimit = "EUR", amount(t, "EUR", "1")
				p.Campaigns[0].Activities[0].PlannedCost = money.Money{}
			},
			want: []string{"currency_code CURRENCY_NOT_IN_PROGRAM"},
		},
		{
			name: "amounts in another currency", change: func(p *plan.Plan) { p.CurrencyCode = "JPY" },
			want: []string{"requested_limit CURRENCY_MISMATCH", "campaigns[0].activities[0].planned_cost CURRENCY_MISMATCH"},
		},
		{name: "no limit", change: func(p *plan.Plan) { p.RequestedLimit = money.Money{} }, want: []string{"requested_limit FIELD_REQUIRED"}},
		{name: "limit of zero", change: func(p *plan.Plan) { p.RequestedLimit = usd(0) }, want: []string{"requested_limit AMOUNT_NOT_POSITIVE"}},
		{name: "no reviewer", change: func(p *plan.Plan) { p.ReviewerEmail = "" }, want: []string{"reviewer_email FIELD_REQUIRED"}},
		{name: "reviewer whatever the case", change: func(p *plan.Plan) { p.ReviewerEmail = "Ana@EXAMPLE.ORG" }},
		{name: "reviewer elsewhere", change: func(p *plan.Plan) { p.ReviewerEmail = "ana@fabrikam.com" }, want: []string{"reviewer_email REVIEWER_DOMAIN_UNKNOWN"}},
		{name: "reviewer in a subdomain", change: func(p *plan.Plan) { p.ReviewerEmail = "ana@eu.contoso.com" }, want: []string{"reviewer_email REVIEWER_DOMAIN_UNKNOWN"}},
		{name: "reviewer in a domain that ends alike", change: func(p *plan.Plan) { p.ReviewerEmail = "ana@notcontoso.com" }, want: []string{"reviewer_email REVIEWER_DOMAIN_UNKNOWN"}},
		{name: "reviewer with two at signs", change: func(p *plan.Plan) { p.ReviewerEmail = `"contoso.com@x"@fabrikam.com` }, want: []string{"reviewer_email REVIEWER_DOMAIN_UNKNOWN"}},
		{name: "reviewer with an at sign in quotes", change: func(p *plan.Plan) { p.ReviewerEmail = `"a@b"@contoso.com` }},
		{name: "program without reviewers", program: func(c *plan.ProgramContent) { c.ReviewerEmailDomains = nil }, want: []string{"reviewer_email REVIEWER_DOMAIN_UNKNOWN"}},
		{name: "no campaign", change: func(p *plan.Plan) { p.Campaigns = nil }, want: []string{"campaigns FIELD_REQUIRED"}},
		{name: "no activity", change: func(p *plan.Plan) { p.Campaigns[0].Activities = nil }, want: []string{"campaigns[0].activities FIELD_REQUIRED"}},
		{name: "no region", change: func(p *plan.Plan) { p.Campaigns[0].Activities[0].RegionCodes = nil }, want: []string{"campaigns[0].activities[0].region_codes FIELD_REQUIRED"}},
		{name: "no activity type", change: func(p *plan.Plan) { p.Campaigns[0].Activities[0].ActivityType = "" }, want: []string{"campaigns[0].activities[0].activity_type FIELD_REQUIRED"}},
		{name: "activity type dropped", program: func(c *plan.ProgramContent) { c.ActivityTypes = nil }, want: []string{"campaigns[0].activities[0].activity_type ACTIVITY_TYPE_UNKNOWN"}},
		{name: "no cost", change: func(p *plan.Plan) { p.Campaigns[0].Activities[0].PlannedCost = money.Money{} }},
		{name: "free of charge", change: func(p *plan.Plan) { p.Campaigns[0].Activities[0].PlannedCost = usd(0) }},
		{
			name: "free of charge in another currency", change: func(p *plan.Plan) { p.Campaigns[0].Activities[0].PlannedCost = money.Zero("JPY") },
			want: []string{"campaigns[0].activities[0].planned_cost CURRENCY_MISMATCH"},
		},
		{
			name: "all of the year", change: func(p *plan.Plan) {
				c := &p.Campaigns[0]
				c.StartDate, c.EndDate = date(t, "2025-07-01"), date(t, "2026-06-30")
				c.Activities[0].StartDate, c.Activities[0].EndDate = c.StartDate, c.EndDate
			},
		},
		{
			name: "a day more than the year", change: func(p *plan.Plan) {
				c := &p.Campaigns[0]
				c.StartDate, c.EndDate = date(t, "2025-06-30"), date(t, "2026-07-01")
				c.Activities[0].StartDate, c.Activities[0].EndDate = c.StartDate, c.EndDate
			},
			want: []string{"campaigns[0].start_date DATE_OUTSIDE_YEAR", "campaigns[0].end_date DATE_OUTSIDE_YEAR"},
		},
		{
			name: "after the year", change: func(p *plan.Plan) {
				c := &p.Campaigns[0]
				c.StartDate, c.EndDate = date(t, "2026-07-01"), date(t, "2026-07-02")
				c.Activities[0].StartDate, c.Activities[0].EndDate = c.StartDate, c.EndDate
			},
			want: []string{"campaigns[0].start_date DATE_OUTSIDE_YEAR", "campaigns[0].end_date DATE_OUTSIDE_YEAR"},
		},
		{
			name: "a day more than the campaign", change: func(p *plan.Plan) {
				a := &p.Campaigns[0].Activities[0]
				a.StartDate, a.EndDate = date(t, "2025-08-31"), date(t, "2025-12-01")
			},
			want: []string{"campaigns[0].activities[0].start_date DATE_OUTSIDE_CAMPAIGN", "campaigns[0].activities[0].end_date DATE_OUTSIDE_CAMPAIGN"},
		},
		{
			name: "no dates", change: func(p *plan.Plan) {
				c := &p.Campaigns[0]
				c.StartDate, c.EndDate = plan.Date{}, plan.Date{}
				c.Activities[0].EndDate = plan.Date{}
			},
			want: []string{"campaigns[0].start_date FIELD_REQUIRED", "campaigns[0].end_date FIELD_REQUIRED", "campaigns[0].activities[0].end_date FIELD_REQUIRED"},
		},
		{
			name: "everything at once", change: func(p *plan.Plan) {
				p.Content = plan.Content{DisplayName: "x"}
				p.Campaigns = append(p.Campaigns, plan.Campaign{ID: "c2"}, plan.Campaign{ID: "c3", Activities: []plan.Activity{{ID: "a1"}, {ID: "a2"}}})
				p.Campaigns[2].CampaignContent = p.Campaigns[0].CampaignContent
				p.Campaigns[2].Activities[0].ActivityContent = p.Campaigns[0].Activities[0].ActivityContent
			},
			want: []string{
				"market FIELD_REQUIRED", "currency_code FIELD_REQUIRED", "reviewer_email FIELD_REQUIRED", "requested_limit FIELD_REQUIRED",
				"campaigns[1].start_date FIELD_REQUIRED", "campaigns[1].end_date FIELD_REQUIRED", "campaigns[1].activities FIELD_REQUIRED",
				"campaigns[2].activities[1].activity_type FIELD_REQUIRED", "campaigns[2].activities[1].region_codes FIELD_REQUIRED",
				"campaigns[2].activities[1].start_date FIELD_REQUIRED", "campaigns[2].activities[1].end_date FIELD_REQUIRED",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, program := newDraft(t, newProgram(t)), newProgram(t)
			if test.change != nil {
				test.change(p)
			}
			if test.program != nil {
				program = newProgram(t, test.program)
			}
			c := call(t, pia)
			c.Etag = p.Etag()
			if test.want == nil {
				must(t, p.Submit(c, program))
				return
			}
			violated(t, p, below("plan", test.want), func() error { return p.Submit(c, program) })
		})
	}
}

func TestL7_IdentityUnknownToTheProgramIsRefusedOnCreation(t *testing.T) {
	unknown := plan.Name{Partner: "1001", Program: "azure", FundType: "gold", ProgramYear: "fy99"}
	_, err := plan.New(call(t, pia), unknown, newProgram(t), plan.Content{})
	want := []string{"plan.fund_type FUND_TYPE_UNKNOWN", "plan.program_year PROGRAM_YEAR_UNKNOWN", "plan.display_name FIELD_REQUIRED"}
	if diff := cmp.Diff(want, violations(err)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	if fault.KindOf(err) != fault.Invalid {
		t.Errorf("kind %v, want Invalid", fault.KindOf(err))
	}
}
