package payoutrpc

import (
	"context"
	"strconv"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// PreviewPayoutRun computes what a run would pay now, and writes nothing. Rule R4.
func (s *Service) PreviewPayoutRun(
	ctx context.Context, request *payoutv1.PreviewPayoutRunRequest,
) (*payoutv1.PreviewPayoutRunResponse, error) {
	var v fault.Violations
	program, plan := request.GetParent(), request.GetPlan()
	known := rpc.Name(&v, "parent", programPattern, program)[0] != ""
	date := readWirePayDate(&v, request)
	if plan != "" && rpc.Name(&v, "plan", planPattern, plan)[0] != "" && known && programOf(plan) != program {
		v.Add("plan", "PLAN_OF_OTHER_PROGRAM", "is a plan of %s", programOf(plan))
	}
	listed := []string{"preview", program, plan, strconv.Itoa(int(date))}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	if _, err := s.Terms.Program(ctx, program); err != nil {
		return nil, err
	}
	if plan != "" {
		if err := s.checkExists(ctx, plan); err != nil {
			return nil, err // nothing to pay is another answer than no plan
		}
	}
	preview, err := s.Ledger.Preview(ctx, s.Terms, ledger.PreviewQuery{
		RunName: ledger.RunName{Program: program, PayDate: date}, Plan: plan, Now: s.Clock(), Page: page,
	})
	if err != nil {
		return nil, err
	}
	response := &payoutv1.PreviewPayoutRunResponse{
		Failures: wireFailures(preview.Failures), NextPageToken: listing.Token(preview.After, listed...),
	}
	for _, p := range preview.Payouts {
		p.State, p.CreateTime, p.UpdateTime = "", time.Time{}, time.Time{} // there is none yet
		response.Payouts = append(response.Payouts, wirePayout(p))
	}
	return response, nil
}

// readWirePayDate reads pay_date, and records in v that it is absent, or no 15th.
func readWirePayDate(v *fault.Violations, request *payoutv1.PreviewPayoutRunRequest) payout.PayDate {
	if request.GetPayDate() == nil {
		v.Add("pay_date", "FIELD_REQUIRED", "is required: a 15th")
		return 0
	}
	day := rpc.Date(v, "pay_date", request.GetPayDate())
	if day.IsZero() {
		return 0
	}
	return readPayDate(v, "pay_date", day.Format(time.DateOnly))
}
