package payoutrpc_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// paid has two plans paid for April, and one of them for March before.
func (o *office) paid(t *testing.T) {
	t.Helper()
	o.earn(t, earning(contoso, "march", 3, "2026-03-10T12:00:00Z"))
	o.pay(t, "azure", "2026-04-15")
	o.earn(t, earning(contoso, "april", 4), earning(fabrikam, "april", 5), earning(windows, "april", 6))
	o.pay(t, "azure", "2026-05-15")
	o.pay(t, "windows", "2026-05-15")
}

// checkMissingPayouts checks what a call says of payouts that there are not.
func checkMissingPayouts(t *testing.T, call func(name string) error) {
	t.Helper()
	for _, test := range []struct{ name, want string }{
		{contoso + "/payouts/2026-03-15", "NotFound PAYOUT_NOT_FOUND"},
		{nowhere + "/payouts/2026-05-15", "NotFound PAYOUT_NOT_FOUND"},
		{contoso + "/payouts/2026-05-14", "InvalidArgument PAY_DATE_NOT_15TH; name PAY_DATE_NOT_15TH"},
		{contoso + "/payouts/2026-13-15", "InvalidArgument DATE_MALFORMED; name DATE_MALFORMED"},
		{contoso + "/payouts/", "InvalidArgument NAME_MALFORMED; name NAME_MALFORMED"},
		{"partners/-/plans/-/payouts/2026-05-15", "InvalidArgument NAME_MALFORMED; name NAME_MALFORMED"},
		{"", "InvalidArgument FIELD_REQUIRED; name FIELD_REQUIRED"},
	} {
		if got := told(call(test.name)); got != test.want {
			t.Errorf("%q: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestPayouts_ThatThereAreNot(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		checkMissingPayouts(t, func(name string) error {
			_, err := o.GetPayout(t.Context(), &payoutv1.GetPayoutRequest{Name: name})
			return err
		})
		checkMissingPayouts(t, func(name string) error {
			_, err := o.ConfirmPayout(t.Context(), &payoutv1.ConfirmPayoutRequest{Name: name, Reference: "r"})
			return err
		})
		checkMissingPayouts(t, func(name string) error {
			_, err := o.FailPayout(t.Context(), &payoutv1.FailPayoutRequest{Name: name, Reason: "r"})
			return err
		})
		checkMissingPayouts(t, func(name string) error {
			_, err := o.RetryPayout(t.Context(), &payoutv1.RetryPayoutRequest{Name: name})
			return err
		})
	})
}

func TestR6_States(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.paid(t)
		const name = contoso + "/payouts/2026-05-15"
		want, err := o.GetPayout(t.Context(), &payoutv1.GetPayoutRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		confirm := func(reference string) (*payoutv1.Payout, error) {
			return o.ConfirmPayout(t.Context(), &payoutv1.ConfirmPayoutRequest{Name: name, Reference: reference})
		}
		fail := func(reason string) (*payoutv1.Payout, error) {
			return o.FailPayout(t.Context(), &payoutv1.FailPayoutRequest{Name: name, Reason: reason})
		}
		retry := func(string) (*payoutv1.Payout, error) {
			return o.RetryPayout(t.Context(), &payoutv1.RetryPayoutRequest{Name: name})
		}
		for i, step := range []struct {
			name   string
			call   func(string) (*payoutv1.Payout, error)
			text   string
			want   string
			change func() // of what the payout was
		}{
			{"retry what has not failed", retry, "", "FailedPrecondition PAYOUT_STATE", nil},
			{"fail", fail, "no such account", "OK", func() { want.State, want.FailureReason = payoutv1.Payout_FAILED, "no such account" }},
			{"fail again", fail, "no such account", "FailedPrecondition PAYOUT_STATE", nil},
			{"confirm what has failed", confirm, "ref-1", "FailedPrecondition PAYOUT_STATE", nil},
			{"retry", retry, "", "OK", func() { want.State = payoutv1.Payout_SCHEDULED }},
			{"confirm", confirm, "ref-2", "OK", func() { want.State, want.Reference = payoutv1.Payout_PAID, "ref-2" }},
			{"confirm again", confirm, "ref-2", "OK", nil},
			{"confirm with another reference", confirm, "ref-3", "FailedPrecondition PAYOUT_STATE", nil},
			{"fail what is paid", fail, "no", "FailedPrecondition PAYOUT_STATE", nil},
			{"retry what is paid", retry, "", "FailedPrecondition PAYOUT_STATE", nil},
		} {
			o.setClock(fmt.Sprintf("2026-05-21T00:00:%02dZ", i))
			got, err := step.call(step.text)
			if told(err) != step.want {
				t.Errorf("%s: %s, want %s", step.name, told(err), step.want)
			}
			if step.change != nil {
				step.change()
				want.UpdateTime = timestamppb.New(o.clock())
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); err == nil && diff != "" {
				t.Errorf("%s: the payout (-want +got):\n%s", step.name, diff)
			}
			stored, err := o.GetPayout(t.Context(), &payoutv1.GetPayoutRequest{Name: name})
			if diff := cmp.Diff(want, stored, protocmp.Transform()); diff != "" || err != nil {
				t.Errorf("after %s: %v (-want +got):\n%s", step.name, err, diff)
			}
		}
		// A failed payout counted as paid all the time: no run pays it anew.
		if run := o.pay(t, "azure", "2026-05-15"); run.GetPayoutsCount() != 2 {
			t.Errorf("started again, the run has %d payouts, want the 2 that it had", run.GetPayoutsCount())
		}
	})
}

