package payoutrpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// CreatePayoutRun starts a run, or starts it again, and gives it a moment to
// finish. The run goes on when the call is over. Rule R1.
func (s *Service) CreatePayoutRun(ctx context.Context, request *payoutv1.CreatePayoutRunRequest) (*payoutv1.PayoutRun, error) {
	var v fault.Violations
	rpc.Name(&v, "parent", programPattern, request.GetParent())
	if request.GetPayoutRunId() == "" {
		v.Add("payout_run_id", "FIELD_REQUIRED", "is required: the pay date, yyyy-mm-15")
	}
	name := ledger.RunName{Program: request.GetParent(), PayDate: readPayDate(&v, "payout_run_id", request.GetPayoutRunId())}
	if err := v.Err(); err != nil {
		return nil, err
	}
	program, err := s.Terms.Program(ctx, name.Program)
	if err != nil {
		return nil, err
	}
	now := s.Clock()
	if err := name.PayDate.CanRun(program.Zone, now); err != nil {
		return nil, err
	}
	if _, err := s.Ledger.Start(ctx, ledger.StartRequest{RunName: name, Now: now}); err != nil {
		return nil, err
	}
	patient, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	select {
	case <-s.Runner.Resume(name):
	case <-patient.Done():
	}
	return s.run(ctx, name)
}

// GetPayoutRun returns one run.
func (s *Service) GetPayoutRun(ctx context.Context, request *payoutv1.GetPayoutRunRequest) (*payoutv1.PayoutRun, error) {
	var v fault.Violations
	name := readRun(&v, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	return s.run(ctx, name)
}

func (s *Service) run(ctx context.Context, name ledger.RunName) (*payoutv1.PayoutRun, error) {
	run, err := s.Ledger.Run(ctx, name)
	if err != nil {
		return nil, err
	}
	return wireRun(run), nil
}

// ListPayoutRuns lists a program's runs by pay date.
func (s *Service) ListPayoutRuns(
	ctx context.Context, request *payoutv1.ListPayoutRunsRequest,
) (*payoutv1.ListPayoutRunsResponse, error) {
	var v fault.Violations
	rpc.Name(&v, "parent", programPattern, request.GetParent())
	listed := []string{"payoutRuns", request.GetParent()}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	runs, next, err := s.Ledger.Runs(ctx, ledger.RunsQuery{Program: request.GetParent(), Page: page})
	if err == nil && len(runs) == 0 {
		_, err = s.Terms.Program(ctx, request.GetParent()) // no run is another answer than no program
	}
	if err != nil {
		return nil, err
	}
	response := &payoutv1.ListPayoutRunsResponse{NextPageToken: listing.Token(next, listed...)}
	for _, run := range runs {
		response.PayoutRuns = append(response.PayoutRuns, wireRun(run))
	}
	return response, nil
}

// WatchPayoutRun sends a run as it is, and again whenever it has moved on, until
// it is done. Rule R5.
func (s *Service) WatchPayoutRun(
	request *payoutv1.WatchPayoutRunRequest, stream grpc.ServerStreamingServer[payoutv1.PayoutRun],
) error {
	var v fault.Violations
	name := readRun(&v, request.GetName())
	if err := v.Err(); err != nil {
		return err
	}
	ctx := stream.Context()
	for sent := (*payoutv1.PayoutRun)(nil); ; {
		run, err := s.run(ctx, name)
		if err != nil {
			return err
		}
		if !proto.Equal(run, sent) {
			if err := stream.Send(run); err != nil {
				return err
			}
			sent = run
		}
		if run.GetState() != payoutv1.PayoutRun_RUNNING {
			return nil
		}
		if err := s.pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits until it is time to look again. It fails when there is none.
func (s *Service) pause(ctx context.Context) error {
	interval, cancel := context.WithTimeout(ctx, s.WatchInterval)
	defer cancel()
	select {
	case <-interval.Done():
		return ctx.Err()
	case <-s.Drain:
		return rpc.Draining()
	}
}
