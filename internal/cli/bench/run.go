package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/client"
	"github.com/incentives-dev/incentives/plansvc/sample"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

type payoutRun struct {
	PayDate string `arg:"" default:"2026-05-15" help:"The pay date, a 15th (default ${default})."`
	payoutFlags
}

// Help is printed below the flags' list by --help.
func (payoutRun) Help() string {
	return `Counts the plans that the run looked at, and the time until it has ended.

    incentives bench run 2026-05-15`
}

// Run runs the payouts.
func (c *payoutRun) Run(ctx context.Context, console *cli.Console) error {
	conn, err := c.dial(c.Payoutsvc)
	if err != nil {
		return err
	}
	defer conn.Close()
	payouts := payoutv1.NewPayoutServiceClient(conn)
	// On a console of its own, which shows no progress: that of the run is shown already.
	m := newMeter(&cli.Console{In: console.In, Out: console.Out, Err: console.Err}, "run", -1)
	run, err := payouts.CreatePayoutRun(ctx, &payoutv1.CreatePayoutRunRequest{Parent: "programs/" + sample.Program, PayoutRunId: c.PayDate})
	if err == nil {
		run, err = client.Watch(ctx, payouts, run, console)
	}
	if err == nil && run.GetState() != payoutv1.PayoutRun_SUCCEEDED {
		err = fmt.Errorf("the run is %s, with %d failures", run.GetState(), run.GetFailuresCount())
	}
	// What has earned since the run was started is paid, and not in its total.
	m.count(max(run.GetPlansTotal(), run.GetPayoutsCount()), time.Since(m.began), err)
	return m.finish(c.JSON)
}
