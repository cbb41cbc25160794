package payoutrpc_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A caller who has as much waiting as it may is refused before its batch is looked at, which would cost what others need.
func TestBatchRecordEarnings_Busy(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		batch := func(caller string, earnings ...*payoutv1.Earning) error {
			ctx := auth.WithCaller(t.Context(), auth.Principal{ID: caller})
			_, err := o.service.BatchRecordEarnings(ctx, &payoutv1.BatchRecordEarningsRequest{Earnings: earnings})
			return err
		}
		release := o.db.hold()
		var waiting sync.WaitGroup
		for range 20 { // of 5,000, one of them at work
			waiting.Go(func() {
				if err := batch("greedy", slices.Repeat([]*payoutv1.Earning{earning(contoso, "same", 1)}, 5000)...); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if err := batch("greedy"); fault.ReasonOf(err) != "RECORDING_BUSY" {
			t.Errorf("a batch of nothing: %v, want RECORDING_BUSY, and no look at it", err)
		}
		if err := batch("modest"); fault.ReasonOf(err) == "RECORDING_BUSY" {
			t.Errorf("another caller: %v", err)
		}
		release()
		waiting.Wait()
	})
}
