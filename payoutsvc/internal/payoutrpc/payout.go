package payoutrpc

import (
	"context"
	"strings"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// GetPayout returns one payout.
func (s *Service) GetPayout(ctx context.Context, request *payoutv1.GetPayoutRequest) (*payoutv1.Payout, error) {
	var v fault.Violations
	plan, date := readPayout(&v, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := s.Ledger.Payout(ctx, plan, date)
	if err != nil {
		return nil, err
	}
	return wirePayout(p), nil
}

// ListPayouts lists payouts by name.
func (s *Service) ListPayouts(ctx context.Context, request *payoutv1.ListPayoutsRequest) (*payoutv1.ListPayoutsResponse, error) {
	var v fault.Violations
	values := rpc.Name(&v, "parent", anyPlanPattern, request.GetParent())
	filter := listing.ParseFilter(&v, request.GetFilter(), listing.Schema{
		"program": {}, "pay_date": {}, "reference": {}, "create_time": {Time: true}, "update_time": {Time: true},
		"state": {Values: []string{string(payout.Scheduled), string(payout.Paid), string(payout.Failed)}},
	})
	listed := []string{"payouts", request.GetParent(), request.GetFilter()}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	mpn := auth.From(ctx).Among(&v, "parent", strings.TrimPrefix(values[0], "-"))
	if err := v.Err(); err != nil {
		return nil, err
	}
	query := ledger.PayoutsQuery{
		Partner: mpn, Plan: strings.TrimPrefix(values[1], "-"),
		Page: page,
	}
	if request.GetFilter() != "" {
		narrow(&query, filter)
	}
	payouts, next, err := s.Ledger.Payouts(ctx, query)
	if err == nil && len(payouts) == 0 && query.Partner != "" && query.Plan != "" {
		err = s.checkExists(ctx, request.GetParent()) // no payout is another answer than no plan
	}
	if err != nil {
		return nil, err
	}
	response := &payoutv1.ListPayoutsResponse{NextPageToken: listing.Token(next, listed...)}
	for _, p := range payouts {
		response.Payouts = append(response.Payouts, wirePayout(p))
	}
	return response, nil
}

// narrow makes a query find only what a filter keeps, by an index where there is one.
func narrow(query *ledger.PayoutsQuery, filter listing.Filter) {
	query.Keep = func(p payout.Payout) bool {
		return filter.Match(func(field string) any { return payoutField(p, field) })
	}
	// A text that is no state, or no pay date, is left to Keep, which finds it nowhere.
	if state, ok := filter.Equals("state"); ok && payoutv1.Payout_State_value[state] != 0 {
		query.State = payout.State(state)
	}
	if text, ok := filter.Equals("pay_date"); ok {
		if date, err := payout.ParsePayDate(text); err == nil {
			query.PayDate = date
		}
	}
}

// payoutField is what a filter's field holds in a payout.
func payoutField(p payout.Payout, field string) any {
	switch field {
	case "program":
		return p.Program
	case "pay_date":
		return p.PayDate.String()
	case "state":
		return string(p.State)
	case "create_time":
		return p.CreateTime
	case "update_time":
		return p.UpdateTime
	default:
		return p.Reference
	}
}

// ConfirmPayout says that a payout's money was moved. Rule R6.
func (s *Service) ConfirmPayout(ctx context.Context, request *payoutv1.ConfirmPayoutRequest) (*payoutv1.Payout, error) {
	var v fault.Violations
	plan, date := readPayout(&v, request.GetName())
	payout.CheckReference(&v, "reference", request.GetReference())
	if err := v.Err(); err != nil {
		return nil, err
	}
	return s.update(ctx, plan, date, func(p *payout.Payout) error { return p.Confirm(request.GetReference(), s.Clock()) })
}

// FailPayout says that a payout's money could not be moved. Rule R6.
func (s *Service) FailPayout(ctx context.Context, request *payoutv1.FailPayoutRequest) (*payoutv1.Payout, error) {
	var v fault.Violations
	plan, date := readPayout(&v, request.GetName())
	payout.CheckReason(&v, "reason", request.GetReason())
	if err := v.Err(); err != nil {
		return nil, err
	}
	return s.update(ctx, plan, date, func(p *payout.Payout) error { return p.Fail(request.GetReason(), s.Clock()) })
}

// RetryPayout schedules a failed payout again. Rule R6.
func (s *Service) RetryPayout(ctx context.Context, request *payoutv1.RetryPayoutRequest) (*payoutv1.Payout, error) {
	var v fault.Violations
	plan, date := readPayout(&v, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	return s.update(ctx, plan, date, func(p *payout.Payout) error { return p.Retry(s.Clock()) })
}

func (s *Service) update(
	ctx context.Context, plan string, date payout.PayDate, rule func(*payout.Payout) error,
) (*payoutv1.Payout, error) {
	p, err := s.Ledger.UpdatePayout(ctx, plan, date, rule)
	if err != nil {
		return nil, err
	}
	return wirePayout(p), nil
}
