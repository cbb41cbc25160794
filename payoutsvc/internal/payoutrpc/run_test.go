package payoutrpc_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// pay has a program's run carried out.
func (o *office) pay(t *testing.T, program, payDate string) *payoutv1.PayoutRun {
	t.Helper()
	run, err := o.CreatePayoutRun(t.Context(), &payoutv1.CreatePayoutRunRequest{Parent: "programs/" + program, PayoutRunId: payDate})
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// holdTerms makes every call to plansvc for the terms of plans wait; other calls are answered.
func (o *office) holdTerms(t *testing.T) (release func()) {
	t.Helper()
	released := make(chan struct{})
	o.plansvc.Asked()
	o.plansvc.Before(func(ctx context.Context) error {
		if o.plansvc.Asked() == nil {
			return nil
		}
		select {
		case <-released:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return func() {
		o.plansvc.Before(nil)
		close(released)
	}
}

const mayRun = "programs/azure/payoutRuns/2026-05-15"

func TestR1_R5_CreatePayoutRun(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 15_000), earning(fabrikam, "a", 300), inYen(earning(tailspin, "a", 700)), earning(windows, "a", 1))
		now := timestamppb.New(o.clock())
		want := &payoutv1.PayoutRun{
			Name: mayRun, PayDate: &date.Date{Year: 2026, Month: 5, Day: 15}, State: payoutv1.PayoutRun_SUCCEEDED,
			PlansTotal: 3, PlansDone: 3, PayoutsCount: 2, PaidTotals: []*money.Money{usd(10_300)},
			CreateTime: now, StartTime: now, FinishTime: now,
		}
		got := o.pay(t, "azure", "2026-05-15")
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("the run (-want +got):\n%s", diff)
		}
		stored, err := o.GetPayoutRun(t.Context(), &payoutv1.GetPayoutRunRequest{Name: mayRun})
		if diff := cmp.Diff(want, stored, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("the run, read again: %v (-want +got):\n%s", err, diff)
		}
		payout, err := o.GetPayout(t.Context(), &payoutv1.GetPayoutRequest{Name: contoso + "/payouts/2026-05-15"})
		wantPayout := &payoutv1.Payout{
			Name: contoso + "/payouts/2026-05-15", Program: "programs/azure", PayDate: &date.Date{Year: 2026, Month: 5, Day: 15},
			Amount: usd(10_000), State: payoutv1.Payout_SCHEDULED, CreateTime: now, UpdateTime: now,
			Lines: []*payoutv1.Payout_Line{{EarnedMonth: "2026-04", Earned: usd(15_000), Limit: usd(10_000), Amount: usd(10_000)}},
		}
		if diff := cmp.Diff(wantPayout, payout, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("the payout: %v (-want +got):\n%s", err, diff)
		}

		// Starting it again is harmless, and goes on with what came since: of plans that have no payout yet. Rule C3.
		o.setClock("2026-05-21T00:00:00Z")
		o.earn(t, earning(contoso, "b", 1, "2026-03-10T00:00:00Z"))
		again := o.pay(t, "azure", "2026-05-15")
		if again.GetState() != payoutv1.PayoutRun_SUCCEEDED || again.GetPayoutsCount() != 2 || !again.GetCreateTime().AsTime().Equal(now.AsTime()) ||
			!again.GetStartTime().AsTime().Equal(o.clock()) {
			t.Errorf("the run, started again: %v, want it to have succeeded without a further payout", again)
		}
	})
}

