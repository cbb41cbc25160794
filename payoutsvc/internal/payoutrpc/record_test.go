package payoutrpc_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// record records one earning by the call for one.
func (o *office) record(ctx context.Context, e *payoutv1.Earning) (*payoutv1.Earning, error) {
	plan, id, _ := strings.Cut(e.GetName(), "/earnings/")
	nameless, _ := proto.Clone(e).(*payoutv1.Earning)
	if nameless != nil {
		nameless.Name = ""
	}
	return o.RecordEarning(ctx, &payoutv1.RecordEarningRequest{Parent: plan, EarningId: id, Earning: nameless})
}

func TestE1_E5_RecordEarning(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		sent := earning(contoso, "order-17", 5000, "2026-05-01T06:30:00Z") // April in Los Angeles: G11
		sent.Description, sent.Amount.Nanos = "a sale", 990_000_000
		sent.EarnTime.Nanos = 123_456_789
		got, err := o.record(t.Context(), sent)
		want, _ := proto.Clone(sent).(*payoutv1.Earning)
		want.EarnedMonth, want.RecordTime = "2026-04", timestamppb.New(o.clock())
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("recorded: %v (-want +got):\n%s", err, diff)
		}

		o.setClock("2026-05-21T00:00:00Z")
		again, err := o.record(t.Context(), sent)
		want.Duplicate = true
		if diff := cmp.Diff(want, again, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("sent again: %v (-want +got):\n%s", err, diff)
		}

		other, _ := proto.Clone(sent).(*payoutv1.Earning)
		other.Amount.Units++
		if _, err := o.record(t.Context(), other); told(err) != "AlreadyExists EARNING_ID_REUSED" {
			t.Errorf("another amount under the same id: %v, want EARNING_ID_REUSED", err)
		}
		want.Duplicate = false
		stored, err := o.GetEarning(t.Context(), &payoutv1.GetEarningRequest{Name: sent.GetName()})
		if diff := cmp.Diff(want, stored, protocmp.Transform()); diff != "" || err != nil {
			t.Errorf("what stands: %v (-want +got):\n%s", err, diff)
		}
		if got := o.earnedInApril(t, contoso); got != 5000 {
			t.Errorf("April has earned %d, want 5000, counted once", got)
		}
	})
}

// A bad earning, and how it is refused in a call of its own. In a batch the paths begin with earnings[i] and
// the id is part of the name.
type badEarning struct {
	name    string
	earning *payoutv1.Earning
	alone   string
	inBatch string
}

