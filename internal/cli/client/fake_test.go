package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// serve starts a gRPC server on loopback for the test, and returns its address.
func serve(t *testing.T, register func(*grpc.Server)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	register(server)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// refuse is err as a service answers it.
func refuse(err error) error {
	s, _ := rpc.Status(err)
	return s.Err()
}

func usd(units int64) *moneypb.Money { return &moneypb.Money{CurrencyCode: "USD", Units: units} }

// day is one of 2026.
func day(month, day int32) *date.Date { return &date.Date{Year: 2026, Month: month, Day: day} }

func at(month time.Month, day int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, month, day, 9, 30, 0, 0, time.UTC))
}

const (
	contoso  = "partners/contoso/plans/azure.coop.fy26"
	fabrikam = "partners/fabrikam/plans/azure.coop.fy26"
)

// fakePlans answers with two plans: one with everything in it, one bare.
type fakePlans struct {
	planv1.UnimplementedPlanServiceServer
}

func fullPlan() *planv1.Plan {
	return &planv1.Plan{
		Name: contoso, Program: "programs/azure", FundType: "coop", ProgramYear: "fy26",
		DisplayName: "Contoso grows \x1b[31mred", Description: "Webinars\nand more", Market: "US", CurrencyCode: "USD",
		ReviewerEmail: "ana@owner.example", RequestedLimit: usd(10_000), State: planv1.Plan_APPROVED,
		Limits: []*planv1.Plan_Limit{
			{EffectiveMonth: "2025-07", Amount: usd(10_000)}, {EffectiveMonth: "2026-05", Amount: usd(20_000)},
		},
		PendingLimitChange: &planv1.LimitChange{NewLimit: usd(30_000), Reason: "a good year"},
		Campaigns: []*planv1.Campaign{{
			DisplayName: "Spring", StartDate: day(3, 1), EndDate: day(6, 30),
			Activities: []*planv1.Activity{{
				DisplayName: "Webinars", ActivityType: "webinar", RegionCodes: []string{"US", "CA"},
				StartDate: day(4, 1), EndDate: day(4, 30), PlannedCost: &moneypb.Money{CurrencyCode: "USD", Units: 2500, Nanos: 500_000_000},
			}},
		}},
		CreateTime: at(3, 1), UpdateTime: at(4, 20), SubmitTime: at(3, 2), FirstSubmitTime: at(3, 2), DecideTime: at(3, 3),
		DecisionComment: "A good plan.", ResubmitDeadline: day(9, 28), Etag: "7-abc",
	}
}

func (fakePlans) GetPlan(_ context.Context, request *planv1.GetPlanRequest) (*planv1.Plan, error) {
	switch request.GetName() {
	case contoso:
	case fabrikam:
		return &planv1.Plan{
			Name: fabrikam, Program: "programs/azure", FundType: "coop", ProgramYear: "fy26", DisplayName: "Fabrikam",
			State: planv1.Plan_REJECTED, DecisionComment: "Too dear.", ResubmitDeadline: day(9, 28),
		}, nil
	default:
		return nil, refuse(fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is no plan %s", request.GetName()))
	}
	return fullPlan(), nil
}

// ListPlans has pages of one plan each.
func (fakePlans) ListPlans(_ context.Context, request *planv1.ListPlansRequest) (*planv1.ListPlansResponse, error) {
	if request.GetOrderBy() == "nonsense" {
		var v fault.Violations
		v.Add("filter", "FILTER_INVALID", "is not closed")
		v.Add("order_by", "ORDER_BY_INVALID", "%q is no field", request.GetOrderBy())
		return nil, refuse(v.Err())
	}
	if request.GetParent() == "partners/nobody" {
		return &planv1.ListPlansResponse{}, nil
	}
	if request.GetPageToken() == "" {
		return &planv1.ListPlansResponse{Plans: []*planv1.Plan{fullPlan()}, NextPageToken: "2"}, nil
	}
	return &planv1.ListPlansResponse{Plans: []*planv1.Plan{{Name: fabrikam, DisplayName: "Fabrikam", State: planv1.Plan_EDITING}}}, nil
}

func (fakePlans) ListPlanEvents(_ context.Context, request *planv1.ListPlanEventsRequest) (*planv1.ListPlanEventsResponse, error) {
	name := request.GetParent() + "/events/"
	return &planv1.ListPlanEventsResponse{PlanEvents: []*planv1.PlanEvent{
		{Name: name + "1", Time: at(3, 1), Actor: "local", Action: planv1.PlanEvent_CREATE_PLAN, ToState: planv1.Plan_EDITING},
		{
			Name: name + "2", Time: at(3, 3), Actor: "ana", Action: planv1.PlanEvent_APPROVE_PLAN, FromState: planv1.Plan_UNDER_REVIEW,
			ToState: planv1.Plan_APPROVED, Comment: "A good plan.", Limit: usd(10_000), EffectiveMonth: "2025-07",
		},
	}}, nil
}

// fakePayouts keeps earnings, and answers everything else from fixed data.
type fakePayouts struct {
	payoutv1.UnimplementedPayoutServiceServer

	mu       sync.Mutex
	earnings map[string]*payoutv1.Earning
	// cut ends each stream, when this many batches were stored and one fewer answered.
	cut int
	// watches counts calls of WatchPayoutRun.
	watches int
}

func (f *fakePayouts) StreamEarnings(stream payoutv1.PayoutService_StreamEarningsServer) error {
	for batches := 1; ; batches++ {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response := &payoutv1.StreamEarningsResponse{}
		for i, earning := range request.GetEarnings() {
			response.Outcomes = append(response.Outcomes, f.record(i, earning))
		}
		if f.cut > 0 && batches == f.cut {
			return refuse(fault.New(fault.Unavailable, "SERVER_STOPPING", "the server is stopping"))
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func (f *fakePayouts) record(i int, earning *payoutv1.Earning) *payoutv1.EarningOutcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	rejected := func(err error) *payoutv1.EarningOutcome {
		s, _ := rpc.Status(err)
		return &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_REJECTED, Status: s.Proto()}
	}
	if earning.GetAmount().GetCurrencyCode() != "USD" {
		var v fault.Violations
		v.At("earnings", i).Add("amount", "CURRENCY_MISMATCH", "is in %s, and the plan in USD", earning.GetAmount().GetCurrencyCode())
		return rejected(v.Err())
	}
	switch stored := f.earnings[earning.GetName()]; {
	case stored == nil:
		f.earnings[earning.GetName()] = earning
		return &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_RECORDED, EarnedMonth: "2026-04"}
	case proto.Equal(stored, earning):
		return &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_DUPLICATE, EarnedMonth: "2026-04"}
	}
	return rejected(fault.New(fault.Exists, "EARNING_ID_REUSED", "the id was used for another earning"))
}

