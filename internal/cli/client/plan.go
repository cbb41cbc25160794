package client

import (
	"context"
	"strings"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/name"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

type showPlan struct {
	Plan string `arg:"" help:"The plan: contoso/azure.coop.fy26, or in full partners/contoso/plans/azure.coop.fy26."`
	planFlags
}

// Help is printed below the flags' list by --help.
func (showPlan) Help() string {
	return `With --json the first line is the plan, with its limits, campaigns and activities in it, and each further line
an event of its history, oldest first.

    incentives plans show contoso/azure.coop.fy26`
}

// Run shows.
func (c *showPlan) Run(ctx context.Context, console *cli.Console) error {
	plans, service, err := c.dial()
	if err != nil {
		return err
	}
	defer service.close()
	plan, err := call(ctx, service, plans.GetPlan, &planv1.GetPlanRequest{Name: name.Plan(c.Plan)})
	if err != nil {
		return err
	}
	var events []*planv1.PlanEvent
	_, err = each(0, func(size int32, token string) ([]*planv1.PlanEvent, string, error) {
		page, err := call(ctx, service, plans.ListPlanEvents, &planv1.ListPlanEventsRequest{
			Parent: plan.GetName(), PageSize: size, PageToken: token,
		})
		return page.GetPlanEvents(), page.GetNextPageToken(), err
	}, func(event *planv1.PlanEvent) error {
		events = append(events, event)
		return nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printPlanJSON(console, plan, events)
	}
	printPlan(console, plan)
	printLimits(console, plan)
	printCampaigns(console, plan)
	printHistory(console, events)
	return nil
}

func printPlanJSON(console *cli.Console, plan *planv1.Plan, events []*planv1.PlanEvent) error {
	if err := console.PrintJSON(plan); err != nil {
		return err
	}
	for _, event := range events {
		if err := console.PrintJSON(event); err != nil {
			return err
		}
	}
	return nil
}

func printPlan(console *cli.Console, plan *planv1.Plan) {
	console.PrintFacts([]cli.Fact{
		{Name: "Plan", Value: name.ShortPlan(plan.GetName())},
		{Name: "Name", Value: plan.GetDisplayName()},
		{Name: "Description", Value: plan.GetDescription()},
		{Name: "State", Value: plan.GetState().String()},
		{Name: "Decision comment", Value: plan.GetDecisionComment()},
		{Name: "Program", Value: name.ID(plan.GetProgram()) + ", " + plan.GetFundType() + ", " + plan.GetProgramYear()},
		{Name: "Market", Value: plan.GetMarket()},
		{Name: "Reviewer", Value: plan.GetReviewerEmail()},
		{Name: "Requested limit", Value: cli.Money(plan.GetRequestedLimit())},
		{Name: "Created", Value: cli.Time(plan.GetCreateTime())},
		{Name: "Submitted", Value: cli.Time(plan.GetSubmitTime())},
		{Name: "Decided", Value: cli.Time(plan.GetDecideTime())},
		{Name: "Submit again until", Value: submitAgain(plan)},
	})
}

// submitAgain is the last day to submit again, for a plan that may have to be.
func submitAgain(plan *planv1.Plan) string {
	switch plan.GetState() {
	case planv1.Plan_EDITING, planv1.Plan_ACTION_REQUIRED, planv1.Plan_REJECTED:
		return cli.Date(plan.GetResubmitDeadline())
	default:
		return ""
	}
}

func printLimits(console *cli.Console, plan *planv1.Plan) {
	limits := cli.Table{Title: "Limits", Columns: []cli.Column{{Title: "From"}, {Title: "Monthly limit", Right: true}, {Title: ""}}}
	for _, limit := range plan.GetLimits() {
		limits.Add(limit.GetEffectiveMonth(), cli.Money(limit.GetAmount()), "")
	}
	if pending := plan.GetPendingLimitChange(); pending != nil {
		limits.Add("", cli.Money(pending.GetNewLimit()), "asked for: "+pending.GetReason())
	}
	limits.PrintSection(console)
}

func printCampaigns(console *cli.Console, plan *planv1.Plan) {
	campaigns := cli.Table{Title: "Campaigns and activities", Columns: []cli.Column{
		{Title: "Name"}, {Title: "From"}, {Title: "To"}, {Title: "Type"}, {Title: "Regions"}, {Title: "Planned cost", Right: true},
	}}
	for _, campaign := range plan.GetCampaigns() {
		campaigns.Add(campaign.GetDisplayName(), cli.Date(campaign.GetStartDate()), cli.Date(campaign.GetEndDate()), "", "", "")
		for _, activity := range campaign.GetActivities() {
			campaigns.Add("  "+activity.GetDisplayName(), cli.Date(activity.GetStartDate()), cli.Date(activity.GetEndDate()),
				activity.GetActivityType(), strings.Join(activity.GetRegionCodes(), " "), cli.Money(activity.GetPlannedCost()))
		}
	}
	campaigns.PrintSection(console)
}

func printHistory(console *cli.Console, events []*planv1.PlanEvent) {
	history := cli.Table{Title: "History", Columns: []cli.Column{
		{Title: "Time"}, {Title: "Who"}, {Title: "Action"}, {Title: "State then"}, {Title: "Limit", Right: true}, {Title: "Comment"},
	}}
	for _, event := range events {
		limit := cli.Money(event.GetLimit())
		if month := event.GetEffectiveMonth(); month != "" {
			limit += " from " + month
		}
		history.Add(cli.Time(event.GetTime()), event.GetActor(), event.GetAction().String(), event.GetToState().String(), limit, event.GetComment())
	}
	history.PrintSection(console)
}
