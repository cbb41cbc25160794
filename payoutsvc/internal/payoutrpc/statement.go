package payoutrpc

import (
	"context"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// GetStatement returns the statement of one month of the plan's program year. Rule C2.
func (s *Service) GetStatement(ctx context.Context, request *payoutv1.GetStatementRequest) (*payoutv1.Statement, error) {
	var v fault.Violations
	values := rpc.Name(&v, "name", statementPattern, request.GetName())
	var month payout.Month
	if text := values[2]; text != "" {
		if err := month.UnmarshalText([]byte(text)); err != nil {
			v.Add("name", "MONTH_MALFORMED", "%.80q is not a month in the form yyyy-mm", text)
		}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	terms, err := s.termsOf(ctx, planName(values[0], values[1]))
	if err != nil {
		return nil, err
	}
	if !terms.InYear(month) {
		return nil, fault.New(fault.NotFound, "STATEMENT_NOT_FOUND", "the program year of %s does not reach into %s", terms.Plan, month)
	}
	totals, err := s.Ledger.Totals(ctx, &terms, month)
	if err != nil {
		return nil, err
	}
	return wireStatement(terms, totals[0]), nil
}

// ListStatements lists the statements of the months that have earnings or were paid.
func (s *Service) ListStatements(
	ctx context.Context, request *payoutv1.ListStatementsRequest,
) (*payoutv1.ListStatementsResponse, error) {
	var v fault.Violations
	plan := request.GetParent()
	rpc.Name(&v, "parent", planPattern, plan)
	listed := []string{"statements", plan}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	terms, err := s.termsOf(ctx, plan)
	if err != nil {
		return nil, err
	}
	totals, err := s.Ledger.AllTotals(ctx, &terms)
	if err != nil {
		return nil, err
	}
	totals, after := listing.Slice(totals, page, func(t payout.Totals) string { return t.Month.String() })
	response := &payoutv1.ListStatementsResponse{NextPageToken: listing.Token(after, listed...)}
	for _, month := range totals {
		response.Statements = append(response.Statements, wireStatement(terms, month))
	}
	return response, nil
}

// termsOf returns a plan's terms as they are now.
func (s *Service) termsOf(ctx context.Context, plan string) (payout.Terms, error) {
	answers, err := s.Terms.PlanTerms(ctx, []string{plan})
	if err != nil {
		return payout.Terms{}, err
	}
	return answers[0].Terms, answers[0].Err
}

// checkExists fails with PLAN_NOT_FOUND where there is no such plan. There is one
// also where its terms cannot be understood.
func (s *Service) checkExists(ctx context.Context, plan string) error {
	if _, err := s.termsOf(ctx, plan); fault.ReasonOf(err) != terms.Unreadable {
		return err
	}
	return nil
}