func TestR6_Texts(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.paid(t)
		const name = contoso + "/payouts/2026-05-15"
		for _, test := range []struct {
			name, text             string
			wantConfirm, wantRefus string
		}{
			{"none", "", "InvalidArgument FIELD_REQUIRED; reference FIELD_REQUIRED", "InvalidArgument FIELD_REQUIRED; reason FIELD_REQUIRED"},
			{"blank", " \t\n", "InvalidArgument FIELD_REQUIRED; reference FIELD_REQUIRED", "InvalidArgument FIELD_REQUIRED; reason FIELD_REQUIRED"},
			{"too long for a reference", strings.Repeat("é", 201), "InvalidArgument FIELD_TOO_LONG; reference FIELD_TOO_LONG", "OK"},
			{
				"too long", strings.Repeat("é", 2001),
				"InvalidArgument FIELD_TOO_LONG; reference FIELD_TOO_LONG", "InvalidArgument FIELD_TOO_LONG; reason FIELD_TOO_LONG",
			},
			{"the longest reason", strings.Repeat("é", 2000), "InvalidArgument FIELD_TOO_LONG; reference FIELD_TOO_LONG", "OK"},
			{"the longest reference", strings.Repeat("é", 200), "OK", "FailedPrecondition PAYOUT_STATE"},
		} {
			if _, err := o.ConfirmPayout(t.Context(), &payoutv1.ConfirmPayoutRequest{Name: name, Reference: test.text}); told(err) != test.wantConfirm {
				t.Errorf("%s, as a reference: %s, want %s", test.name, told(err), test.wantConfirm)
			}
			_, err := o.FailPayout(t.Context(), &payoutv1.FailPayoutRequest{Name: name, Reason: test.text})
			if told(err) != test.wantRefus {
				t.Errorf("%s, as a reason: %s, want %s", test.name, told(err), test.wantRefus)
			}
			if err == nil {
				if _, err := o.RetryPayout(t.Context(), &payoutv1.RetryPayoutRequest{Name: name}); err != nil {
					t.Fatal(err)
				}
			}
		}
		// All that is wrong is told at once.
		_, err := o.ConfirmPayout(t.Context(), &payoutv1.ConfirmPayoutRequest{Name: contoso + "/payouts/2026-05-14"})
		if want := "InvalidArgument INVALID_FIELDS; name PAY_DATE_NOT_15TH; reference FIELD_REQUIRED"; told(err) != want {
			t.Errorf("a wrong name and no reference: %s, want %s", told(err), want)
		}
		_, err = o.FailPayout(t.Context(), &payoutv1.FailPayoutRequest{Name: "x"})
		if want := "InvalidArgument INVALID_FIELDS; name NAME_MALFORMED; reason FIELD_REQUIRED"; told(err) != want {
			t.Errorf("a wrong name and no reason: %s, want %s", told(err), want)
		}
	})
}

