package bench

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

type empty struct {
	Listen string `env:"-" default:"127.0.0.1:9102" placeholder:"HOST:PORT" help:"Where to listen (default ${default})."`
}

// Help is printed below the flags' list by --help.
func (empty) Help() string {
	return `It answers RecordEarning and StreamEarnings at once, and records nothing: it is a plain gRPC server, without what our services have
around a call, so what is left is gRPC and the load generator.

    incentives bench empty &
    incentives bench api record --payoutsvc 127.0.0.1:9102`
}

// Run serves until it is told to end, and cuts off what is in flight then.
func (c *empty) Run(ctx context.Context, console *cli.Console) error {
	listener, err := rpc.Listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	server := grpc.NewServer() // not one of ours: the checks that ours makes are a part of what is compared with this
	payoutv1.RegisterPayoutServiceServer(server, emptyPayouts{})
	console.Printf("empty      %s\n", listener.Addr())
	defer context.AfterFunc(ctx, server.Stop)()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("empty on %s: %w", listener.Addr(), err)
	}
	return nil
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
