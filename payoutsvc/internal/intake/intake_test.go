package intake_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/payoutsvc/internal/intake"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// entry is one that can be read, with some fields changed.
func entry(changes ...string) queue.Entry {
	fields := map[string]string{
		"plan": "contoso/azure.coop.fy26", "id": "a", "amount": "1", "currency": "USD", "earn_time": "2026-04-30T17:00:00-07:00",
	}
	for i := 0; i < len(changes); i += 2 {
		fields[changes[i]] = changes[i+1]
	}
	return queue.Entry{Fields: fields}
}

func rejected(s *status.Status) *payoutv1.EarningOutcome {
	return &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_REJECTED, Status: s.Proto()}
}

// refusal is a status as the service makes it.
func refusal(t *testing.T, code codes.Code, reason, field, message string) *status.Status {
	t.Helper()
	s := status.New(code, field+": "+message)
	var err error
	if field == "" {
		s, err = status.New(code, message).WithDetails(&errdetails.ErrorInfo{Reason: reason})
	} else {
		s, err = s.WithDetails(&errdetails.ErrorInfo{Reason: reason}, &errdetails.BadRequest{
			FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: field, Reason: reason, Description: message}},
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What the service says of an earning is what becomes of its entry.
func TestHandleOfOutcomes(t *testing.T) {
	again, done := queue.Verdict{Outcome: queue.Again}, queue.Verdict{Outcome: queue.Done}
	for _, test := range []struct {
		name    string
		outcome *payoutv1.EarningOutcome
		want    queue.Verdict
	}{
		{"E2: recorded", &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_RECORDED}, done},
		{"E1: a duplicate", &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_DUPLICATE}, done},
		{"no plan", rejected(refusal(t, codes.NotFound, "PLAN_NOT_FOUND", "", "there is no plan")), queue.Verdict{
			Outcome: queue.Never, Reason: "PLAN_NOT_FOUND", Message: "there is no plan",
		}},
		{"in the words of the entry", rejected(refusal(t, codes.InvalidArgument, "AMOUNT_ZERO", "earnings[0].amount", "is zero")), queue.Verdict{
			Outcome: queue.Never, Reason: "AMOUNT_ZERO", Message: "amount: is zero",
		}},
		{"without a reason", rejected(status.New(codes.Internal, "broken")), queue.Verdict{Outcome: queue.Never, Reason: "REJECTED", Message: "broken"}},
		{"the store is out", rejected(status.New(codes.Unavailable, "")), again},
		{"somebody was faster", rejected(status.New(codes.Aborted, "")), again},
		{"too much", rejected(status.New(codes.ResourceExhausted, "")), again},
		{"too late", rejected(status.New(codes.DeadlineExceeded, "")), again},
		{"given up", rejected(status.New(codes.Canceled, "")), again},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := intake.Intake{Log: slog.New(slog.DiscardHandler), Record: func(context.Context, *payoutv1.BatchRecordEarningsRequest) (*payoutv1.BatchRecordEarningsResponse, error) {
				return &payoutv1.BatchRecordEarningsResponse{Outcomes: []*payoutv1.EarningOutcome{test.outcome}}, nil
			}}
			if diff := cmp.Diff([]queue.Verdict{test.want}, in.Handle(t.Context(), []queue.Entry{entry()})); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// E3: what can't be read goes its own way, and takes nothing with it.
func TestHandleOfEntries(t *testing.T) {
	malformed := queue.Verdict{Outcome: queue.Never, Reason: "AMOUNT_MALFORMED", Message: `amount: "x" is not a decimal number, such as 1234.50`}
	mixed := []queue.Entry{entry("amount", "x"), entry("id", "b"), entry("amount", "x"), entry("id", "c")}
	for _, test := range []struct {
		name     string
		entries  []queue.Entry
		err      error // of the whole call
		recorded []string
		want     []queue.Outcome
	}{
		{"good and bad ones", mixed, nil, []string{"b", "c"}, []queue.Outcome{queue.Never, queue.Done, queue.Never, queue.Done}},
		{"while the service is out", mixed, errors.New("out"), []string{"b", "c"}, []queue.Outcome{queue.Never, queue.Again, queue.Never, queue.Again}},
		{"bad ones alone", mixed[:1], errors.New("it was called"), nil, []queue.Outcome{queue.Never}},
		{"none", nil, errors.New("it was called"), nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var recorded []string
			in := intake.Intake{Log: slog.New(slog.DiscardHandler), Record: func(_ context.Context, request *payoutv1.BatchRecordEarningsRequest) (*payoutv1.BatchRecordEarningsResponse, error) {
				response := &payoutv1.BatchRecordEarningsResponse{}
				for _, e := range request.GetEarnings() {
					recorded = append(recorded, e.GetName()[len("partners/contoso/plans/azure.coop.fy26/earnings/"):])
					response.Outcomes = append(response.Outcomes, &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_RECORDED})
				}
				if test.err != nil {
					return nil, test.err
				}
				return response, nil
			}}
			var got []queue.Outcome
			for _, verdict := range in.Handle(t.Context(), test.entries) {
				got = append(got, verdict.Outcome)
				if diff := cmp.Diff(malformed, verdict); verdict.Outcome == queue.Never && diff != "" {
					t.Errorf("verdict of a malformed one (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.recorded, recorded); diff != "" {
				t.Errorf("sent to be recorded (-want +got):\n%s", diff)
			}
		})
	}
}
