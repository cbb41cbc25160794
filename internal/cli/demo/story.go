package demo

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/client"
	"github.com/incentives-dev/incentives/internal/name"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A story is one demo under way.
type story struct {
	console  *cli.Console
	plans    planv1.PlanServiceClient
	payouts  payoutv1.PayoutServiceClient
	partners []partner
}

// tell goes through the main job, and prints what happens.
func (s *story) tell(ctx context.Context) error {
	s.console.Printf("It is 14 May 2026, the day before pay day, in a copy of the product that goes away at the end.\n\n")
	chapters := []func(context.Context) error{s.setUp, s.earn, s.pay, s.state}
	for _, chapter := range chapters {
		if err := chapter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// setUp has the owner make a program, and partners and reviewers their plans.
func (s *story) setUp(ctx context.Context) error {
	began := time.Now()
	if err := createProgram(ctx, s.plans); err != nil {
		return err
	}
	s.console.Printf("1. The owner of the program %q pays partners from a co-op fund, by the calendar of %s.\n", program, zone)
	progress := s.console.Progress(int64(len(s.partners)), "writing plans")
	defer progress.Done()
	var written atomic.Int64
	if err := writePlans(ctx, s.plans, s.partners, func() { progress.Set(written.Add(1)) }); err != nil {
		return err
	}
	progress.Done()
	s.console.Printf("2. %s partners wrote a plan and submitted it, and a reviewer approved it with a monthly limit%s.\n",
		cli.Count(int64(len(s.partners))), since(began))
	return nil
}

// earn has an earnings system record April.
func (s *story) earn(ctx context.Context) error {
	began := time.Now()
	total := int64(len(s.partners) * earningsEach)
	progress := s.console.Progress(total, "recording earnings")
	defer progress.Done()
	if err := recordEarnings(ctx, s.payouts, s.partners, progress.Set); err != nil {
		return err
	}
	progress.Done()
	s.console.Printf("3. The partners' sales of April came in: %s earnings, each on disk before it was acknowledged%s.\n",
		cli.Count(total), since(began))
	return nil
}

// pay has an operator start the payout run.
func (s *story) pay(ctx context.Context) error {
	began := time.Now()
	run, err := s.payouts.CreatePayoutRun(ctx, &payoutv1.CreatePayoutRunRequest{Parent: "programs/" + program, PayoutRunId: payDate})
	if err != nil {
		return err
	}
	run, err = client.Watch(ctx, s.payouts, run, s.console)
	if err != nil {
		return err
	}
	if run.GetState() != payoutv1.PayoutRun_SUCCEEDED {
		return fmt.Errorf("the payout run is %s: %v", run.GetState(), run.GetFailures())
	}
	var paid []string
	for _, total := range run.GetPaidTotals() {
		paid = append(paid, cli.Money(total))
	}
	s.console.Printf("4. The payout run of 15 May made %s payouts, %s in all%s.\n",
		cli.Count(run.GetPayoutsCount()), strings.Join(paid, " and "), since(began))
	return nil
}

// state prints the statements of the rule book's examples, and what they say.
func (s *story) state(ctx context.Context) error {
	table := cli.Table{Title: "The statement of April, which is paid on 15 May:", Columns: []cli.Column{
		{Title: ""},
		{Title: "Plan"},
		{Title: "Currency"},
		{Title: "Earned", Right: true},
		{Title: "Limit", Right: true},
		{Title: "Paid", Right: true},
		{Title: "Withheld", Right: true},
	}}
	var meaning strings.Builder
	for _, p := range s.partners {
		if p.example == "" {
			continue
		}
		statement, err := s.payouts.GetStatement(ctx, &payoutv1.GetStatementRequest{Name: p.plan() + "/statements/" + month})
		if err != nil {
			return err
		}
		if want := min(p.earned, p.limit); statement.GetPaid().GetUnits() != want || statement.GetPaid().GetNanos() != 0 {
			return fmt.Errorf("%s: paid are %s, and the rule book says %d", p.example, cli.Money(statement.GetPaid()), want)
		}
		table.Add(p.example, name.ShortPlan(p.plan()), p.currency, cli.Amount(statement.GetEarned()), cli.Amount(statement.GetLimit()),
			cli.Amount(statement.GetPaid()), cli.Amount(statement.GetWithheldOverLimit()))
		meaning.WriteString(sentence(p, statement))
	}
	table.PrintSection(s.console)
	s.console.Printf("\n%s\n%s", meaning.String(), next)
	return nil
}

// sentence says what a statement means.
func sentence(p partner, statement *payoutv1.Statement) string {
	if p.earned <= p.limit {
		return fmt.Sprintf("%s: %s earned %s, which is within the limit of %s, so all of it is paid.\n",
			p.example, p.name, cli.Money(statement.GetEarned()), cli.Amount(statement.GetLimit()))
	}
	return fmt.Sprintf("%s: %s earned %s, so the limit of %s is paid; the %s above it are withheld, and not carried over.\n", p.example, p.name,
		cli.Money(statement.GetEarned()), cli.Amount(statement.GetLimit()), cli.Amount(statement.GetWithheldOverLimit()))
}

// next is what to try after the demo.
const next = `Try next: "incentives serve" starts the product on this machine, with its data in ./incentives-data, and the README
walks through example G1 there by hand; "incentives --help" lists what else there is.
`

// since is how long a chapter took, for a person.
func since(began time.Time) string {
	return fmt.Sprintf(" (%.1f s)", time.Since(began).Seconds())
}