func badEarnings() []badEarning {
	with := func(change func(*payoutv1.Earning)) *payoutv1.Earning {
		e := earning(contoso, "bad", 1)
		change(e)
		return e
	}
	return []badEarning{
		{
			"no amount", with(func(e *payoutv1.Earning) { e.Amount = nil }),
			"InvalidArgument FIELD_REQUIRED; earning.amount FIELD_REQUIRED", "InvalidArgument FIELD_REQUIRED; earnings[0].amount FIELD_REQUIRED",
		},
		{
			"no time", with(func(e *payoutv1.Earning) { e.EarnTime = nil }),
			"InvalidArgument FIELD_REQUIRED; earning.earn_time FIELD_REQUIRED", "InvalidArgument FIELD_REQUIRED; earnings[0].earn_time FIELD_REQUIRED",
		},
		{
			"no such time", with(func(e *payoutv1.Earning) { e.EarnTime.Nanos = -1 }),
			"InvalidArgument TIME_MALFORMED; earning.earn_time TIME_MALFORMED", "InvalidArgument TIME_MALFORMED; earnings[0].earn_time TIME_MALFORMED",
		},
		{
			"nothing", with(func(e *payoutv1.Earning) { e.Amount.Units = 0 }),
			"InvalidArgument AMOUNT_ZERO; earning.amount AMOUNT_ZERO", "InvalidArgument AMOUNT_ZERO; earnings[0].amount AMOUNT_ZERO",
		},
		{
			"half a cent", with(func(e *payoutv1.Earning) { e.Amount.Nanos = 5_000_000 }),
			"InvalidArgument AMOUNT_TOO_PRECISE; earning.amount AMOUNT_TOO_PRECISE", "InvalidArgument AMOUNT_TOO_PRECISE; earnings[0].amount AMOUNT_TOO_PRECISE",
		},
		{
			"too much", with(func(e *payoutv1.Earning) { e.Amount.Units = 10_000_000_000_001 }),
			"InvalidArgument AMOUNT_TOO_LARGE; earning.amount AMOUNT_TOO_LARGE", "InvalidArgument AMOUNT_TOO_LARGE; earnings[0].amount AMOUNT_TOO_LARGE",
		},
		{
			"parts of two amounts", with(func(e *payoutv1.Earning) { e.Amount.Nanos = -1 }),
			"InvalidArgument MONEY_MALFORMED; earning.amount MONEY_MALFORMED", "InvalidArgument MONEY_MALFORMED; earnings[0].amount MONEY_MALFORMED",
		},
		{
			"no such currency", with(func(e *payoutv1.Earning) { e.Amount.CurrencyCode = "XXY" }),
			"InvalidArgument CURRENCY_UNKNOWN; earning.amount CURRENCY_UNKNOWN", "InvalidArgument CURRENCY_UNKNOWN; earnings[0].amount CURRENCY_UNKNOWN",
		},
		{
			"another currency", with(func(e *payoutv1.Earning) { e.Amount.CurrencyCode = "EUR" }),
			"InvalidArgument CURRENCY_MISMATCH; earning.amount CURRENCY_MISMATCH", "InvalidArgument CURRENCY_MISMATCH; earnings[0].amount CURRENCY_MISMATCH",
		},
		{
			"a sen", earning(tailspin, "bad", 1),
			"InvalidArgument CURRENCY_MISMATCH; earning.amount CURRENCY_MISMATCH", "InvalidArgument CURRENCY_MISMATCH; earnings[0].amount CURRENCY_MISMATCH",
		},
		{
			"too much said", with(func(e *payoutv1.Earning) { e.Description = strings.Repeat("é", 501) }),
			"InvalidArgument FIELD_TOO_LONG; earning.description FIELD_TOO_LONG", "InvalidArgument FIELD_TOO_LONG; earnings[0].description FIELD_TOO_LONG",
		},
		{
			"an id with a space", earning(contoso, "a b", 1),
			"InvalidArgument ID_MALFORMED; earning_id ID_MALFORMED", "InvalidArgument ID_MALFORMED; earnings[0].name ID_MALFORMED",
		},
		{
			"an id with a slash", earning(contoso, "a/b", 1),
			"InvalidArgument ID_MALFORMED; earning_id ID_MALFORMED", "InvalidArgument ID_MALFORMED; earnings[0].name ID_MALFORMED",
		},
		{
			"no id", earning(contoso, "", 1),
			"InvalidArgument ID_MALFORMED; earning_id ID_MALFORMED", "InvalidArgument ID_MALFORMED; earnings[0].name ID_MALFORMED",
		},
		{
			"no such plan", earning(nowhere, "bad", 1),
			"NotFound PLAN_NOT_FOUND", "NotFound PLAN_NOT_FOUND",
		},
		{
			"no name of a plan", earning("partners/Contoso/plans/azure", "bad", 1),
			"InvalidArgument NAME_MALFORMED; parent NAME_MALFORMED", "InvalidArgument NAME_MALFORMED; earnings[0].name NAME_MALFORMED",
		},
		{
			"a plan that was never submitted", earning(draft, "bad", 1),
			"FailedPrecondition PLAN_NOT_SUBMITTED", "FailedPrecondition PLAN_NOT_SUBMITTED",
		},
		{
			"before the year", earning(contoso, "bad", 1, "2025-07-01T06:59:59Z"),
			"FailedPrecondition EARN_TIME_OUTSIDE_YEAR", "FailedPrecondition EARN_TIME_OUTSIDE_YEAR",
		},
		{
			"after the year", earning(contoso, "bad", 1, "2026-07-01T07:00:00Z"),
			"FailedPrecondition EARN_TIME_OUTSIDE_YEAR", "FailedPrecondition EARN_TIME_OUTSIDE_YEAR",
		},
		{
			"in the future", earning(contoso, "bad", 1, "2026-05-20T12:05:01Z"),
			"FailedPrecondition EARN_TIME_IN_FUTURE", "FailedPrecondition EARN_TIME_IN_FUTURE",
		},
		{
			"all at once, and in a plan that does not exist",
			&payoutv1.Earning{
				Name: nowhere + "/earnings/a b", Description: strings.Repeat("x", 501),
				Amount: &money.Money{CurrencyCode: "JPY", Units: 1, Nanos: 1},
			},
			"InvalidArgument INVALID_FIELDS; earning.earn_time FIELD_REQUIRED; earning.amount AMOUNT_TOO_PRECISE; " +
				"earning_id ID_MALFORMED; earning.description FIELD_TOO_LONG",
			"InvalidArgument INVALID_FIELDS; earnings[0].earn_time FIELD_REQUIRED; earnings[0].amount AMOUNT_TOO_PRECISE; " +
				"earnings[0].name ID_MALFORMED; earnings[0].description FIELD_TOO_LONG",
		},
	}
}

