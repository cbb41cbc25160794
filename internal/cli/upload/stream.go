package upload

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// earningStream is the client's end of a stream.
type earningStream = payoutv1.PayoutService_StreamEarningsClient

// stream sends the pending batches and then new ones over one stream, and
// returns nil when all are settled.
func (u *Upload[T]) stream(ctx context.Context, batches <-chan *batch[T]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	group, ctx := errgroup.WithContext(ctx)
	err := u.converse(ctx, group, batches, func() (stop func() bool) {
		if u.Timeout <= 0 {
			return func() bool { return true }
		}
		return time.AfterFunc(u.Timeout, func() { cancel(errSilent) }).Stop
	})
	if errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	return err
}

// errSilent is what an upload ends with that has waited for the service for too long.
var errSilent = status.Error(codes.DeadlineExceeded, "the payout service has not answered")

// converse sends in one goroutine of the group and receives in another one.
// While it waits for the service, an alarm is set, which ends ctx.
func (u *Upload[T]) converse(ctx context.Context, group *errgroup.Group, batches <-chan *batch[T], alarm func() (stop func() bool)) error {
	stop := alarm()
	stream, err := u.Client.StreamEarnings(ctx)
	stop()
	if err != nil {
		return err
	}
	u.reached = true
	sent := make(chan sending[T], window)
	group.Go(func() error {
		defer close(sent)
		return u.send(ctx, stream, batches, sent)
	})
	group.Go(func() error {
		for next := range sent {
			stop := alarm()
			err := u.receive(stream, next)
			stop()
			if err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// A sending is a batch on its way, and what was sent of it.
type sending[T any] struct {
	batch   *batch[T]
	request *payoutv1.StreamEarningsRequest // nil where it holds no earning
}

// send sends every batch, and hands it to the receiver through sent.
func (u *Upload[T]) send(ctx context.Context, stream earningStream, batches <-chan *batch[T], sent chan<- sending[T]) error {
	for _, pending := range u.pending.all() {
		if err := sendOne(ctx, stream, pending, sent); err != nil {
			return err
		}
	}
	for {
		select {
		case next, ok := <-batches:
			if !ok {
				return stream.CloseSend()
			}
			u.pending.add(next)
			if err := sendOne(ctx, stream, next, sent); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func sendOne[T any](ctx context.Context, stream earningStream, next *batch[T], sent chan<- sending[T]) error {
	request := next.request()
	select {
	case sent <- sending[T]{batch: next, request: request}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if request != nil {
		_ = stream.Send(request) // its error says only that the stream is broken; the receiver is told why
	}
	return nil
}

// receive waits for a batch's outcomes, and hands them out. Items that are to
// be sent again stay in the batch, and the batch in the queue.
func (u *Upload[T]) receive(stream earningStream, next sending[T]) error {
	var outcomes []*payoutv1.EarningOutcome
	if next.request != nil {
		response, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return fault.New(fault.Unavailable, "STREAM_ENDED", "the payout service ended the stream before it had answered")
		case err != nil:
			return err
		case len(response.GetOutcomes()) != len(next.request.GetEarnings()):
			return errors.New("the payout service answered with another number of outcomes than earnings were sent")
		}
		outcomes = response.GetOutcomes()
	}
	var again []Item[T]
	var cause error
	for _, item := range next.batch.items {
		var outcome *payoutv1.EarningOutcome
		if item.Earning != nil {
			outcome, outcomes = outcomes[0], outcomes[1:]
		}
		if err := Refusal(outcome); passing(err) {
			again, cause = append(again, item), err
			continue
		}
		if outcome != nil {
			u.settled++
		}
		if err := u.Done(item, outcome); err != nil {
			return err
		}
	}
	next.batch.items = again
	if cause == nil {
		u.pending.settle()
	}
	return cause
}

// Refusal is why an earning was rejected; nil where it was not.
func Refusal(outcome *payoutv1.EarningOutcome) error {
	if outcome.GetState() != payoutv1.EarningOutcome_REJECTED {
		return nil
	}
	return rpc.FromStatus(status.ErrorProto(outcome.GetStatus()))
}

// passing tells whether the same call can succeed later.
func passing(err error) bool {
	kind := fault.KindOf(rpc.FromStatus(err))
	return kind == fault.Unavailable || kind == fault.Conflict
}
