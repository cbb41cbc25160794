package upload

import (
	"context"
	"errors"
	"io"
	"time"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

const (
	// batchItems and batchBytes bound a batch, far below the 5,000 earnings
	// and 4 MiB that the service takes, so that outcomes come in steadily.
	batchItems = 1000
	batchBytes = 512 << 10
	// window is how many batches are on their way at once: the service
	// decodes one while it stores another.
	window = 4
	// attempts is how often the same batch is sent before the upload gives up.
	// Together they wait for half a minute: a service that is restarted is back by then.
	attempts = 10
	// firstWait doubles with each attempt, up to longestWait.
	firstWait   = 250 * time.Millisecond
	longestWait = 5 * time.Second
)

// An Item is an earning with what the caller knows of it. One without an
// earning is not sent, and comes back in its turn.
type Item[T any] struct {
	Earning *payoutv1.Earning
	Of      T
}

// An Upload sends what Next returns.
type Upload[T any] struct {
	Client payoutv1.PayoutServiceClient
	// Next returns the next item, and io.EOF behind the last. It is called in
	// a goroutine of its own, and may wait.
	Next func() (Item[T], error)
	// Done is called for each item, one after the other; outcome is nil for one
	// without an earning. Its error ends the upload.
	Done func(item Item[T], outcome *payoutv1.EarningOutcome) error
	// Timeout is how long to wait for the outcomes of one batch; for ever where
	// it is 0. It ends the upload with DEADLINE_EXCEEDED.
	Timeout time.Duration
	// Wait waits between attempts; the machine's clock does where it is nil.
	Wait func(context.Context, time.Duration) error

	pending queue[T]
	reached bool // the service was there
	settled int  // counts outcomes
}

// Run uploads until all items have outcomes. Where the service breaks off, or
// says of an earning that sending it again can help, Run sends again what has no
// outcome, a bounded number of times, unless it has never been reached: then there
// is most likely no service. An error that Run returns is of Next, of Done or
// the service's last; after it, an upload from the start is safe.
func (u *Upload[T]) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan *batch[T])
	var reading error
	go func() {
		defer close(batches)
		reading = u.read(ctx, batches)
	}()
	for attempt := 0; ; attempt++ {
		before := u.settled
		err := u.stream(ctx, batches)
		if err == nil {
			return reading
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if u.settled > before {
			attempt = 0
		}
		if !passing(err) || !u.reached || attempt+1 >= attempts {
			return err
		}
		if err := u.wait(ctx, min(firstWait<<attempt, longestWait)); err != nil {
			return err
		}
	}
}

// read cuts what Next returns into batches.
func (u *Upload[T]) read(ctx context.Context, batches chan<- *batch[T]) error {
	for {
		next, size, err := &batch[T]{}, 0, error(nil)
		for len(next.items) < batchItems && size < batchBytes {
			var item Item[T]
			if item, err = u.Next(); err != nil {
				break
			}
			next.items = append(next.items, item)
			size += sizeOf(item.Earning)
		}
		if len(next.items) > 0 {
			select {
			case batches <- next:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sizeOf is about what an earning takes in a message: its texts, and the rest.
func sizeOf(earning *payoutv1.Earning) int {
	return len(earning.GetName()) + len(earning.GetDescription()) + 64
}

func (u *Upload[T]) wait(ctx context.Context, pause time.Duration) error {
	if u.Wait != nil {
		return u.Wait(ctx, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
