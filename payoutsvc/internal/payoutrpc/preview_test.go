package payoutrpc_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// the15th is a pay date of 2026.
func the15th(month int32) *date.Date { return &date.Date{Year: 2026, Month: month, Day: 15} }

// A preview says what the run then does, and does nothing.
func TestR4_PreviewIsWhatTheRunPays(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "march", 3, "2026-03-10T12:00:00Z"))
		o.pay(t, "azure", "2026-04-15")
		o.earn(
			t, earning(contoso, "reversal", -1, "2026-03-11T12:00:00Z"), earning(contoso, "april", 15_000), earning(fabrikam, "april", 5),
			earning(fabrikam, "may", 7, "2026-05-10T12:00:00Z"), inYen(earning(tailspin, "april", 700)), earning(windows, "april", 6),
		)
		unreadable := approved(nowhere)
		o.plansvc.SetPlan(unreadable)
		o.earn(t, earning(nowhere, "april", 9))
		unreadable = approved(nowhere)
		unreadable.CurrencyCode = "XXY"
		o.plansvc.SetPlan(unreadable)

		preview := func() *payoutv1.PreviewPayoutRunResponse {
			t.Helper()
			response, err := o.PreviewPayoutRun(t.Context(), &payoutv1.PreviewPayoutRunRequest{Parent: "programs/azure", PayDate: the15th(5)})
			if err != nil {
				t.Fatal(err)
			}
			return response
		}
		previewed := preview()
		if diff := cmp.Diff(previewed, preview(), protocmp.Transform()); diff != "" {
			t.Errorf("previewed again it is another (-first +second):\n%s", diff)
		}
		if got := o.runs("programs/azure").all(t, 0); len(got) != 1 {
			t.Errorf("there are the runs %q, want the one of April alone", got)
		}
		run := o.pay(t, "azure", "2026-05-15")
		if diff := cmp.Diff(run.GetFailures(), previewed.GetFailures(), protocmp.Transform()); diff != "" || len(previewed.GetFailures()) != 1 {
			t.Errorf("failures of the run and its preview (-run +preview):\n%s", diff)
		}
		var want []*payoutv1.Payout
		for _, name := range []string{contoso, fabrikam} {
			payout, err := o.GetPayout(t.Context(), &payoutv1.GetPayoutRequest{Name: name + "/payouts/2026-05-15"})
			if err != nil {
				t.Fatal(err)
			}
			payout.State, payout.CreateTime, payout.UpdateTime = 0, nil, nil
			want = append(want, payout)
		}
		byName := protocmp.SortRepeated(func(a, b *payoutv1.Payout) bool { return a.GetName() < b.GetName() })
		if diff := cmp.Diff(&payoutv1.PreviewPayoutRunResponse{Payouts: want}, &payoutv1.PreviewPayoutRunResponse{Payouts: previewed.GetPayouts()}, protocmp.Transform(), byName); diff != "" {
			t.Errorf("payouts of the run and its preview (-run +preview):\n%s", diff)
		}
		if got := preview(); len(got.GetPayouts()) != 0 || len(got.GetFailures()) != 1 {
			t.Errorf("after the run the preview is %v, want what failed alone", got)
		}
	})
}

func TestR4_PreviewOfOnePlan(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "april", 4), earning(fabrikam, "april", 5), earning(windows, "april", 6))
		for _, test := range []struct {
			plan string
			want []string
		}{
			{contoso, []string{contoso + "/payouts/2026-05-15"}},
			{"", []string{contoso + "/payouts/2026-05-15", fabrikam + "/payouts/2026-05-15"}},
			{draft, nil},
		} {
			got := slices.Sorted(slices.Values(o.preview(test.plan, the15th(5)).all(t, 0)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("of %q (-want +got):\n%s", test.plan, diff)
			}
		}
		// Any pay date can be previewed, also before its month has begun; none pays its own month.
		if got := o.preview(contoso, the15th(12)).all(t, 0); len(got) != 1 {
			t.Errorf("in December it is paid %q, want the payout of April", got)
		}
		if got := o.preview(contoso, the15th(4)).all(t, 0); len(got) != 0 {
			t.Errorf("in April it is paid %q, want none", got)
		}
	})
}