func statement(plan, month string, earned, limit, paid int64) *payoutv1.Statement {
	payable := max(min(earned, limit), 0)
	return &payoutv1.Statement{
		Name: plan + "/statements/" + month, Earned: usd(earned), Limit: usd(limit), Payable: usd(payable),
		WithheldOverLimit: usd(max(earned, 0) - payable), Paid: usd(paid), Due: usd(payable - paid), PayDate: day(5, 15),
		PlanApproved: limit > 0,
	}
}

func (*fakePayouts) ListStatements(
	_ context.Context, request *payoutv1.ListStatementsRequest,
) (*payoutv1.ListStatementsResponse, error) {
	if request.GetParent() == fabrikam {
		return &payoutv1.ListStatementsResponse{Statements: []*payoutv1.Statement{statement(fabrikam, "2026-04", 700, 0, 0)}}, nil
	}
	if request.GetParent() != contoso {
		return &payoutv1.ListStatementsResponse{}, nil
	}
	if request.GetPageToken() == "" {
		return &payoutv1.ListStatementsResponse{
			Statements: []*payoutv1.Statement{statement(contoso, "2026-03", 1_000, 10_000, 3_000)}, NextPageToken: "2",
		}, nil
	}
	return &payoutv1.ListStatementsResponse{Statements: []*payoutv1.Statement{statement(contoso, "2026-04", 15_000, 10_000, 10_000)}}, nil
}

func (*fakePayouts) GetStatement(_ context.Context, request *payoutv1.GetStatementRequest) (*payoutv1.Statement, error) {
	if !strings.HasSuffix(request.GetName(), "/statements/2026-04") {
		var v fault.Violations
		v.Add("name", "MONTH_MALFORMED", "has no month yyyy-mm")
		return nil, refuse(v.Err())
	}
	return statement(contoso, "2026-04", 15_000, 10_000, 10_000), nil
}

func run(id string, state payoutv1.PayoutRun_State, done int64) *payoutv1.PayoutRun {
	r := &payoutv1.PayoutRun{
		Name: "programs/azure/payoutRuns/" + id, PayDate: day(5, 15), State: state, PlansTotal: 1_250, PlansDone: done,
		PayoutsCount: done - 3, PaidTotals: []*moneypb.Money{{CurrencyCode: "JPY", Units: 1_000_000}, usd(1_234_567)},
	}
	if state == payoutv1.PayoutRun_FAILED {
		r.FailuresCount = 3
		r.Failures = []*payoutv1.PayoutRun_Failure{{Plan: fabrikam, Reason: "PLAN_NOT_FOUND", Message: "the plan is gone"}}
	}
	return r
}

func (*fakePayouts) CreatePayoutRun(_ context.Context, request *payoutv1.CreatePayoutRunRequest) (*payoutv1.PayoutRun, error) {
	switch request.GetPayoutRunId() {
	case "2026-05-15", "2026-07-15":
		return run(request.GetPayoutRunId(), payoutv1.PayoutRun_RUNNING, 10), nil
	case "2026-06-15":
		return run("2026-06-15", payoutv1.PayoutRun_FAILED, 1_250), nil
	}
	return nil, refuse(fault.New(fault.State, "MONTH_NOT_CLOSED", "the month before has not ended").With("month", "2026-07"))
}