func TestE4_E6_E7_BadEarnings(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for _, test := range badEarnings() {
			_, alone := o.record(t.Context(), test.earning)
			if got := told(alone); got != test.alone {
				t.Errorf("%s: %s, want %s", test.name, got, test.alone)
			}
			response, err := o.BatchRecordEarnings(t.Context(), &payoutv1.BatchRecordEarningsRequest{Earnings: []*payoutv1.Earning{test.earning}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"REJECTED " + test.inBatch}, outcomes(response.GetOutcomes())); diff != "" {
				t.Errorf("%s, in a batch (-want +got):\n%s", test.name, diff)
			}
		}
		if got := o.log.Count("level=ERROR"); got > 0 {
			t.Errorf("refusals logged %d errors, want none", got)
		}
	})
}

// The window closes 90 days after the year; what was recorded before is a duplicate for ever.
func TestE1_E6_AfterTheWindow(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		in, late := earning(contoso, "in-time", 1), earning(contoso, "late", 1)
		o.setClock("2026-09-29T06:59:59Z")
		if _, err := o.record(t.Context(), in); err != nil {
			t.Errorf("a second before the window closes: %v, want it recorded", err)
		}
		o.setClock("2026-09-29T07:00:00Z")
		if _, err := o.record(t.Context(), late); told(err) != "FailedPrecondition EARNING_WINDOW_CLOSED" {
			t.Errorf("when the window is closed: %v, want EARNING_WINDOW_CLOSED", err)
		}
		if got, err := o.record(t.Context(), in); err != nil || !got.GetDuplicate() {
			t.Errorf("what was recorded before: %v, %v, want a duplicate", got, err)
		}
	})
}

func TestRecordEarning_Request(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		good := func() *payoutv1.Earning {
			e := earning(contoso, "a", 1)
			e.Name = ""
			return e
		}
		named := func(name string) *payoutv1.Earning {
			e := good()
			e.Name = name
			return e
		}
		for _, test := range []struct {
			name    string
			request *payoutv1.RecordEarningRequest
			want    string
		}{
			{"its own name", &payoutv1.RecordEarningRequest{Parent: contoso, EarningId: "a", Earning: named(contoso + "/earnings/a")}, "OK"},
			{
				"another name", &payoutv1.RecordEarningRequest{Parent: contoso, EarningId: "a", Earning: named(contoso + "/earnings/b")},
				"InvalidArgument FIELD_OUTPUT_ONLY; earning.name FIELD_OUTPUT_ONLY",
			},
			{
				"nothing", &payoutv1.RecordEarningRequest{},
				"InvalidArgument INVALID_FIELDS; parent FIELD_REQUIRED; earning FIELD_REQUIRED; earning_id ID_MALFORMED",
			},
			{"no earning", &payoutv1.RecordEarningRequest{Parent: contoso, EarningId: "a"}, "InvalidArgument FIELD_REQUIRED; earning FIELD_REQUIRED"},
			{
				"no parent", &payoutv1.RecordEarningRequest{EarningId: "a", Earning: good()},
				"InvalidArgument FIELD_REQUIRED; parent FIELD_REQUIRED",
			},
			{
				"a parent that is no plan", &payoutv1.RecordEarningRequest{Parent: "partners/-/plans/-", EarningId: "a", Earning: good()},
				"InvalidArgument NAME_MALFORMED; parent NAME_MALFORMED",
			},
		} {
			_, err := o.RecordEarning(t.Context(), test.request)
			if got := told(err); got != test.want {
				t.Errorf("%s: %s, want %s", test.name, got, test.want)
			}
		}
	})
}

