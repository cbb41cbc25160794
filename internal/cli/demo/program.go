package demo

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/genproto/googleapis/type/date"
	moneypb "google.golang.org/genproto/googleapis/type/money"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// The program that the demo tells of.
const (
	program  = "azure"
	zone     = "America/Los_Angeles"
	fundType = "coop"
	year     = "fy26"
	payDate  = "2026-05-15"
	month    = "2026-04"
)

// now is when the demo takes place: the day before pay day. The run of the 15th may
// start as soon as its month has begun (rule R1), and the scheduler has not yet.
func now() time.Time { return time.Date(2026, time.May, 14, 16, 0, 0, 0, time.UTC) }

// A partner has one plan in the program.
type partner struct {
	id, name string
	currency string
	limit    int64 // for each month, in whole units of the currency
	earned   int64 // in April, in whole units of the currency
	example  string
}

func (p partner) plan() string {
	return "partners/" + p.id + "/plans/" + program + "." + fundType + "." + year
}

// partners are the examples of the rule book, and enough others that the run has something to do.
func partners() []partner {
	all := []partner{
		{id: "contoso", name: "Contoso", currency: "USD", limit: 10_000, earned: 5_000, example: "G1"},
		{id: "fabrikam", name: "Fabrikam", currency: "USD", limit: 10_000, earned: 15_000, example: "G2"},
		{id: "northwind", name: "Northwind", currency: "JPY", limit: 1_000_000, earned: 1_200_000, example: "G10"},
	}
	for i := len(all); i < 250; i++ {
		all = append(all, partner{
			id: fmt.Sprintf("partner-%03d", i), name: fmt.Sprintf("Partner %d", i),
			currency: "USD", limit: 10_000, earned: 1_000 + int64(i)*7_919%14_000,
		})
	}
	return all
}

// createProgram sets up what the program's owner decides.
func createProgram(ctx context.Context, plans planv1.PlanServiceClient) error {
	_, err := plans.CreateProgram(ctx, &planv1.CreateProgramRequest{
		ProgramId: program,
		Program: &planv1.Program{
			DisplayName:          "Azure partner incentives",
			TimeZone:             zone,
			CurrencyCodes:        []string{"USD", "JPY"},
			Markets:              []string{"US", "JP"},
			FundTypes:            []*planv1.Program_FundType{{Id: fundType, DisplayName: "Co-op marketing fund"}},
			ActivityTypes:        []*planv1.Program_ActivityType{{Id: "webinar", DisplayName: "Webinar"}},
			ProgramYears:         []*planv1.Program_Year{{Id: year, StartDate: day(2025, 7, 1), EndDate: day(2026, 6, 30)}},
			ReviewerEmailDomains: []string{"owner.example"},
			HasPlans:             true,
		},
	})
	return err
}

// writePlans takes every partner's plan from enrollment to approval, 32 at a time.
func writePlans(ctx context.Context, plans planv1.PlanServiceClient, all []partner, done func()) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(32)
	for _, partner := range all {
		group.Go(func() error {
			if err := writePlan(ctx, plans, partner); err != nil {
				return fmt.Errorf("plan of %s: %w", partner.id, err)
			}
			done()
			return nil
		})
	}
	return group.Wait()
}

func writePlan(ctx context.Context, plans planv1.PlanServiceClient, p partner) error {
	if err := draft(ctx, plans, p); err != nil {
		return err
	}
	read, err := plans.GetPlan(ctx, &planv1.GetPlanRequest{Name: p.plan()})
	if err != nil {
		return err
	}
	if _, err := plans.SubmitPlan(ctx, &planv1.SubmitPlanRequest{Name: p.plan(), Etag: read.GetEtag()}); err != nil {
		return err
	}
	if _, err := plans.StartReview(ctx, &planv1.StartReviewRequest{Name: p.plan()}); err != nil {
		return err
	}
	_, err = plans.ApprovePlan(ctx, &planv1.ApprovePlanRequest{
		Name: p.plan(), Comment: "A good plan.", ApprovedLimit: &moneypb.Money{CurrencyCode: p.currency, Units: p.limit},
	})
	return err
}

// draft enrolls a partner and writes its plan: one campaign with one activity.
func draft(ctx context.Context, plans planv1.PlanServiceClient, p partner) error {
	owner := "partners/" + p.id
	if _, err := plans.CreateEnrollment(ctx, &planv1.CreateEnrollmentRequest{
		Parent: owner, EnrollmentId: program,
		Enrollment: &planv1.Enrollment{AdminEmails: []string{"incentives@" + p.id + ".example"}},
	}); err != nil {
		return err
	}
	market := map[string]string{"USD": "US", "JPY": "JP"}[p.currency]
	plan, err := plans.CreatePlan(ctx, &planv1.CreatePlanRequest{Parent: owner, Plan: &planv1.Plan{
		Program: "programs/" + program, FundType: fundType, ProgramYear: year,
		DisplayName: p.name + " grows with Azure", Market: market, CurrencyCode: p.currency,
		ReviewerEmail:  "reviews@owner.example",
		RequestedLimit: &moneypb.Money{CurrencyCode: p.currency, Units: p.limit},
	}})
	if err != nil {
		return err
	}
	campaign, err := plans.CreateCampaign(ctx, &planv1.CreateCampaignRequest{Parent: plan.GetName(), Campaign: &planv1.Campaign{
		DisplayName: "Spring", Objective: "New customers", StartDate: day(2026, 3, 1), EndDate: day(2026, 6, 30),
	}})
	if err != nil {
		return err
	}
	_, err = plans.CreateActivity(ctx, &planv1.CreateActivityRequest{Parent: campaign.GetName(), Activity: &planv1.Activity{
		DisplayName: "Webinars in April", ActivityType: "webinar", RegionCodes: []string{market},
		StartDate: day(2026, 4, 1), EndDate: day(2026, 4, 30),
		PlannedCost: &moneypb.Money{CurrencyCode: p.currency, Units: p.limit / 4},
	}})
	return err
}

func day(year, month, day int32) *date.Date { return &date.Date{Year: year, Month: month, Day: day} }
