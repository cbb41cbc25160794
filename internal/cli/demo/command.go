package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/serve"
	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// Demo is the command `demo`. It has no flags: it is for somebody who does not
// know yet what there is to choose.
type Demo struct{}

// Help is printed below the flags' list by --help.
func (Demo) Help() string {
	return `Starts the product on free ports and an empty store, has 250 partners write plans and earn for a month, pays them, and
prints what two of them get, and why. It takes some seconds, and leaves nothing behind.

    incentives demo`
}

// Run runs the demo.
func (Demo) Run(ctx context.Context, console *cli.Console) (err error) {
	signal.Ignore(syscall.SIGPIPE) // as behind `| head`: it would end the process with its folder left behind
	folder, err := os.MkdirTemp("", "incentives-demo-")
	if err != nil {
		return fmt.Errorf("a folder for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()

	running, stop := context.WithCancel(ctx)
	defer stop()
	told := make(chan error, 1)
	const anyPort = "127.0.0.1:0"
	system := serve.System{
		Listen: anyPort, Plansvc: anyPort, Payoutsvc: anyPort,
		PlanStore: "pebble:" + filepath.Join(folder, "plansvc"), PayoutStore: "pebble:" + filepath.Join(folder, "payoutsvc"),
		ShutdownTimeout: 3 * time.Second,
		Clock:           clock.StartingAt(now()),
		Log:             slog.New(slog.NewTextHandler(console.Err, &slog.HandlerOptions{Level: slog.LevelError})),
		Listening:       func(string, string) {},
		Ready: func(at serve.Addresses) {
			told <- tell(running, console, at)
			stop()
		},
	}
	if err := system.Run(running); err != nil {
		return err
	}
	select {
	case err := <-told:
		return err
	default:
		return ctx.Err() // interrupted
	}
}

// tell tells the story against a system.
func tell(ctx context.Context, console *cli.Console, at serve.Addresses) error {
	plans, err := rpc.Dial(at.Plansvc)
	if err != nil {
		return err
	}
	defer plans.Close()
	payouts, err := rpc.Dial(at.Payoutsvc)
	if err != nil {
		return err
	}
	defer payouts.Close()
	s := story{
		console: console, partners: partners(),
		plans: planv1.NewPlanServiceClient(plans), payouts: payoutv1.NewPayoutServiceClient(payouts),
	}
	return rpc.FromStatus(s.tell(ctx))
}
