package payoutrpc

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// GetEarning returns one earning.
func (s *Service) GetEarning(ctx context.Context, request *payoutv1.GetEarningRequest) (*payoutv1.Earning, error) {
	var v fault.Violations
	values := rpc.Name(&v, "name", earningPattern, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	plan := planName(values[0], values[1])
	earning, err := s.Ledger.Earning(ctx, plan, values[2])
	if err != nil {
		return nil, err
	}
	return wireEarning(plan, earning), nil
}

// ListEarnings lists a plan's earnings by id.
func (s *Service) ListEarnings(ctx context.Context, request *payoutv1.ListEarningsRequest) (*payoutv1.ListEarningsResponse, error) {
	var v fault.Violations
	plan := request.GetParent()
	rpc.Name(&v, "parent", planPattern, plan)
	filter := listing.ParseFilter(&v, request.GetFilter(), listing.Schema{
		"earned_month": {}, "earn_time": {Time: true}, "record_time": {Time: true}, "description": {},
	})
	listed := []string{"earnings", plan, request.GetFilter()}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	query := ledger.EarningsQuery{Plan: plan, Page: page}
	if request.GetFilter() != "" {
		query.Keep = func(e payout.Earning) bool {
			return filter.Match(func(field string) any { return earningField(e, field) })
		}
	}
	earnings, next, err := s.Ledger.Earnings(ctx, query)
	if err == nil && len(earnings) == 0 {
		err = s.checkExists(ctx, plan) // no earning is another answer than no plan
	}
	if err != nil {
		return nil, err
	}
	response := &payoutv1.ListEarningsResponse{NextPageToken: listing.Token(next, listed...)}
	for _, e := range earnings {
		response.Earnings = append(response.Earnings, wireEarning(plan, e))
	}
	return response, nil
}

// earningField is what a filter's field holds in an earning.
func earningField(e payout.Earning, field string) any {
	switch field {
	case "earned_month":
		return e.Month.String()
	case "earn_time":
		return e.EarnTime
	case "record_time":
		return e.RecordTime
	default:
		return e.Description
	}
}
