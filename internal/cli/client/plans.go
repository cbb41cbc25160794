package client

import (
	"context"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/name"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// Plans is the command `plans`.
type Plans struct {
	List listPlans `cmd:"" help:"List the plans of a partner, or of all partners."`
	Show showPlan  `cmd:"" help:"Show a plan with its limits, campaigns, activities and history."`
}

type listPlans struct {
	Partner string `env:"-" default:"-" placeholder:"PARTNER" help:"The partner's MPN ID, such as contoso; all partners when absent."`
	Filter  string `env:"-" placeholder:"FILTER" help:"Which plans, such as: state=\"SUBMITTED\" AND reviewer_email=\"ana@contoso.com\""`
	OrderBy string `env:"-" placeholder:"FIELD" help:"name (the default), create_time, update_time or submit_time; followed by \" desc\", the last first."`
	limitFlag
	planFlags
}

// Help is printed below the flags' list by --help.
func (listPlans) Help() string {
	return `Fields of a filter: program, fund_type, program_year, display_name, market, currency_code, reviewer_email,
state, create_time, update_time, submit_time.

What a reviewer has to do, the longest waiting first:

    incentives plans list --filter 'state="SUBMITTED"' --order-by submit_time`
}

// Run lists.
func (c *listPlans) Run(ctx context.Context, console *cli.Console) error {
	plans, service, err := c.dial()
	if err != nil {
		return err
	}
	defer service.close()
	table := cli.Table{Columns: []cli.Column{
		{Title: "Plan"},
		{Title: "Name"},
		{Title: "State"},
		{Title: "Market"},
		{Title: "Requested limit", Right: true},
		{Title: "Latest limit", Right: true},
		{Title: "Updated"},
	}}
	more, err := each(c.Limit, func(size int32, token string) ([]*planv1.Plan, string, error) {
		page, err := call(ctx, service, plans.ListPlans, &planv1.ListPlansRequest{
			Parent: name.Partner(c.Partner), Filter: c.Filter, OrderBy: c.OrderBy, PageSize: size, PageToken: token,
		})
		return page.GetPlans(), page.GetNextPageToken(), err
	}, func(plan *planv1.Plan) error {
		if c.JSON {
			return console.PrintJSON(plan)
		}
		table.Add(name.ShortPlan(plan.GetName()), plan.GetDisplayName(), plan.GetState().String(), plan.GetMarket(),
			cli.Money(plan.GetRequestedLimit()), latestLimit(plan), cli.Time(plan.GetUpdateTime()))
		return nil
	})
	if err != nil {
		return err
	}
	if !c.JSON {
		table.Print(console, "No plans.")
	}
	noteMore(console, more, c.Limit)
	return nil
}

// latestLimit is the approved limit that begins last, "" where none is.
func latestLimit(plan *planv1.Plan) string {
	limits := plan.GetLimits()
	if len(limits) == 0 {
		return ""
	}
	return cli.Money(limits[len(limits)-1].GetAmount())
}
