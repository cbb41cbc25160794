package payoutrpc_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

func TestE2_E3_PlansvcIsOut(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 1)) // so that its terms are remembered
		o.plansvc.Fail(fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "out"))
		batch := &payoutv1.BatchRecordEarningsRequest{Earnings: []*payoutv1.Earning{
			earning(fabrikam, "b", 1), earning(contoso, "b", 1), earning("partners/-", "b", 1), earning(fabrikam, "c", 1),
		}}
		response, err := o.BatchRecordEarnings(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"REJECTED Unavailable PLANSVC_UNAVAILABLE", "RECORDED 2026-04",
			"REJECTED InvalidArgument NAME_MALFORMED; earnings[2].name NAME_MALFORMED", "REJECTED Unavailable PLANSVC_UNAVAILABLE",
		}
		if diff := cmp.Diff(want, outcomes(response.GetOutcomes())); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if details := status.ErrorProto(response.GetOutcomes()[0].GetStatus()); !strings.Contains(fmt.Sprint(status.Convert(details).Details()), "retry_delay") {
			t.Errorf("who was rejected by an outage is not told when to send again: %v", status.Convert(details).Details())
		}
		if _, err := o.record(t.Context(), earning(fabrikam, "b", 1)); told(err) != "Unavailable PLANSVC_UNAVAILABLE" {
			t.Errorf("one earning: %v, want PLANSVC_UNAVAILABLE", err)
		}
		// Where nothing else became of any, the sender waits.
		batch.Earnings = []*payoutv1.Earning{earning(fabrikam, "b", 1), earning(fabrikam, "c", 1)}
		if _, err := o.BatchRecordEarnings(t.Context(), batch); told(err) != "Unavailable PLANSVC_UNAVAILABLE" {
			t.Errorf("a batch of nothing else: %v, want PLANSVC_UNAVAILABLE", err)
		}
		o.plansvc.Fail(nil)
		o.earn(t, batch.GetEarnings()...)
		if got := o.earnedInApril(t, fabrikam); got != 2 {
			t.Errorf("%d earned when all is sent again, want 2", got)
		}
	})
}

func TestE2_E3_StoreIsOut(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		broken := fmt.Errorf("%w: disk 7 is broken", store.ErrUnavailable)
		failing := func(err error, partitions ...store.Partition) {
			o.db.set(func(_ context.Context, p store.Partition) error {
				if slices.Contains(partitions, p) {
					return err
				}
				return nil
			})
		}
		at := store.PartitionOf("contoso", o.db.Partitions())
		if other := store.PartitionOf("fabrikam", o.db.Partitions()); other == at {
			t.Fatal("both partners are in one partition: choose others")
		}
		both := &payoutv1.BatchRecordEarningsRequest{Earnings: []*payoutv1.Earning{
			earning(contoso, "a", 1), earning(fabrikam, "a", 1), earning(contoso, "b", 1),
		}}
		for _, test := range []struct {
			name    string
			failure error
			want    string
		}{
			{"out", broken, "REJECTED Unavailable STORE_UNAVAILABLE"},
			{"defect", errors.New("disk 7 is broken"), "REJECTED Internal"},
		} {
			failing(test.failure, at)
			before := o.log.Count("disk 7")
			response, err := o.BatchRecordEarnings(t.Context(), both)
			if err != nil {
				t.Fatal(err)
			}
			got := outcomes(response.GetOutcomes())
			if got[0] != test.want || got[2] != test.want || got[1] == test.want {
				t.Errorf("%s: outcomes %q, want the first and the last %s", test.name, got, test.want)
			}
			if logged := o.log.Count("disk 7") - before; logged != 1 {
				t.Errorf("%s: the store's error was logged %d times, want once for the batch", test.name, logged)
			}
			if text := response.String(); strings.Contains(text, "disk 7") {
				t.Errorf("%s: the caller is told %s, want nothing of the disk", test.name, text)
			}
		}
		failing(broken, 0, 1, 2, 3)
		o.log.Clear()
		if _, err := o.BatchRecordEarnings(t.Context(), &payoutv1.BatchRecordEarningsRequest{Earnings: both.GetEarnings()[2:]}); told(err) != "Unavailable STORE_UNAVAILABLE" {
			t.Errorf("all is out: %v, want STORE_UNAVAILABLE", err)
		}
		o.db.set(nil)
		o.earn(t, both.GetEarnings()...)
		if got := o.earnedInApril(t, contoso) + o.earnedInApril(t, fabrikam); got != 3 {
			t.Errorf("%d earned when all is sent again, want 3", got)
		}
	})
}

// A sender that gives up does not learn what became of its earnings, and may send them again.
func TestE2_CallerGivesUp(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		release := o.db.hold()
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error, 1)
		batch := &payoutv1.BatchRecordEarningsRequest{Earnings: []*payoutv1.Earning{earning(contoso, "a", 1)}}
		go func() {
			_, err := o.BatchRecordEarnings(ctx, batch)
			answer <- err
		}()
		synctest.Wait()
		cancel()
		if got := told(<-answer); got != "Canceled" {
			t.Errorf("who gave up: %s, want Canceled", got)
		}
		release()
		synctest.Wait()
		// In this process, where there is no gRPC between.
		if response, err := o.service.BatchRecordEarnings(ctx, batch); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up before: %v, %v, want context.Canceled and no outcomes", response, err)
		}
		o.earn(t, batch.GetEarnings()...)
		if got := o.earnedInApril(t, contoso); got != 1 {
			t.Errorf("%d earned when it is sent again, want 1", got)
		}
		if got := o.log.Count("level=ERROR"); got > 0 {
			t.Errorf("giving up logged %d errors, want none", got)
		}
	})
}
