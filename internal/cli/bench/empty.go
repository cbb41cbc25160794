package bench

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

type empty struct {
	Listen string `env:"-" default:"127.0.0.1:9102" placeholder:"HOST:PORT" help:"Where to listen (default ${default})."`
}

// Help is printed below the flags' list by --help.
func (empty) Help() string {
	return `It answers RecordEarning and StreamEarnings at once, and records nothing: what is left is gRPC and the load generator.

    incentives bench empty &
    incentives bench api record --payoutsvc 127.0.0.1:9102`
}

// Run serves until it is told to end.
func (c *empty) Run(ctx context.Context, console *cli.Console) error {
	listener, err := rpc.Listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	console.Printf("empty      %s\n", listener.Addr())
	server := rpc.Server{
		Name: "empty", Listener: listener, Guard: auth.Open(), Ready: func(context.Context) error { return nil }, Drain: make(chan struct{}),
		Deadline: time.Second, Log: slog.New(slog.DiscardHandler),
		Register: func(r grpc.ServiceRegistrar) { payoutv1.RegisterPayoutServiceServer(r, emptyPayouts{}) },
	}
	return server.Serve(ctx)
}

// emptyPayouts has handlers that do nothing.
type emptyPayouts struct {
	payoutv1.UnimplementedPayoutServiceServer
}

// RecordEarning returns the earning as it came.
func (emptyPayouts) RecordEarning(_ context.Context, request *payoutv1.RecordEarningRequest) (*payoutv1.Earning, error) {
	return request.GetEarning(), nil
}

// StreamEarnings says that all was recorded.
func (emptyPayouts) StreamEarnings(stream grpc.BidiStreamingServer[payoutv1.StreamEarningsRequest, payoutv1.StreamEarningsResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response := &payoutv1.StreamEarningsResponse{}
		for range request.GetEarnings() {
			response.Outcomes = append(response.Outcomes, &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_RECORDED})
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}
