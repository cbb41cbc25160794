package payoutrpc

import (
	"cmp"
	"context"

	"google.golang.org/grpc/codes"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// RecordEarning records one earning. Rules E1, E2, E4, E5, E6, E7.
func (s *Service) RecordEarning(ctx context.Context, request *payoutv1.RecordEarningRequest) (*payoutv1.Earning, error) {
	var v fault.Violations
	one := make([]attempt, 1)
	a, parent := &one[0], request.GetParent()
	if rpc.Name(&v, "parent", planPattern, parent)[0] != "" {
		a.plan = parent
	}
	a.read(request.GetEarningId(), request.GetEarning())
	if given := request.GetEarning().GetName(); given != "" && given != earningName(parent, request.GetEarningId()) {
		a.violations.Add("name", "FIELD_OUTPUT_ONLY", "is derived from parent and earning_id, and cannot be another")
	}
	s.record(ctx, one)
	if request.GetEarning() == nil {
		v.Add("earning", "FIELD_REQUIRED", "is required")
	}
	for _, violation := range a.violations.List() {
		switch {
		case violation.Reason == "ID_MALFORMED":
			relay(&v, "earning_id", violation)
		case request.GetEarning() != nil:
			relay(&v, "earning."+violation.Path, violation)
		}
	}
	if err := cmp.Or(v.Err(), a.err); err != nil {
		return nil, err
	}
	wire := wireEarning(parent, a.earning)
	wire.Duplicate = a.duplicate
	return wire, nil
}

// BatchRecordEarnings records earnings, each with an outcome of its own. Rule E3.
func (s *Service) BatchRecordEarnings(
	ctx context.Context, request *payoutv1.BatchRecordEarningsRequest,
) (*payoutv1.BatchRecordEarningsResponse, error) {
	if err := s.Ledger.Busy(ctx); err != nil {
		return nil, err
	}
	attempts, err := readBatch(request.GetEarnings())
	if err != nil {
		return nil, err
	}
	s.record(ctx, attempts)
	outcomes, err := s.outcomes(ctx, attempts)
	if err != nil {
		return nil, err
	}
	return &payoutv1.BatchRecordEarningsResponse{Outcomes: outcomes}, nil
}

// readBatch reads the earnings of a batch. It fails where there are none, or too many.
func readBatch(earnings []*payoutv1.Earning) ([]attempt, error) {
	var v fault.Violations
	switch n := len(earnings); {
	case n == 0:
		v.Add("earnings", "BATCH_EMPTY", "holds no earning")
	case n > ledger.LargestBatch:
		v.Add("earnings", "BATCH_TOO_LARGE", "holds %d earnings; at most %d are taken", n, ledger.LargestBatch)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	attempts := make([]attempt, len(earnings))
	for i, wire := range earnings {
		a := &attempts[i]
		plan, id, ok := splitEarning(wire.GetName())
		if ok {
			a.plan = plan
		} else {
			rpc.Name(&a.violations, "name", earningPattern, wire.GetName())
		}
		a.read(id, wire)
	}
	return attempts, nil
}

// outcomes says what became of attempts, each in its place. It fails where nothing did, since
// everything that they need is out.
func (s *Service) outcomes(ctx context.Context, attempts []attempt) ([]*payoutv1.EarningOutcome, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err() // what became of some of them is not known
	}
	wires, outcomes := make([]payoutv1.EarningOutcome, len(attempts)), make([]*payoutv1.EarningOutcome, len(attempts))
	var outage, defect error
	var month payout.Month
	var monthText string
	unavailable := 0
	for i := range attempts {
		a, outcome := &attempts[i], &wires[i]
		outcomes[i] = outcome
		if err := cmp.Or(a.invalid(i), a.err); err != nil {
			status, hidden := rpc.Status(err)
			if status.Code() == codes.Unavailable {
				unavailable++
				outage = err
			}
			if hidden {
				defect = err
			}
			outcome.State, outcome.Status = payoutv1.EarningOutcome_REJECTED, status.Proto()
			continue
		}
		if a.earning.Month != month {
			month, monthText = a.earning.Month, a.earning.Month.String()
		}
		outcome.State, outcome.EarnedMonth = payoutv1.EarningOutcome_RECORDED, monthText
		if a.duplicate {
			outcome.State = payoutv1.EarningOutcome_DUPLICATE
		}
	}
	if unavailable == len(attempts) {
		return nil, outage
	}
	if defect != nil {
		s.Log.ErrorContext(ctx, "earnings were not recorded", "of", len(attempts), "one error", defect)
	}
	return outcomes, nil
}

// invalid is the error that the attempt's violations make, as the earning of a
// request that stands at place i; nil where there are none.
func (a *attempt) invalid(i int) error {
	if len(a.violations.List()) == 0 {
		return nil
	}
	var v fault.Violations
	at := v.At("earnings", i)
	for _, violation := range a.violations.List() {
		relay(at, violation.Path, violation)
	}
	return v.Err()
}