func TestPreviewPayoutRun_Refused(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for _, test := range []struct {
			name    string
			request *payoutv1.PreviewPayoutRunRequest
			want    string
		}{
			{"nothing", &payoutv1.PreviewPayoutRunRequest{}, "InvalidArgument INVALID_FIELDS; parent FIELD_REQUIRED; pay_date FIELD_REQUIRED"},
			{
				"no 15th", &payoutv1.PreviewPayoutRunRequest{Parent: "programs/azure", PayDate: &date.Date{Year: 2026, Month: 5, Day: 14}},
				"InvalidArgument PAY_DATE_NOT_15TH; pay_date PAY_DATE_NOT_15TH",
			},
			{
				"no such day", &payoutv1.PreviewPayoutRunRequest{Parent: "programs/azure", PayDate: &date.Date{Year: 2026, Month: 2, Day: 30}},
				"InvalidArgument DATE_MALFORMED; pay_date DATE_MALFORMED",
			},
			{
				"month 13", &payoutv1.PreviewPayoutRunRequest{Parent: "programs/azure", PayDate: the15th(13)},
				"InvalidArgument DATE_MALFORMED; pay_date DATE_MALFORMED",
			},
			{
				"a plan of another program", &payoutv1.PreviewPayoutRunRequest{Parent: "programs/azure", PayDate: the15th(5), Plan: windows},
				"InvalidArgument PLAN_OF_OTHER_PROGRAM; plan PLAN_OF_OTHER_PROGRAM",
			},
			{
				"no name of a plan", &payoutv1.PreviewPayoutRunRequest{Parent: "programs/azure", PayDate: the15th(5), Plan: "partners/-/plans/-"},
				"InvalidArgument NAME_MALFORMED; plan NAME_MALFORMED",
			},
			{
				"all at once", &payoutv1.PreviewPayoutRunRequest{
					Parent: "azure", PayDate: &date.Date{Year: 2026, Month: 5, Day: 1}, Plan: "x", PageSize: -1, PageToken: "x",
				},
				"InvalidArgument INVALID_FIELDS; parent NAME_MALFORMED; pay_date PAY_DATE_NOT_15TH; plan NAME_MALFORMED; " +
					"page_size PAGE_SIZE_NEGATIVE; page_token PAGE_TOKEN_INVALID",
			},
			{"no such program", &payoutv1.PreviewPayoutRunRequest{Parent: "programs/none", PayDate: the15th(5)}, "NotFound PROGRAM_NOT_FOUND"},
		} {
			if _, err := o.PreviewPayoutRun(t.Context(), test.request); told(err) != test.want {
				t.Errorf("%s: %s, want %s", test.name, told(err), test.want)
			}
		}
		o.plansvc.Fail(fault.New(fault.Unavailable, "OUT", "out"))
		if _, _, err := o.preview("", the15th(5))(t.Context(), 0, ""); told(err) != "Unavailable PLANSVC_UNAVAILABLE" {
			t.Errorf("while plansvc is out: %s, want PLANSVC_UNAVAILABLE", told(err))
		}
	})
}

// A plan that can't be computed is a failure, also where it is the only one that is asked for; one that does
// not exist is none.
func TestR3_R4_PreviewOfAPlanWithoutTerms(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "april", 4))
		for _, plan := range []string{contoso, fabrikam} {
			unreadable := approved(plan)
			unreadable.TimeZone = "Mars/Olympus"
			o.plansvc.SetPlan(unreadable)
		}
		for _, test := range []struct {
			plan, want string
			failures   []string
		}{
			{contoso, "OK", []string{contoso + " TERMS_UNREADABLE"}},
			{fabrikam, "OK", nil}, // has earned nothing, so that nobody asks
			{nowhere, "NotFound PLAN_NOT_FOUND", nil},
		} {
			response, err := o.PreviewPayoutRun(t.Context(), &payoutv1.PreviewPayoutRunRequest{Parent: "programs/azure", PayDate: the15th(5), Plan: test.plan})
			var failures []string
			for _, f := range response.GetFailures() {
				failures = append(failures, f.GetPlan()+" "+f.GetReason())
			}
			if diff := cmp.Diff(test.failures, failures); diff != "" || told(err) != test.want || len(response.GetPayouts()) > 0 {
				t.Errorf("%s: %s, want %s; failures (-want +got):\n%s", test.plan, told(err), test.want, diff)
			}
		}
		for name, list := range map[string]lister{"earnings": o.earnings(fabrikam, ""), "payouts": o.payouts(fabrikam, "")} {
			if _, _, err := list(t.Context(), 0, ""); err != nil {
				t.Errorf("%s of a plan whose terms can't be understood: %s, want none of them", name, told(err))
			}
		}
	})
}

// A page looks at so many plans, and can have fewer payouts, or none.
func TestR4_PreviewPages(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		var want []string
		var batch []*payoutv1.Earning
		const plans = 60
		for i := range plans {
			plan := fmt.Sprintf("partners/p%02d/plans/azure.coop.fy26", i)
			amount := int64(1)
			if i%3 == 0 {
				amount = -1 // is owed nothing, and still looked at
			} else {
				want = append(want, plan+"/payouts/2026-05-15")
			}
			o.plansvc.SetPlan(approved(plan))
			batch = append(batch, earning(plan, "a", amount), earning(plan, "b", amount, "2026-03-10T12:00:00Z"))
		}
		o.earn(t, batch...)
		for _, size := range []int32{1, 7, plans, plans + 1, 1000} {
			got := o.preview("", the15th(5)).all(t, size)
			if diff := cmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" {
				t.Errorf("by %d, all together (-want +got):\n%s", size, diff)
			}
		}
	})
}