func TestR1_CreatePayoutRun_Refused(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.plansvc.SetProgram(&planv1.Program{Name: "programs/mars", TimeZone: "Mars/Olympus", HasPlans: true})
		for _, test := range []struct{ parent, id, want string }{
			{"programs/azure", "2026-05-15", "OK"},
			{"programs/azure", "2026-06-15", "FailedPrecondition MONTH_NOT_CLOSED"},
			{"programs/azure", "9999-12-15", "FailedPrecondition MONTH_NOT_CLOSED"},
			{"programs/azure", "2026-05-16", "InvalidArgument PAY_DATE_NOT_15TH; payout_run_id PAY_DATE_NOT_15TH"},
			{"programs/azure", "2026-05-01", "InvalidArgument PAY_DATE_NOT_15TH; payout_run_id PAY_DATE_NOT_15TH"},
			{"programs/azure", "2026-02-30", "InvalidArgument DATE_MALFORMED; payout_run_id DATE_MALFORMED"},
			{"programs/azure", "2026-13-15", "InvalidArgument DATE_MALFORMED; payout_run_id DATE_MALFORMED"},
			{"programs/azure", "0000-05-15", "InvalidArgument DATE_MALFORMED; payout_run_id DATE_MALFORMED"},
			{"programs/azure", "2026-5-15", "InvalidArgument DATE_MALFORMED; payout_run_id DATE_MALFORMED"},
			{"programs/azure", "2026-05-15 ", "InvalidArgument DATE_MALFORMED; payout_run_id DATE_MALFORMED"},
			{"programs/azure", "-15", "InvalidArgument DATE_MALFORMED; payout_run_id DATE_MALFORMED"},
			{"programs/azure", "May", "InvalidArgument DATE_MALFORMED; payout_run_id DATE_MALFORMED"},
			{"programs/azure", "", "InvalidArgument FIELD_REQUIRED; payout_run_id FIELD_REQUIRED"},
			{"programs/-", "", "InvalidArgument INVALID_FIELDS; parent NAME_MALFORMED; payout_run_id FIELD_REQUIRED"},
			{"", "2026-05-16", "InvalidArgument INVALID_FIELDS; parent FIELD_REQUIRED; payout_run_id PAY_DATE_NOT_15TH"},
			{"programs/none", "2026-05-15", "NotFound PROGRAM_NOT_FOUND"},
			{"programs/mars", "2026-05-15", "Unavailable TERMS_UNREADABLE"},
		} {
			_, err := o.CreatePayoutRun(t.Context(), &payoutv1.CreatePayoutRunRequest{Parent: test.parent, PayoutRunId: test.id})
			if got := told(err); got != test.want {
				t.Errorf("%q of %q: %s, want %s", test.id, test.parent, got, test.want)
			}
		}
		if got := o.runs("programs/azure").all(t, 0); len(got) != 1 {
			t.Errorf("there are the runs %q, want the one that was not refused", got)
		}
		o.plansvc.Fail(fault.New(fault.Unavailable, "OUT", "out"))
		_, err := o.CreatePayoutRun(t.Context(), &payoutv1.CreatePayoutRunRequest{Parent: "programs/azure", PayoutRunId: "2026-05-15"})
		if got := told(err); got != "Unavailable PLANSVC_UNAVAILABLE" {
			t.Errorf("while plansvc is out: %s, want PLANSVC_UNAVAILABLE", got)
		}
	})
}

// A run may start when its month has begun, where the program is.
func TestR1_NotBeforeItsMonth(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for _, test := range []struct{ now, want string }{
			{"2026-06-01T06:59:59Z", "FailedPrecondition MONTH_NOT_CLOSED"}, {"2026-06-01T07:00:00Z", "OK"},
		} {
			o.setClock(test.now)
			_, err := o.CreatePayoutRun(t.Context(), &payoutv1.CreatePayoutRunRequest{Parent: "programs/azure", PayoutRunId: "2026-06-15"})
			if got := told(err); got != test.want {
				t.Errorf("at %s: %s, want %s", test.now, got, test.want)
			}
		}
	})
}

// Whoever starts a run waits two seconds for it at the most, and it goes on without them.
func TestR1_RunOutlivesItsCall(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 5))
		release := o.holdTerms(t)
		asked := time.Now()
		run := o.pay(t, "azure", "2026-05-15")
		if took := time.Since(asked); took != 2*time.Second || run.GetState() != payoutv1.PayoutRun_RUNNING || run.GetPlansTotal() != 1 || run.GetPlansDone() != 0 {
			t.Errorf("after %s: %v, want it RUNNING after 2s, with one plan to do", took, run)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := o.CreatePayoutRun(ctx, &payoutv1.CreatePayoutRunRequest{Parent: "programs/azure", PayoutRunId: "2026-05-15"}); told(err) != "DeadlineExceeded" {
			t.Errorf("by who has a second: %s, want DeadlineExceeded", told(err))
		}
		release()
		synctest.Wait()
		run, err := o.GetPayoutRun(t.Context(), &payoutv1.GetPayoutRunRequest{Name: mayRun})
		if err != nil || run.GetState() != payoutv1.PayoutRun_SUCCEEDED || run.GetPayoutsCount() != 1 || run.GetPlansDone() != 1 {
			t.Errorf("in the end: %v, %v, want it SUCCEEDED with its payout", run, err)
		}
	})
}