// WatchPayoutRun breaks off at first, and then sees the run through.
func (f *fakePayouts) WatchPayoutRun(request *payoutv1.WatchPayoutRunRequest, stream payoutv1.PayoutService_WatchPayoutRunServer) error {
	f.mu.Lock()
	f.watches++
	first := f.watches == 1
	f.mu.Unlock()
	id := strings.TrimPrefix(request.GetName(), "programs/azure/payoutRuns/")
	if id == "2026-07-15" {
		return refuse(fault.New(fault.NotFound, "PAYOUT_RUN_NOT_FOUND", "there is no such run"))
	}
	if err := stream.Send(run(id, payoutv1.PayoutRun_RUNNING, 600)); err != nil || first {
		return refuse(fault.New(fault.Unavailable, "SERVER_STOPPING", "the server is stopping"))
	}
	return stream.Send(run(id, payoutv1.PayoutRun_SUCCEEDED, 1_250))
}

func payout(plan string, state payoutv1.Payout_State) *payoutv1.Payout {
	return &payoutv1.Payout{
		Name: plan + "/payouts/2026-05-15", Program: "programs/azure", PayDate: day(5, 15), Amount: usd(4_500), State: state,
		Lines: []*payoutv1.Payout_Line{
			{EarnedMonth: "2026-03", Earned: usd(14_000), Limit: usd(10_000), Amount: usd(4_000)},
			{EarnedMonth: "2026-04", Earned: usd(500), Limit: usd(10_000), Amount: usd(500)},
		},
	}
}

func (*fakePayouts) PreviewPayoutRun(
	_ context.Context, request *payoutv1.PreviewPayoutRunRequest,
) (*payoutv1.PreviewPayoutRunResponse, error) {
	switch {
	case request.GetPlan() == fabrikam:
		return &payoutv1.PreviewPayoutRunResponse{}, nil
	case request.GetPageToken() == "":
		one := payout(contoso, payoutv1.Payout_STATE_UNSPECIFIED)
		return &payoutv1.PreviewPayoutRunResponse{Payouts: []*payoutv1.Payout{one}, NextPageToken: "2"}, nil
	case request.GetPlan() == contoso:
		return &payoutv1.PreviewPayoutRunResponse{}, nil
	}
	return &payoutv1.PreviewPayoutRunResponse{
		Payouts:  []*payoutv1.Payout{payout(fabrikam, payoutv1.Payout_STATE_UNSPECIFIED)},
		Failures: []*payoutv1.PayoutRun_Failure{{Plan: "partners/gone/plans/azure.coop.fy26", Reason: "PLAN_NOT_FOUND", Message: "the plan is gone"}},
	}, nil
}

func (*fakePayouts) ListPayouts(_ context.Context, request *payoutv1.ListPayoutsRequest) (*payoutv1.ListPayoutsResponse, error) {
	paid := payout(contoso, payoutv1.Payout_PAID)
	paid.Reference, paid.Lines = "wire-4711", paid.GetLines()[:1]
	failed := payout(fabrikam, payoutv1.Payout_FAILED)
	failed.FailureReason = "account closed"
	switch request.GetParent() {
	case "partners/-/plans/-":
		return &payoutv1.ListPayoutsResponse{Payouts: []*payoutv1.Payout{paid, failed}}, nil
	case contoso, "partners/contoso/plans/-":
		return &payoutv1.ListPayoutsResponse{Payouts: []*payoutv1.Payout{paid}}, nil
	}
	return &payoutv1.ListPayoutsResponse{}, nil
}

func (*fakePayouts) ConfirmPayout(_ context.Context, request *payoutv1.ConfirmPayoutRequest) (*payoutv1.Payout, error) {
	if request.GetReference() == "late" {
		return nil, refuse(fault.New(fault.State, "PAYOUT_STATE", "the payout is PAID, and cannot be confirmed").With("state", "PAID"))
	}
	paid := payout(strings.TrimSuffix(request.GetName(), "/payouts/2026-05-15"), payoutv1.Payout_PAID)
	paid.Reference = request.GetReference()
	return paid, nil
}

func (*fakePayouts) FailPayout(_ context.Context, request *payoutv1.FailPayoutRequest) (*payoutv1.Payout, error) {
	failed := payout(contoso, payoutv1.Payout_FAILED)
	failed.FailureReason = request.GetReason()
	return failed, nil
}

func (*fakePayouts) RetryPayout(context.Context, *payoutv1.RetryPayoutRequest) (*payoutv1.Payout, error) {
	return payout(contoso, payoutv1.Payout_SCHEDULED), nil
}
