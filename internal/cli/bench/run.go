package bench

import (
	"context"
	"fmt"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/client"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/sample"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

type payoutRun struct {
	PayDate string `arg:"" default:"2026-05-15" help:"The pay date, a 15th (default ${default})."`
	payoutFlags
}

// Help is printed below the flags' list by --help.
func (payoutRun) Help() string {
	return `Counts the plans that the run has done, those that it looked at and did not pay among them, and the time from its start to its end
by the service's clock. Each run is measured once: of one that exists already nothing is measured, and the exit status is 1.

    incentives bench run 2026-05-15`
}

// Run starts the run of a pay date, waits for its end, and prints how fast it was.
func (c *payoutRun) Run(ctx context.Context, console *cli.Console) error {
	conn, err := c.dial(c.Payoutsvc)
	if err != nil {
		return err
	}
	defer conn.Close()
	// On a console of its own, which shows no progress: that of the run is shown already.
	m := newMeter(&cli.Console{In: console.In, Out: console.Out, Err: console.Err}, "run", -1)
	run, err := c.pay(ctx, payoutv1.NewPayoutServiceClient(conn), console)
	if err != nil {
		return rpc.FromStatus(err)
	}
	m.lasted = run.GetFinishTime().AsTime().Sub(run.GetStartTime().AsTime())
	if m.lasted <= 0 {
		return fmt.Errorf("the run took %s by the clocks of the services, which differ", m.lasted)
	}
	m.count(run.GetPlansDone(), m.lasted, nil)
	return m.finish(c.JSON)
}

// pay starts a run that there was not, and returns it when it has succeeded. One that there was has paid what it has paid: started
// again it would do less, and one that is at work is not this start's.
func (c *payoutRun) pay(ctx context.Context, payouts payoutv1.PayoutServiceClient, console *cli.Console) (*payoutv1.PayoutRun, error) {
	parent := "programs/" + sample.Program
	run, err := payouts.GetPayoutRun(ctx, &payoutv1.GetPayoutRunRequest{Name: parent + "/payoutRuns/" + c.PayDate})
	if err == nil {
		return nil, fmt.Errorf("the run of %s exists already, and is %s: measure another pay date, or a store without it", c.PayDate, run.GetState())
	}
	if fault.KindOf(rpc.FromStatus(err)) != fault.NotFound {
		return nil, err
	}
	run, err = payouts.CreatePayoutRun(ctx, &payoutv1.CreatePayoutRunRequest{Parent: parent, PayoutRunId: c.PayDate})
	if err == nil {
		run, err = client.Watch(ctx, payouts, run, console)
	}
	if err == nil && run.GetState() != payoutv1.PayoutRun_SUCCEEDED {
		err = fmt.Errorf("the run is %s, with %d failures", run.GetState(), run.GetFailuresCount())
	}
	return run, err
}