// A plan that can't be computed is a failure of the run, and no other's; the next start tries it again.
func TestR3_FailuresAreListedAndTriedAgain(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 5), earning(fabrikam, "a", 7))
		unreadable := approved(contoso)
		unreadable.TimeZone = "Mars/Olympus"
		o.plansvc.SetPlan(unreadable)
		run := o.pay(t, "azure", "2026-05-15")
		if run.GetState() != payoutv1.PayoutRun_FAILED || run.GetPlansDone() != 2 || run.GetFailuresCount() != 1 || run.GetPayoutsCount() != 1 {
			t.Errorf("the run: %v, want it FAILED with one failure and one payout", run)
		}
		want := []*payoutv1.PayoutRun_Failure{{
			Plan: contoso, Reason: "TERMS_UNREADABLE",
			Message: `the terms of ` + contoso + ` cannot be understood: the time zone "Mars/Olympus" is not known on this machine`,
		}}
		if diff := cmp.Diff(want, run.GetFailures(), protocmp.Transform()); diff != "" {
			t.Errorf("failures (-want +got):\n%s", diff)
		}
		o.plansvc.SetPlan(approved(contoso))
		run = o.pay(t, "azure", "2026-05-15")
		if run.GetState() != payoutv1.PayoutRun_SUCCEEDED || run.GetFailuresCount() != 0 || run.GetPayoutsCount() != 2 || len(run.GetFailures()) != 0 {
			t.Errorf("the run, started again: %v, want it SUCCEEDED with both payouts", run)
		}
	})
}

func TestGetPayoutRun(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.pay(t, "azure", "2026-05-15")
		for _, test := range []struct{ name, want string }{
			{mayRun, "OK"},
			{"programs/azure/payoutRuns/2026-04-15", "NotFound PAYOUT_RUN_NOT_FOUND"},
			{"programs/none/payoutRuns/2026-05-15", "NotFound PAYOUT_RUN_NOT_FOUND"},
			{"programs/azure/payoutRuns/2026-05-14", "InvalidArgument PAY_DATE_NOT_15TH; name PAY_DATE_NOT_15TH"},
			{"programs/azure/payoutRuns/2026-15-15", "InvalidArgument DATE_MALFORMED; name DATE_MALFORMED"},
			{"programs/azure/payoutRuns/", "InvalidArgument NAME_MALFORMED; name NAME_MALFORMED"},
			{"programs/Azure/payoutRuns/2026-05-15", "InvalidArgument NAME_MALFORMED; name NAME_MALFORMED"},
			{"", "InvalidArgument FIELD_REQUIRED; name FIELD_REQUIRED"},
		} {
			if _, err := o.GetPayoutRun(t.Context(), &payoutv1.GetPayoutRunRequest{Name: test.name}); told(err) != test.want {
				t.Errorf("%q: %s, want %s", test.name, told(err), test.want)
			}
			if stream, err := o.WatchPayoutRun(t.Context(), &payoutv1.WatchPayoutRunRequest{Name: test.name}); err != nil {
				t.Fatal(err)
			} else if _, err := stream.Recv(); told(err) != test.want {
				t.Errorf("watching %q: %s, want %s", test.name, told(err), test.want)
			}
		}
	})
}

func TestListPayoutRuns(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		var want []string
		for _, payDate := range []string{"2025-12-15", "2026-01-15", "2026-04-15", "2026-05-15"} {
			want = append(want, "programs/azure/payoutRuns/"+payDate)
		}
		for _, i := range []int{2, 0, 3, 1} {
			o.pay(t, "azure", want[i][len("programs/azure/payoutRuns/"):])
		}
		o.pay(t, "windows", "2026-05-15")
		for _, size := range []int32{0, 1, 3, 4, 5} {
			if diff := cmp.Diff(want, o.runs("programs/azure").all(t, size)); diff != "" {
				t.Errorf("by %d (-want +got):\n%s", size, diff)
			}
		}
		for parent, want := range map[string]string{
			"programs/none": "NotFound PROGRAM_NOT_FOUND",
			"":              "InvalidArgument FIELD_REQUIRED; parent FIELD_REQUIRED", "programs/-": "InvalidArgument NAME_MALFORMED; parent NAME_MALFORMED",
		} {
			if _, _, err := o.runs(parent)(t.Context(), 0, ""); told(err) != want {
				t.Errorf("of %q: %s, want %s", parent, told(err), want)
			}
		}
	})
}

// watched is a run that is being watched.
type watched = grpc.ServerStreamingClient[payoutv1.PayoutRun]

