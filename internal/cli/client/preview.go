package client

import (
	"context"
	"maps"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/type/date"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/name"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

type previewPayouts struct {
	Program string `arg:"" help:"The program, such as azure."`
	PayDate string `arg:"" help:"The pay date, a 15th, such as 2026-05-15; also one that is to come."`
	Plan    string `env:"-" placeholder:"PLAN" help:"One plan alone, such as contoso/azure.coop.fy26."`
	limitFlag
	payoutFlags
}

// Help is printed below the flags' list by --help.
func (previewPayouts) Help() string {
	return `Exit status 2 where a plan cannot be computed; it is listed with the reason. With --json a line with a "name"
is a payout, and one with a "reason" such a plan.

    incentives payouts preview azure 2026-05-15`
}

// Run previews.
func (c *previewPayouts) Run(ctx context.Context, console *cli.Console) error {
	payDate, err := readDate(c.PayDate)
	if err != nil {
		return err
	}
	payouts, service, err := c.dial()
	if err != nil {
		return err
	}
	defer service.close()
	request := &payoutv1.PreviewPayoutRunRequest{Parent: name.Program(c.Program), PayDate: payDate, PageSize: maxPage}
	if c.Plan != "" {
		request.Plan = name.Plan(c.Plan)
	}
	result := preview{payouts: payoutTable(false), failures: failureTable(), limit: c.Limit, sums: map[string]money.Money{}}
	for {
		page, err := call(ctx, service, payouts.PreviewPayoutRun, request)
		if err != nil {
			return err
		}
		if err := result.add(console, page, c.JSON); err != nil {
			return err
		}
		if request.PageToken = page.GetNextPageToken(); request.GetPageToken() == "" {
			break
		}
	}
	if !c.JSON {
		result.print(console)
	}
	if result.failed > 0 {
		return cli.ErrPartial
	}
	return nil
}

func readDate(text string) (*date.Date, error) {
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "DATE_MALFORMED", "%q is not a date such as 2026-05-15", text)
	}
	return &date.Date{Year: int32(day.Year()), Month: int32(day.Month()), Day: int32(day.Day())}, nil
}

// A preview is what was computed so far. Its tables hold up to limit rows, its
// sums all.
type preview struct {
	payouts, failures *cli.Table
	limit             int
	paid, failed      int
	sums              map[string]money.Money // by currency
}

func (p *preview) add(console *cli.Console, page *payoutv1.PreviewPayoutRunResponse, json bool) error {
	for _, payout := range page.GetPayouts() {
		p.paid++
		amount := money.FromWire(&fault.Violations{}, "", payout.GetAmount())
		p.sums[amount.Currency] = amount.Add(p.sums[amount.Currency])
		if json {
			if err := console.PrintJSON(payout); err != nil {
				return err
			}
		} else if p.limit == 0 || p.paid <= p.limit {
			addPayout(p.payouts, payout, false)
		}
	}
	for _, failure := range page.GetFailures() {
		p.failed++
		if json {
			if err := console.PrintJSON(failure); err != nil {
				return err
			}
		} else if p.limit == 0 || p.failed <= p.limit {
			addFailure(p.failures, failure)
		}
	}
	return nil
}

func (p *preview) print(console *cli.Console) {
	p.payouts.Print(console, "Nothing would be paid.")
	p.failures.PrintSection(console)
	console.Printf("\n")
	facts := []cli.Fact{{Name: "Payouts", Value: cli.Count(int64(p.paid))}}
	for _, currency := range slices.Sorted(maps.Keys(p.sums)) {
		facts = append(facts, cli.Fact{Name: "To pay " + currency, Value: cli.Grouped(p.sums[currency])})
	}
	console.PrintFacts(append(facts, cli.Fact{Name: "Failures", Value: cli.Count(int64(p.failed))}))
	noteMore(console, p.limit > 0 && (p.paid > p.limit || p.failed > p.limit), p.limit)
}
