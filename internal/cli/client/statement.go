package client

import (
	"context"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/name"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Statement is the command `statement`.
type Statement struct {
	Plan  string `arg:"" help:"The plan: contoso/azure.coop.fy26, or in full partners/contoso/plans/azure.coop.fy26."`
	Month string `arg:"" optional:"" help:"One earned month, yyyy-mm; every month with earnings or payments when absent."`
	payoutFlags
}

// Help is printed below the flags' list by --help.
func (Statement) Help() string {
	return `For each earned month: what was earned, the limit, what is payable (the lower of the two), what was withheld
over the limit, what payouts hold for it already, and what is due in the next one. A due below zero is netted
with what is earned later; nobody is debited.

    incentives statement contoso/azure.coop.fy26
    incentives statement contoso/azure.coop.fy26 2026-04 --json`
}

// Run prints the statements.
func (c *Statement) Run(ctx context.Context, console *cli.Console) error {
	payouts, service, err := c.dial()
	if err != nil {
		return err
	}
	defer service.close()
	statements, err := c.read(ctx, payouts, service)
	if err != nil {
		return err
	}
	if c.JSON {
		for _, statement := range statements {
			if err := console.PrintJSON(statement); err != nil {
				return err
			}
		}
		return nil
	}
	printStatements(console, statements)
	return nil
}

func (c *Statement) read(ctx context.Context, payouts payoutv1.PayoutServiceClient, service *service) ([]*payoutv1.Statement, error) {
	plan := name.Plan(c.Plan)
	if c.Month != "" {
		statement, err := call(ctx, service, payouts.GetStatement, &payoutv1.GetStatementRequest{Name: plan + "/statements/" + c.Month})
		return []*payoutv1.Statement{statement}, err
	}
	var statements []*payoutv1.Statement
	_, err := each(0, func(size int32, token string) ([]*payoutv1.Statement, string, error) {
		page, err := call(ctx, service, payouts.ListStatements, &payoutv1.ListStatementsRequest{
			Parent: plan, PageSize: size, PageToken: token,
		})
		return page.GetStatements(), page.GetNextPageToken(), err
	}, func(statement *payoutv1.Statement) error {
		statements = append(statements, statement)
		return nil
	})
	return statements, err
}

func printStatements(console *cli.Console, statements []*payoutv1.Statement) {
	table := cli.Table{Columns: []cli.Column{
		{Title: "Month"},
		{Title: "Pay date"},
		{Title: "Earned", Right: true},
		{Title: "Limit", Right: true},
		{Title: "Payable", Right: true},
		{Title: "Withheld", Right: true},
		{Title: "Paid", Right: true},
		{Title: "Due", Right: true},
	}}
	unapproved := false
	for i, statement := range statements {
		if i == 0 {
			console.Printf("%s in %s\n\n", name.ShortPlan(statement.GetName()), statement.GetEarned().GetCurrencyCode())
		}
		unapproved = unapproved || !statement.GetPlanApproved()
		table.Add(name.ID(statement.GetName()), cli.Date(statement.GetPayDate()),
			cli.Amount(statement.GetEarned()), cli.Amount(statement.GetLimit()), cli.Amount(statement.GetPayable()),
			cli.Amount(statement.GetWithheldOverLimit()), cli.Amount(statement.GetPaid()), cli.Amount(statement.GetDue()))
	}
	table.Print(console, "Nothing was earned in this plan so far.")
	if unapproved {
		console.Printf("\nThe plan is not approved: what it earns is kept, and paid from the first run after its approval.\n")
	}
}
