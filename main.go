// Command incentives is the whole product: its services, its demo and its
// client. What it does is told by `incentives --help`, and done by the packages
// below internal/cli.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // so that a program's time zone is known on every machine

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/bench"
	"github.com/incentives-dev/incentives/internal/cli/client"
	"github.com/incentives-dev/incentives/internal/cli/demo"
	"github.com/incentives-dev/incentives/internal/cli/serve"
	"github.com/incentives-dev/incentives/internal/cli/storage"
)

// commands are what there is to choose from.
type commands struct {
	Demo  demo.Demo   `cmd:"" help:"Show the main job, from a plan to its payout, in some seconds; leaves nothing behind."`
	Serve serve.Serve `cmd:"" help:"Start the whole product in one process on this machine."`

	Plansvc   serve.Plansvc   `cmd:"" help:"Start the plan service alone, for a deployment of several processes."`
	Payoutsvc serve.Payoutsvc `cmd:"" help:"Start the payout service alone."`
	Gateway   serve.Gateway   `cmd:"" help:"Start the JSON gateway alone."`

	Earnings  client.Earnings  `cmd:"" help:"Import earnings, and look after those that came in streams and can't be recorded."`
	Payouts   client.Payouts   `cmd:"" help:"Preview and run payouts, and say what became of them."`
	Plans     client.Plans     `cmd:"" help:"List and show plans."`
	Statement client.Statement `cmd:"" help:"Show what a plan earned, and what of it is paid and due, by month."`

	Store storage.Store `cmd:"" help:"Move a store."`
	Bench bench.Bench   `cmd:"" help:"Measure how fast a deployment is."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second signal ends the process at once
	os.Exit(cli.Run(ctx, &commands{}, os.Args[1:], cli.SystemConsole()))
}