func TestListPayouts(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.paid(t)
		const (
			april = contoso + "/payouts/2026-04-15"
			may   = contoso + "/payouts/2026-05-15"
			other = windows + "/payouts/2026-05-15"
			fab   = fabrikam + "/payouts/2026-05-15"
		)
		if _, err := o.ConfirmPayout(t.Context(), &payoutv1.ConfirmPayoutRequest{Name: may, Reference: "ref-1"}); err != nil {
			t.Fatal(err)
		}
		o.setClock("2026-05-21T00:00:00Z")
		if _, err := o.FailPayout(t.Context(), &payoutv1.FailPayoutRequest{Name: fab, Reason: "no"}); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			parent, filter string
			want           []string
		}{
			{contoso, "", []string{april, may}},
			{"partners/contoso/plans/-", "", []string{april, may, other}},
			{"partners/-/plans/-", "", []string{april, may, other, fab}},
			{"partners/-/plans/azure.coop.fy26", "", []string{april, may, fab}},
			{"partners/-/plans/-", `pay_date="2026-05-15"`, []string{may, other, fab}},
			{"partners/-/plans/-", `state=SCHEDULED`, []string{april, other}},
			{"partners/-/plans/-", `state="SCHEDULED" AND pay_date="2026-05-15"`, []string{other}},
			{"partners/contoso/plans/-", `state=SCHEDULED AND pay_date="2026-05-15"`, []string{other}},
			{"partners/-/plans/azure.coop.fy26", `state=FAILED AND pay_date="2026-05-15"`, []string{fab}},
			{contoso, `state=PAID AND pay_date="2026-05-15"`, []string{may}},
			{contoso, `state=PAID AND pay_date="2026-04-15"`, nil},
			{"partners/-/plans/-", `state=PAID AND NOT pay_date="2026-05-15"`, nil},
			{"partners/-/plans/-", `state=PAID OR state=FAILED`, []string{may, fab}},
			{"partners/-/plans/-", `state!=SCHEDULED`, []string{may, fab}},
			{"partners/-/plans/-", `program="programs/windows"`, []string{other}},
			{"partners/-/plans/-", `reference="ref-1"`, []string{may}},
			{"partners/-/plans/-", `reference:"ref"`, []string{may}},
			{"partners/-/plans/-", `update_time>="2026-05-21T00:00:00Z"`, []string{fab}},
			{"partners/-/plans/-", `create_time>="2026-05-21T00:00:00Z"`, nil},
			{"partners/-/plans/-", `pay_date="2026-05-14"`, nil},
			{"partners/-/plans/-", `pay_date="when you like"`, nil},
			{"partners/-/plans/-", `pay_date>="2026-05"`, []string{may, other, fab}},
			{"partners/nobody/plans/-", "", nil},
		} {
			for _, size := range []int32{0, 1, 2} {
				got := o.payouts(test.parent, test.filter).all(t, size)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("of %s by %q, %d on a page (-want +got):\n%s", test.parent, test.filter, size, diff)
				}
			}
		}
		for _, test := range []struct{ parent, filter, want string }{
			{nowhere, "", "NotFound PLAN_NOT_FOUND"},
			{"", "", "InvalidArgument FIELD_REQUIRED; parent FIELD_REQUIRED"},
			{"partners/-", "", "InvalidArgument NAME_MALFORMED; parent NAME_MALFORMED"},
			{"partners/-/plans/azure", "amount>1", "InvalidArgument INVALID_FIELDS; parent NAME_MALFORMED; filter FILTER_INVALID"},
			{"partners/-/plans/-", "state=MOVED", "InvalidArgument FILTER_INVALID; filter FILTER_INVALID"},
			{"partners/-/plans/-", `state="STATE_UNSPECIFIED"`, "InvalidArgument FILTER_INVALID; filter FILTER_INVALID"},
		} {
			if _, _, err := o.payouts(test.parent, test.filter)(t.Context(), 0, ""); told(err) != test.want {
				t.Errorf("of %q by %q: %s, want %s", test.parent, test.filter, told(err), test.want)
			}
		}
	})
}
