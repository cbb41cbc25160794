package payoutrpc

import (
	"time"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"

	"google.golang.org/genproto/googleapis/type/date"
)

func wireEarning(plan string, e payout.Earning) *payoutv1.Earning {
	return &payoutv1.Earning{
		Name:        earningName(plan, e.ID),
		Amount:      money.ToWire(e.Amount),
		EarnTime:    rpc.WireTime(e.EarnTime),
		Description: e.Description,
		EarnedMonth: e.Month.String(),
		RecordTime:  rpc.WireTime(e.RecordTime),
	}
}

// wireStatement works out where a month of a plan stands. Rules C2, C5.
func wireStatement(terms payout.Terms, totals payout.Totals) *payoutv1.Statement {
	statement := terms.Statement(totals)
	return &payoutv1.Statement{
		Name:              terms.Plan + "/statements/" + statement.Month.String(),
		Earned:            money.ToWire(statement.Earned),
		Limit:             money.ToWire(statement.Limit),
		Payable:           money.ToWire(statement.Payable),
		WithheldOverLimit: money.ToWire(statement.Withheld),
		Paid:              money.ToWire(statement.Paid),
		Due:               money.ToWire(statement.Due),
		PayDate:           wirePayDate(statement.Month.PayDate()),
		PlanApproved:      terms.Approved,
	}
}

func wirePayout(p payout.Payout) *payoutv1.Payout {
	wire := &payoutv1.Payout{
		Name:          p.Plan + "/payouts/" + p.PayDate.String(),
		Program:       p.Program,
		PayDate:       wirePayDate(p.PayDate),
		Amount:        money.ToWire(p.Amount),
		State:         payoutv1.Payout_State(payoutv1.Payout_State_value[string(p.State)]),
		Reference:     p.Reference,
		FailureReason: p.FailureReason,
		CreateTime:    rpc.WireTime(p.CreateTime),
		UpdateTime:    rpc.WireTime(p.UpdateTime),
	}
	for _, line := range p.Lines {
		wire.Lines = append(wire.Lines, &payoutv1.Payout_Line{
			EarnedMonth: line.Month.String(),
			Earned:      money.ToWire(line.Earned),
			Limit:       money.ToWire(line.Limit),
			Amount:      money.ToWire(line.Amount),
		})
	}
	return wire
}

func wireRun(run ledger.Run) *payoutv1.PayoutRun {
	wire := &payoutv1.PayoutRun{
		Name:          run.Program + "/payoutRuns/" + run.PayDate.String(),
		PayDate:       wirePayDate(run.PayDate),
		State:         payoutv1.PayoutRun_State(payoutv1.PayoutRun_State_value[string(run.State)]),
		PlansTotal:    run.PlansTotal,
		PlansDone:     run.PlansDone,
		PayoutsCount:  run.PayoutsCount,
		FailuresCount: run.FailuresCount,
		Failures:      wireFailures(run.Failures),
		CreateTime:    rpc.WireTime(run.CreateTime),
		StartTime:     rpc.WireTime(run.StartTime),
		FinishTime:    rpc.WireTime(run.FinishTime),
	}
	for _, total := range run.PaidTotals {
		wire.PaidTotals = append(wire.PaidTotals, money.ToWire(total))
	}
	return wire
}

func wireFailures(failures []ledger.Failure) []*payoutv1.PayoutRun_Failure {
	var wire []*payoutv1.PayoutRun_Failure
	for _, f := range failures {
		wire = append(wire, &payoutv1.PayoutRun_Failure{Plan: f.Plan, Reason: f.Reason, Message: f.Message})
	}
	return wire
}

func wirePayDate(d payout.PayDate) *date.Date { return rpc.WireDate(d.Start(time.UTC)) }
