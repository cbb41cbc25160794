package client

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/name"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

type runPayouts struct {
	Program string `arg:"" help:"The program, such as azure."`
	PayDate string `arg:"" help:"The pay date, a 15th, such as 2026-05-15; not before its month has begun."`
	payoutFlags
}

// Help is printed below the flags' list by --help.
func (runPayouts) Help() string {
	return `Running it again is safe: no plan is paid twice, and plans that failed are tried again. The run goes on in the
service when this command is interrupted; run it again to watch.

Exit status 2 where plans could not be paid; they are listed with the reason, and the others are paid.

    incentives payouts run azure 2026-05-15`
}

// Run runs the payouts.
func (c *runPayouts) Run(ctx context.Context, console *cli.Console) error {
	payouts, service, err := c.dial()
	if err != nil {
		return err
	}
	defer service.close()
	run, err := call(ctx, service, payouts.CreatePayoutRun, &payoutv1.CreatePayoutRunRequest{
		Parent: name.Program(c.Program), PayoutRunId: c.PayDate,
	})
	if err != nil {
		return err
	}
	run, err = Watch(ctx, payouts, run, console)
	if err != nil {
		console.Notef("The run goes on in the service; running this again is safe, and watches it.")
		return service.explain(err)
	}
	if c.JSON {
		err = console.PrintJSON(run)
	} else {
		printRun(console, run)
	}
	if err == nil && run.GetState() != payoutv1.PayoutRun_SUCCEEDED {
		return cli.ErrPartial
	}
	return err
}

const (
	// watchAttempts is how often in a row a watch is begun anew that shows nothing.
	watchAttempts = 10
	// firstPause is how long is waited before; it doubles each time, up to longestPause.
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// Watch shows a run's progress until it is no longer RUNNING, and returns it.
func Watch(
	ctx context.Context, payouts payoutv1.PayoutServiceClient, run *payoutv1.PayoutRun, console *cli.Console,
) (*payoutv1.PayoutRun, error) {
	progress := console.Progress(run.GetPlansTotal(), "paying plans")
	defer progress.Done()
	for attempt := 0; run.GetState() == payoutv1.PayoutRun_RUNNING; attempt++ {
		stream, err := payouts.WatchPayoutRun(ctx, &payoutv1.WatchPayoutRunRequest{Name: run.GetName()})
		for err == nil && run.GetState() == payoutv1.PayoutRun_RUNNING {
			var next *payoutv1.PayoutRun
			if next, err = stream.Recv(); err == nil {
				run, attempt = next, 0
				progress.Total(run.GetPlansTotal())
				progress.Set(run.GetPlansDone())
			}
		}
		if err == nil {
			break
		}
		if !errors.Is(err, io.EOF) && fault.KindOf(rpc.FromStatus(err)) != fault.Unavailable || attempt >= watchAttempts {
			return run, err
		}
		if err := pause(ctx, min(firstPause<<attempt, longestPause)); err != nil {
			return run, err
		}
	}
	return run, nil
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func printRun(console *cli.Console, run *payoutv1.PayoutRun) {
	facts := []cli.Fact{
		{Name: "Program", Value: name.ProgramOf(run.GetName())},
		{Name: "Pay date", Value: cli.Date(run.GetPayDate())},
		{Name: "State", Value: run.GetState().String()},
		{Name: "Plans", Value: plansDone(run)},
		{Name: "Payouts", Value: cli.Count(run.GetPayoutsCount())},
	}
	for _, total := range run.GetPaidTotals() {
		facts = append(facts, cli.Fact{Name: "Paid " + total.GetCurrencyCode(), Value: cli.Amount(total)})
	}
	console.PrintFacts(append(facts, cli.Fact{Name: "Failures", Value: cli.Count(run.GetFailuresCount())}))
	failures := failureTable()
	for _, failure := range run.GetFailures() {
		addFailure(failures, failure)
	}
	failures.PrintSection(console)
	if more := run.GetFailuresCount() - int64(failures.Len()); more > 0 {
		console.Printf("… and %s more\n", cli.Count(more))
	}
}

// plansDone says how far a run is since it was last started; then the plans are
// counted that are not settled, and of a run that is through, none is.
func plansDone(run *payoutv1.PayoutRun) string {
	if run.GetPlansTotal() == 0 {
		return "none left to pay"
	}
	return cli.Count(run.GetPlansDone()) + " of " + cli.Count(run.GetPlansTotal())
}

func failureTable() *cli.Table {
	return &cli.Table{Title: "Plans that could not be paid", Columns: []cli.Column{{Title: "Plan"}, {Title: "Reason"}, {Title: "Why"}}}
}

func addFailure(table *cli.Table, failure *payoutv1.PayoutRun_Failure) {
	table.Add(name.ShortPlan(failure.GetPlan()), failure.GetReason(), failure.GetMessage())
}
