package client

import (
	"context"
	"strings"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/name"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Payouts is the command `payouts`.
type Payouts struct {
	Preview previewPayouts `cmd:"" help:"Compute what a payout run would pay now, and write nothing."`
	Run     runPayouts     `cmd:"" help:"Pay a program's plans for one pay date, and watch it."`
	List    listPayouts    `cmd:"" help:"List the payouts of a plan, of a partner, or of all partners."`
	Confirm confirmPayout  `cmd:"" help:"Say that a payout's money was moved."`
	Fail    failPayout     `cmd:"" help:"Say that a payout's money could not be moved."`
	Retry   retryPayout    `cmd:"" help:"Schedule a failed payout again, with the same amount."`
}

// payoutTable is one line for each payout; of a preview it says no state.
func payoutTable(withState bool) *cli.Table {
	table := &cli.Table{Columns: []cli.Column{
		{Title: "Plan"}, {Title: "Pay date"}, {Title: "Amount", Right: true}, {Title: "For"},
	}}
	if withState {
		table.Columns = append(table.Columns, cli.Column{Title: "State"}, cli.Column{Title: "Reference or reason"})
	}
	return table
}

func addPayout(table *cli.Table, payout *payoutv1.Payout, withState bool) {
	cells := []string{name.ShortPlan(payout.GetName()), cli.Date(payout.GetPayDate()), cli.Money(payout.GetAmount()), months(payout)}
	if withState {
		why := payout.GetReference()
		if payout.GetState() == payoutv1.Payout_FAILED {
			why = payout.GetFailureReason()
		}
		cells = append(cells, payout.GetState().String(), why)
	}
	table.Add(cells...)
}

// months says what a payout is for: "2026-04", or "2026-04 4,000.00, 2026-05 500.00".
func months(payout *payoutv1.Payout) string {
	lines := payout.GetLines()
	if len(lines) == 1 {
		return lines[0].GetEarnedMonth()
	}
	parts := make([]string, len(lines))
	for i, line := range lines {
		parts[i] = line.GetEarnedMonth() + " " + cli.Amount(line.GetAmount())
	}
	return strings.Join(parts, ", ")
}

type listPayouts struct {
	Plan    string `env:"-" xor:"whose" placeholder:"PLAN" help:"The plan, such as contoso/azure.coop.fy26."`
	Partner string `env:"-" xor:"whose" placeholder:"PARTNER" help:"The partner's MPN ID, such as contoso."`
	Filter  string `env:"-" placeholder:"FILTER" help:"Which payouts, such as: state=\"SCHEDULED\" AND pay_date=\"2026-05-15\""`
	limitFlag
	payoutFlags
}

// Help is printed below the flags' list by --help.
func (listPayouts) Help() string {
	return `Fields of a filter: program, pay_date, state, reference, create_time, update_time. States are SCHEDULED, PAID
and FAILED.

What is to be moved for one pay date, for the program that moves it:

    incentives payouts list --filter 'state="SCHEDULED" AND pay_date="2026-05-15"' --limit 0 --json`
}

// Run lists.
func (c *listPayouts) Run(ctx context.Context, console *cli.Console) error {
	payouts, service, err := c.dial()
	if err != nil {
		return err
	}
	defer service.close()
	parent := "partners/-/plans/-"
	switch {
	case c.Plan != "":
		parent = name.Plan(c.Plan)
	case c.Partner != "":
		parent = name.Partner(c.Partner) + "/plans/-"
	}
	table := payoutTable(true)
	more, err := each(c.Limit, func(size int32, token string) ([]*payoutv1.Payout, string, error) {
		page, err := call(ctx, service, payouts.ListPayouts, &payoutv1.ListPayoutsRequest{
			Parent: parent, Filter: c.Filter, PageSize: size, PageToken: token,
		})
		return page.GetPayouts(), page.GetNextPageToken(), err
	}, func(payout *payoutv1.Payout) error {
		if c.JSON {
			return console.PrintJSON(payout)
		}
		addPayout(table, payout, true)
		return nil
	})
	if err != nil {
		return err
	}
	if !c.JSON {
		table.Print(console, "No payouts.")
	}
	noteMore(console, more, c.Limit)
	return nil
}

// payoutArgs name one payout.
type payoutArgs struct {
	Plan    string `arg:"" help:"The plan, such as contoso/azure.coop.fy26."`
	PayDate string `arg:"" help:"The pay date, such as 2026-05-15."`
	payoutFlags
}

func (c payoutArgs) payout() string { return name.Plan(c.Plan) + "/payouts/" + c.PayDate }

// change makes a call that changes the payout, and prints what it is then.
func (c payoutArgs) change(
	console *cli.Console, change func(payoutv1.PayoutServiceClient, *service) (*payoutv1.Payout, error),
) error {
	payouts, service, err := c.dial()
	if err != nil {
		return err
	}
	defer service.close()
	payout, err := change(payouts, service)
	if err != nil {
		return err
	}
	if c.JSON {
		return console.PrintJSON(payout)
	}
	table := payoutTable(true)
	addPayout(table, payout, true)
	table.Print(console, "")
	return nil
}

type confirmPayout struct {
	Reference string `env:"-" required:"" placeholder:"REFERENCE" help:"How whoever moved the money names the movement."`
	payoutArgs
}

// Help is printed below the flags' list by --help.
func (confirmPayout) Help() string {
	return `Confirming again with the same reference changes nothing.

    incentives payouts confirm contoso/azure.coop.fy26 2026-05-15 --reference wire-4711`
}

// Run confirms.
func (c *confirmPayout) Run(ctx context.Context, console *cli.Console) error {
	return c.change(console, func(payouts payoutv1.PayoutServiceClient, s *service) (*payoutv1.Payout, error) {
		return call(ctx, s, payouts.ConfirmPayout, &payoutv1.ConfirmPayoutRequest{Name: c.payout(), Reference: c.Reference})
	})
}

type failPayout struct {
	Reason string `env:"-" required:"" placeholder:"REASON" help:"Why the money could not be moved."`
	payoutArgs
}

// Help is printed below the flags' list by --help.
func (failPayout) Help() string {
	return `The payout keeps its amount, and waits for "incentives payouts retry".

    incentives payouts fail contoso/azure.coop.fy26 2026-05-15 --reason "account closed"`
}

// Run marks as failed.
func (c *failPayout) Run(ctx context.Context, console *cli.Console) error {
	return c.change(console, func(payouts payoutv1.PayoutServiceClient, s *service) (*payoutv1.Payout, error) {
		return call(ctx, s, payouts.FailPayout, &payoutv1.FailPayoutRequest{Name: c.payout(), Reason: c.Reason})
	})
}

type retryPayout struct{ payoutArgs }

// Help is printed below the flags' list by --help.
func (retryPayout) Help() string {
	return `For when what was in the way is mended, such as the partner's account.

    incentives payouts retry contoso/azure.coop.fy26 2026-05-15`
}

// Run schedules again.
func (c *retryPayout) Run(ctx context.Context, console *cli.Console) error {
	return c.change(console, func(payouts payoutv1.PayoutServiceClient, s *service) (*payoutv1.Payout, error) {
		return call(ctx, s, payouts.RetryPayout, &payoutv1.RetryPayoutRequest{Name: c.payout()})
	})
}