func (o *office) watch(ctx context.Context, t *testing.T) watched {
	t.Helper()
	stream, err := o.WatchPayoutRun(ctx, &payoutv1.WatchPayoutRunRequest{Name: mayRun})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestR5_WatchPayoutRun(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 5))
		release := o.holdTerms(t)
		if got := o.pay(t, "azure", "2026-05-15").GetState(); got != payoutv1.PayoutRun_RUNNING {
			t.Fatalf("the run is %s, want RUNNING", got)
		}
		stream := o.watch(t.Context(), t)
		next := func(when string, state payoutv1.PayoutRun_State, done int64) {
			t.Helper()
			run, err := stream.Recv()
			if err != nil || run.GetState() != state || run.GetPlansDone() != done {
				t.Errorf("%s: %v, %v, want it %s with %d plans done", when, run, err, state, done)
			}
		}
		next("at first", payoutv1.PayoutRun_RUNNING, 0)
		<-time.After(time.Minute + time.Millisecond) // nothing moves on, and nothing is said; and nobody looks just now
		release()
		synctest.Wait()
		moved := time.Now()
		next("in the end", payoutv1.PayoutRun_SUCCEEDED, 1)
		if took := time.Since(moved); took > 300*time.Millisecond {
			t.Errorf("the end was told after %s, want 300ms at the most", took)
		}
		if run, err := stream.Recv(); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v, %v, want no more", run, err)
		}
		stream = o.watch(t.Context(), t)
		next("a run that is over", payoutv1.PayoutRun_SUCCEEDED, 1)
	})
}

// Progress is told while a run is at work, page by page.
func TestR5_WatchTellsProgress(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		const plans = 3 * 1000 * 4 // a run does 1,000 at once, in each of four partitions
		var batch []*payoutv1.Earning
		for i := range plans {
			name := fmt.Sprintf("partners/p%d/plans/azure.coop.fy26", i)
			o.plansvc.SetPlan(approved(name))
			batch = append(batch, earning(name, "a", 1))
		}
		for some := range slices.Chunk(batch, 5000) {
			o.earn(t, some...)
		}
		o.plansvc.Asked()
		o.plansvc.Before(func(ctx context.Context) error {
			if o.plansvc.Asked() == nil {
				return nil
			}
			return wait(ctx, 3*time.Second)
		})
		if got := o.pay(t, "azure", "2026-05-15").GetPlansTotal(); got != plans {
			t.Errorf("there are %d plans to do, want %d", got, plans)
		}
		stream, seen, before := o.watch(t.Context(), t), 0, int64(-1)
		for {
			run, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if run.GetPlansDone() < before || run.GetPlansDone() == before && run.GetState() == payoutv1.PayoutRun_RUNNING || run.GetPayoutsCount() != run.GetPlansDone() {
				t.Errorf("after %d plans: %v, want more of them each time, all with a payout", before, run)
			}
			before = run.GetPlansDone()
			seen++
		}
		if before != plans || seen < 3 {
			t.Errorf("%d states were told, and %d plans done in the end, want at least 3 and %d", seen, before, plans)
		}
	})
}

func TestWatchPayoutRun_EndsWithTheServer(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 5))
		o.holdTerms(t)
		o.pay(t, "azure", "2026-05-15")
		stream := o.watch(t.Context(), t)
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		given, giveUp := context.WithCancel(t.Context())
		other := o.watch(given, t)
		if _, err := other.Recv(); err != nil {
			t.Fatal(err)
		}
		giveUp()
		if _, err := other.Recv(); told(err) != "Canceled" {
			t.Errorf("who gave up watching: %s, want Canceled", told(err))
		}
		stopped := time.Now()
		o.stop()
		if _, err := stream.Recv(); told(err) != "Unavailable SERVER_STOPPING" {
			t.Errorf("who watches when the server stops: %s, want SERVER_STOPPING", told(err))
		}
		if err := <-o.served; err != nil || time.Since(stopped) != 0 {
			t.Errorf("the server ended with %v after %s, want nil at once", err, time.Since(stopped))
		}
	})
}

// A caller that has started a run is answered when the server stops, and need not wait.
func TestCreatePayoutRun_WhileTheServerStops(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 5))
		o.holdTerms(t)
		answer := make(chan *payoutv1.PayoutRun, 1)
		go func() { answer <- o.pay(t, "azure", "2026-05-15") }()
		synctest.Wait()
		stopped := time.Now()
		o.stop()
		if run := <-answer; run.GetState() != payoutv1.PayoutRun_RUNNING {
			t.Errorf("the run is %v, want RUNNING, to be resumed", run)
		}
		if err := <-o.served; err != nil || time.Since(stopped) != 0 {
			t.Errorf("the server ended with %v after %s, want nil at once", err, time.Since(stopped))
		}
	})
}