func TestE3_OutcomesInOrder(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "old", 7))
		bad := earning(contoso, "bad", 1)
		bad.Amount = nil
		reused := earning(contoso, "new", 2)
		response, err := o.BatchRecordEarnings(t.Context(), &payoutv1.BatchRecordEarningsRequest{Earnings: []*payoutv1.Earning{
			earning(contoso, "new", 1),
			bad,
			earning(fabrikam, "new", 1, "2026-05-10T00:00:00Z"),
			{},
			earning(contoso, "old", 7),
			earning(contoso, "new", 1),
			reused,
			earning(nowhere, "a", 1),
			earning(draft, "a", 1),
			earning(contoso, "old", 8),
			earning(contoso, "reversal", -3),
		}})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"RECORDED 2026-04",
			"REJECTED InvalidArgument FIELD_REQUIRED; earnings[1].amount FIELD_REQUIRED",
			"RECORDED 2026-05",
			"REJECTED InvalidArgument INVALID_FIELDS; earnings[3].name FIELD_REQUIRED; earnings[3].earn_time FIELD_REQUIRED; earnings[3].amount FIELD_REQUIRED",
			"DUPLICATE 2026-04",
			"DUPLICATE 2026-04",
			"REJECTED AlreadyExists EARNING_ID_REUSED",
			"REJECTED NotFound PLAN_NOT_FOUND",
			"REJECTED FailedPrecondition PLAN_NOT_SUBMITTED",
			"REJECTED AlreadyExists EARNING_ID_REUSED",
			"RECORDED 2026-04",
		}
		if diff := cmp.Diff(want, outcomes(response.GetOutcomes())); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		if got := o.earnedInApril(t, contoso); got != 7+1-3 {
			t.Errorf("April has earned %d, want 5: what is good counts, once", got)
		}
	})
}

// manyEarnings are of many plans, each with a batch's worth of ids.
func manyEarnings(n int) []*payoutv1.Earning {
	all := make([]*payoutv1.Earning, n)
	for i := range all {
		plan := contoso
		if i%2 == 1 {
			plan = fabrikam
		}
		all[i] = earning(plan, fmt.Sprint(i), 1)
	}
	return all
}

func TestBatchRecordEarnings_Size(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for _, test := range []struct {
			name  string
			count int
			want  string
		}{
			{"empty", 0, "InvalidArgument BATCH_EMPTY; earnings BATCH_EMPTY"},
			{"too large", 5001, "InvalidArgument BATCH_TOO_LARGE; earnings BATCH_TOO_LARGE"},
			{"the largest", 5000, "OK"},
		} {
			response, err := o.BatchRecordEarnings(t.Context(), &payoutv1.BatchRecordEarningsRequest{Earnings: manyEarnings(test.count)})
			if got := told(err); got != test.want {
				t.Errorf("%s: %s, want %s", test.name, got, test.want)
			}
			recorded := o.earnedInApril(t, contoso) + o.earnedInApril(t, fabrikam)
			if err != nil && recorded != 0 || err == nil && (recorded != 5000 || len(response.GetOutcomes()) != 5000) {
				t.Errorf("%s: %d outcomes, %d recorded, want all or none of %d", test.name, len(response.GetOutcomes()), recorded, test.count)
			}
		}
	})
}

// However bad a batch is, its answer fits into a message: else nobody learned what became of the good ones in it.
func TestE3_WorstBatchIsAnswered(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		worst := make([]*payoutv1.Earning, 5000)
		for i := range worst {
			worst[i] = &payoutv1.Earning{Name: strings.Repeat("\U0010ffff", 180), EarnTime: &timestamppb.Timestamp{Nanos: -1}, Amount: usd(0)}
		}
		worst[17] = earning(contoso, "good", 1)
		response, err := o.BatchRecordEarnings(t.Context(), &payoutv1.BatchRecordEarningsRequest{Earnings: worst})
		if err != nil || len(response.GetOutcomes()) != len(worst) {
			t.Fatalf("%d outcomes, %v, want one of each earning", len(response.GetOutcomes()), err)
		}
		if got := response.GetOutcomes()[17].GetState(); got != payoutv1.EarningOutcome_RECORDED {
			t.Errorf("the good one is %s, want RECORDED", got)
		}
		if got := proto.Size(response); got < 8<<20 {
			t.Errorf("the answer has %d bytes: there are worse batches to try", got)
		}
	})
}
