// Package intake records the earnings that come in Redis Streams, as if they had been sent in batches: the streams
// earnings:{0} to earnings:{n-1}, whose entries have the fields that package earningtext reads.
//
// What always holds (see also package queue): an entry is acknowledged after its earning is recorded, or had been (rules
// E1, E2); one that can never be recorded goes to the dead letters with the reason, and takes no other with it (rule
// E3); one that cannot be recorded now, since the store or plansvc is out, is tried until it can.
package intake

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/earningtext"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Group is the name of the group that records the queue [earningtext.Queue].
const Group = "payoutsvc"

// An Intake turns entries into earnings.
type Intake struct {
	// Record is BatchRecordEarnings.
	Record func(context.Context, *payoutv1.BatchRecordEarningsRequest) (*payoutv1.BatchRecordEarningsResponse, error)
	Log    *slog.Logger
}

// Handle records entries; it is what a [queue.Consumer] takes.
func (in Intake) Handle(ctx context.Context, entries []queue.Entry) []queue.Verdict {
	verdicts := make([]queue.Verdict, len(entries))
	request := &payoutv1.BatchRecordEarningsRequest{}
	var places []int // of the request's earnings in entries
	for i, entry := range entries {
		earning, err := earningtext.Read(entry.Fields)
		if err != nil {
			verdicts[i] = queue.Verdict{Outcome: queue.Never, Reason: fault.ReasonOf(err), Message: err.Error()}
			continue
		}
		request.Earnings = append(request.Earnings, earning)
		places = append(places, i)
	}
	if len(places) == 0 {
		return verdicts
	}
	response, err := in.Record(ctx, request)
	if err != nil {
		in.Log.WarnContext(ctx, "earnings of a stream can't be recorded now", "count", len(places), "error", err)
		for _, i := range places {
			verdicts[i] = queue.Verdict{Outcome: queue.Again}
		}
		return verdicts
	}
	for k, outcome := range response.GetOutcomes() {
		verdicts[places[k]] = verdict(request.GetEarnings()[k], outcome)
	}
	return verdicts
}

// verdict is what an earning's outcome is to its entry.
func verdict(earning *payoutv1.Earning, outcome *payoutv1.EarningOutcome) queue.Verdict {
	if outcome.GetState() != payoutv1.EarningOutcome_REJECTED {
		return queue.Verdict{Outcome: queue.Done}
	}
	refusal := status.FromProto(outcome.GetStatus())
	switch refusal.Code() {
	case codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Canceled:
		return queue.Verdict{Outcome: queue.Again}
	default:
		verdict := queue.Verdict{Outcome: queue.Never, Reason: "REJECTED", Message: refusal.Message()}
		if e, ok := errors.AsType[*fault.Error](earningtext.InFields(earning, rpc.FromStatus(refusal.Err()))); ok {
			verdict.Reason, verdict.Message = cmp.Or(e.Reason, verdict.Reason), e.Message
		}
		return verdict
	}
}
