package payoutrpc_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestGetEarning(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		const odd = `!"#$%&'()*+,-.09:;<=>?@AZ[\]^_` + "`az{|}~"
		o.earn(t, earning(contoso, odd, 5))
		for _, test := range []struct{ name, want string }{
			{contoso + "/earnings/" + odd, "OK"},
			{contoso + "/earnings/none", "NotFound EARNING_NOT_FOUND"},
			{nowhere + "/earnings/none", "NotFound EARNING_NOT_FOUND"},
			{contoso + "/earnings/", "InvalidArgument NAME_MALFORMED; name NAME_MALFORMED"},
			{contoso, "InvalidArgument NAME_MALFORMED; name NAME_MALFORMED"},
			{"", "InvalidArgument FIELD_REQUIRED; name FIELD_REQUIRED"},
		} {
			got, err := o.GetEarning(t.Context(), &payoutv1.GetEarningRequest{Name: test.name})
			if told(err) != test.want || err == nil && (got.GetName() != test.name || got.GetAmount().GetUnits() != 5) {
				t.Errorf("%q: %v, %s, want %s", test.name, got, told(err), test.want)
			}
		}
	})
}

// A lister calls a list for one page, and returns the names on it.
type lister func(ctx context.Context, size int32, token string) (names []string, next string, err error)

// all are the names on all pages of a size.
func (list lister) all(t *testing.T, size int32) []string {
	t.Helper()
	var all []string
	for token := ""; ; {
		names, next, err := list(t.Context(), size, token)
		if err != nil {
			t.Fatal(err)
		}
		if size > 0 && len(names) > int(size) {
			t.Errorf("a page of %d has %d entries", size, len(names))
		}
		all = append(all, names...)
		if token = next; token == "" {
			return all
		}
	}
}

type named interface{ GetName() string }

func namesOf[T named](all []T) []string {
	names := make([]string, len(all))
	for i, one := range all {
		names[i] = one.GetName()
	}
	return names
}

func (o *office) earnings(plan, filter string) lister {
	return func(ctx context.Context, size int32, token string) ([]string, string, error) {
		page, err := o.ListEarnings(ctx, &payoutv1.ListEarningsRequest{Parent: plan, Filter: filter, PageSize: size, PageToken: token})
		return namesOf(page.GetEarnings()), page.GetNextPageToken(), err
	}
}

func (o *office) statements(plan string) lister {
	return func(ctx context.Context, size int32, token string) ([]string, string, error) {
		page, err := o.ListStatements(ctx, &payoutv1.ListStatementsRequest{Parent: plan, PageSize: size, PageToken: token})
		return namesOf(page.GetStatements()), page.GetNextPageToken(), err
	}
}

func (o *office) payouts(parent, filter string) lister {
	return func(ctx context.Context, size int32, token string) ([]string, string, error) {
		page, err := o.ListPayouts(ctx, &payoutv1.ListPayoutsRequest{Parent: parent, Filter: filter, PageSize: size, PageToken: token})
		return namesOf(page.GetPayouts()), page.GetNextPageToken(), err
	}
}

func (o *office) runs(program string) lister {
	return func(ctx context.Context, size int32, token string) ([]string, string, error) {
		page, err := o.ListPayoutRuns(ctx, &payoutv1.ListPayoutRunsRequest{Parent: program, PageSize: size, PageToken: token})
		return namesOf(page.GetPayoutRuns()), page.GetNextPageToken(), err
	}
}

func (o *office) preview(plan string, payDate *date.Date) lister {
	return func(ctx context.Context, size int32, token string) ([]string, string, error) {
		page, err := o.PreviewPayoutRun(ctx, &payoutv1.PreviewPayoutRunRequest{Parent: "programs/azure", Plan: plan, PayDate: payDate, PageSize: size, PageToken: token})
		return namesOf(page.GetPayouts()), page.GetNextPageToken(), err
	}
}

// No list takes a token that it did not make for the same list, or a size below zero, and all is told at once.
func TestPages_OfOtherLists(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		lists := map[string]lister{
			"earnings":                o.earnings(contoso, ""),
			"earnings of a month":     o.earnings(contoso, `earned_month="2026-04"`),
			"earnings of another":     o.earnings(fabrikam, ""),
			"statements":              o.statements(contoso),
			"statements of another":   o.statements(fabrikam),
			"payouts":                 o.payouts(contoso, ""),
			"payouts that are paid":   o.payouts(contoso, "state=PAID"),
			"payouts of all":          o.payouts("partners/-/plans/-", ""),
			"runs":                    o.runs("programs/azure"),
			"runs of another program": o.runs("programs/windows"),
			"preview":                 o.preview("", &date.Date{Year: 2026, Month: 5, Day: 15}),
			"preview of June":         o.preview("", &date.Date{Year: 2026, Month: 6, Day: 15}),
			"preview of a plan":       o.preview(contoso, &date.Date{Year: 2026, Month: 5, Day: 15}),
		}
		const want = "InvalidArgument PAGE_TOKEN_INVALID; page_token PAGE_TOKEN_INVALID"
		for name, list := range lists {
			for _, token := range []string{"x", "AAAA", "AAAAAAAAAAAAAAAA", listing.Token("0/"), listing.Token("a", "b")} {
				if _, _, err := list(t.Context(), 10, token); told(err) != want {
					t.Errorf("%s by the token %q: %s, want %s", name, token, told(err), want)
				}
			}
			_, _, err := list(t.Context(), -1, "x")
			if want := "InvalidArgument INVALID_FIELDS; page_size PAGE_SIZE_NEGATIVE; page_token PAGE_TOKEN_INVALID"; told(err) != want {
				t.Errorf("%s by a size and a token that are wrong: %s, want %s", name, told(err), want)
			}
		}
		// A token of one list is none of another.
		for _, plan := range []string{contoso, fabrikam} {
			for i := range 4 {
				o.earn(t, earning(plan, fmt.Sprint(i), 1, "2026-04-10T12:00:00Z"), earning(plan, fmt.Sprint("m", i), 1, "2026-03-10T12:00:00Z"))
			}
		}
		for _, month := range []string{"2026-04-15", "2026-05-15"} {
			if _, err := o.CreatePayoutRun(t.Context(), &payoutv1.CreatePayoutRunRequest{Parent: "programs/azure", PayoutRunId: month}); err != nil {
				t.Fatal(err)
			}
		}
		for _, plan := range []string{contoso, fabrikam} {
			for month := range 3 {
				o.earn(t, earning(plan, fmt.Sprint("l", month), 1, fmt.Sprintf("2026-0%d-11T12:00:00Z", month+2)))
			}
		}
		made := 0
		for name, list := range lists {
			_, token, err := list(t.Context(), 1, "")
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if token == "" {
				continue
			}
			made++
			for other, list := range lists {
				if _, _, err := list(t.Context(), 1, token); (err == nil) != (other == name) {
					t.Errorf("the token of %q given to %q: %s, want it taken by its own list alone", name, other, told(err))
				}
			}
		}
		if made < 8 {
			t.Errorf("only %d lists have a second page, so that little was tried", made)
		}
	})
}

// A token can be forged, and gains nothing: whatever is in it, the answer is an answer.
func TestPages_ForgedCursors(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for i := range 5 {
			o.earn(t, earning(contoso, fmt.Sprint(i), 1, fmt.Sprintf("2026-0%d-10T12:00:00Z", i+1)))
		}
		mayDate := &date.Date{Year: 2026, Month: 5, Day: 15}
		previewed := fmt.Sprint(2026*12 + 4)
		cursors := []string{
			"/", "x", "0/", "1/2026-01", "99999999999999999999/x", "9/9", "3/partners", "65535/x", "65536/x", "-1/x", "-5/x", "\x00", "~", "contoso/azure.coop.fy26/~",
			"fabrikam/azure.coop.fy26/0", "payouts",
		}
		for _, cursor := range cursors {
			for name, list := range map[string]func() error{
				"earnings": func() error {
					_, _, err := o.earnings(contoso, "")(t.Context(), 2, listing.Token(cursor, "earnings", contoso, ""))
					return err
				},
				"statements": func() error {
					_, _, err := o.statements(contoso)(t.Context(), 2, listing.Token(cursor, "statements", contoso))
					return err
				},
				"payouts": func() error {
					_, _, err := o.payouts(contoso, "")(t.Context(), 2, listing.Token(cursor, "payouts", contoso, ""))
					return err
				},
				"runs": func() error {
					_, _, err := o.runs("programs/azure")(t.Context(), 2, listing.Token(cursor, "payoutRuns", "programs/azure"))
					return err
				},
				"preview": func() error {
					_, _, err := o.preview("", mayDate)(t.Context(), 2, listing.Token(cursor, "preview", "programs/azure", "", previewed))
					return err
				},
			} {
				const refused = "InvalidArgument PAGE_TOKEN_INVALID; page_token PAGE_TOKEN_INVALID"
				if got := told(list()); got != "OK" && (got != refused || name != "preview") {
					t.Errorf("%s after the forged cursor %q: %s, want a page, or a preview to refuse it", name, cursor, got)
				}
			}
		}
		if got := o.log.Count("level=ERROR"); got > 0 {
			t.Errorf("forged tokens logged %d errors, want none", got)
		}
	})
}

func TestListEarnings(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		var want []string
		for i := range 25 {
			id := fmt.Sprintf("e%02d", i)
			month := "2026-04"
			if i%5 == 0 {
				month = "2026-03"
			}
			o.earn(t, earning(contoso, id, 1, month+"-10T12:00:00Z"))
			want = append(want, contoso+"/earnings/"+id)
		}
		o.earn(t, earning(fabrikam, "other", 1))
		for _, size := range []int32{1, 7, 25, 26, 0, 100_000} {
			if diff := cmp.Diff(want, o.earnings(contoso, "").all(t, size)); diff != "" {
				t.Errorf("by %d (-want +got):\n%s", size, diff)
			}
		}
		if got := o.earnings(contoso, `earned_month="2026-03"`).all(t, 2); len(got) != 5 || got[1] != contoso+"/earnings/e05" {
			t.Errorf("of March: %q, want every fifth", got)
		}
		for _, test := range []struct {
			filter string
			want   int
		}{
			{`earn_time>"2026-04-01T00:00:00Z"`, 20},
			{`record_time>="2026-05-20T12:00:00Z"`, 25},
			{`record_time>"2026-05-20T12:00:00Z"`, 0},
			{`description=""`, 25},
			{`NOT earned_month="2026-03" AND earn_time<"2026-04-10T12:00:01Z"`, 20},
		} {
			if got := o.earnings(contoso, test.filter).all(t, 0); len(got) != test.want {
				t.Errorf("%s finds %d, want %d", test.filter, len(got), test.want)
			}
		}
		for _, test := range []struct{ parent, filter, want string }{
			{nowhere, "", "NotFound PLAN_NOT_FOUND"},
			{"", "", "InvalidArgument FIELD_REQUIRED; parent FIELD_REQUIRED"},
			{"partners/-/plans/-", "", "InvalidArgument NAME_MALFORMED; parent NAME_MALFORMED"},
			{"partners/contoso", "amount=1", "InvalidArgument INVALID_FIELDS; parent NAME_MALFORMED; filter FILTER_INVALID"},
		} {
			if _, _, err := o.earnings(test.parent, test.filter)(t.Context(), 0, ""); told(err) != test.want {
				t.Errorf("of %q by %q: %s, want %s", test.parent, test.filter, told(err), test.want)
			}
		}
	})
}

func TestC2_C4_GetStatement(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 15_000), earning(contoso, "b", -3, "2026-03-10T00:00:00Z"), inYen(earning(tailspin, "a", 700)))
		for _, test := range []struct {
			plan, month string
			want        *payoutv1.Statement
		}{
			{contoso, "2026-04", &payoutv1.Statement{
				Earned: usd(15_000), Limit: usd(10_000), Payable: usd(10_000), WithheldOverLimit: usd(5_000), Paid: usd(0), Due: usd(10_000),
				PayDate: &date.Date{Year: 2026, Month: 5, Day: 15}, PlanApproved: true,
			}},
			{contoso, "2026-03", &payoutv1.Statement{
				Earned: usd(-3), Limit: usd(10_000), Payable: usd(0), WithheldOverLimit: usd(0), Paid: usd(0), Due: usd(0),
				PayDate: &date.Date{Year: 2026, Month: 4, Day: 15}, PlanApproved: true,
			}},
			{contoso, "2025-12", &payoutv1.Statement{
				Earned: usd(0), Limit: usd(10_000), Payable: usd(0), WithheldOverLimit: usd(0), Paid: usd(0), Due: usd(0),
				PayDate: &date.Date{Year: 2026, Month: 1, Day: 15}, PlanApproved: true,
			}},
			{tailspin, "2026-04", &payoutv1.Statement{ // is not approved: C5
				Earned: yen(700), Limit: yen(0), Payable: yen(0), WithheldOverLimit: yen(700), Paid: yen(0), Due: yen(0),
				PayDate: &date.Date{Year: 2026, Month: 5, Day: 15},
			}},
		} {
			test.want.Name = test.plan + "/statements/" + test.month
			got, err := o.GetStatement(t.Context(), &payoutv1.GetStatementRequest{Name: test.want.GetName()})
			if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" || err != nil {
				t.Errorf("%s: %v (-want +got):\n%s", test.want.GetName(), err, diff)
			}
		}
	})
}

func TestGetStatement_MonthsThatDoNotExist(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		for _, test := range []struct{ name, want string }{
			{contoso + "/statements/2025-07", "OK"},
			{contoso + "/statements/2026-06", "OK"},
			{contoso + "/statements/2025-06", "NotFound STATEMENT_NOT_FOUND"},
			{contoso + "/statements/2026-07", "NotFound STATEMENT_NOT_FOUND"},
			{contoso + "/statements/9999-12", "NotFound STATEMENT_NOT_FOUND"},
			{contoso + "/statements/2026-13", "InvalidArgument MONTH_MALFORMED; name MONTH_MALFORMED"},
			{contoso + "/statements/2026-00", "InvalidArgument MONTH_MALFORMED; name MONTH_MALFORMED"},
			{contoso + "/statements/0000-01", "InvalidArgument MONTH_MALFORMED; name MONTH_MALFORMED"},
			{contoso + "/statements/2026-4", "InvalidArgument MONTH_MALFORMED; name MONTH_MALFORMED"},
			{contoso + "/statements/2026-04-15", "InvalidArgument MONTH_MALFORMED; name MONTH_MALFORMED"},
			{contoso + "/statements/April", "InvalidArgument MONTH_MALFORMED; name MONTH_MALFORMED"},
			{contoso + "/statements/", "InvalidArgument NAME_MALFORMED; name NAME_MALFORMED"},
			{"partners/contoso/plans/-/statements/2026-04", "InvalidArgument NAME_MALFORMED; name NAME_MALFORMED"},
			{"", "InvalidArgument FIELD_REQUIRED; name FIELD_REQUIRED"},
			{nowhere + "/statements/2026-04", "NotFound PLAN_NOT_FOUND"},
		} {
			if _, err := o.GetStatement(t.Context(), &payoutv1.GetStatementRequest{Name: test.name}); told(err) != test.want {
				t.Errorf("%s: %s, want %s", test.name, told(err), test.want)
			}
		}
		o.plansvc.Fail(fault.New(fault.Unavailable, "OUT", "out"))
		if _, err := o.GetStatement(t.Context(), &payoutv1.GetStatementRequest{Name: contoso + "/statements/2026-04"}); told(err) != "Unavailable PLANSVC_UNAVAILABLE" {
			t.Errorf("while plansvc is out: %s, want PLANSVC_UNAVAILABLE", told(err))
		}
	})
}

// A draft without a currency has statements, too: of nothing.
func TestGetStatement_OfADraft(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		got, err := o.GetStatement(t.Context(), &payoutv1.GetStatementRequest{Name: draft + "/statements/2026-04"})
		if err != nil || got.GetPlanApproved() {
			t.Errorf("%v, %v, want a statement that is not approved", got, err)
		}
		if got := o.statements(draft).all(t, 0); got != nil {
			t.Errorf("a draft has the statements %q, want none", got)
		}
	})
}

func TestListStatements(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		var want []string
		for _, month := range []string{"2025-07", "2025-09", "2025-12", "2026-01", "2026-04"} {
			o.earn(t, earning(contoso, month, 1, month+"-10T12:00:00Z"))
			want = append(want, contoso+"/statements/"+month)
		}
		for _, size := range []int32{0, 1, 2, 5, 6} {
			if diff := cmp.Diff(want, o.statements(contoso).all(t, size)); diff != "" {
				t.Errorf("by %d (-want +got):\n%s", size, diff)
			}
		}
		if got := o.statements(fabrikam).all(t, 0); got != nil {
			t.Errorf("a plan that has earned nothing has the statements %q, want none", got)
		}
		for parent, want := range map[string]string{
			nowhere: "NotFound PLAN_NOT_FOUND", "": "InvalidArgument FIELD_REQUIRED; parent FIELD_REQUIRED",
			"programs/azure": "InvalidArgument NAME_MALFORMED; parent NAME_MALFORMED",
		} {
			if _, _, err := o.statements(parent)(t.Context(), 0, ""); told(err) != want {
				t.Errorf("of %q: %s, want %s", parent, told(err), want)
			}
		}
	})
}

// Terms that are read for a statement are those of now.
func TestGetStatement_ByTheLimitOfNow(t *testing.T) {
	in(t, func(t *testing.T, o *office) {
		o.earn(t, earning(contoso, "a", 15_000))
		changed := approved(contoso)
		changed.Limits = append(changed.Limits, &planv1.Plan_Limit{EffectiveMonth: "2026-04", Amount: usd(12_000)})
		o.plansvc.SetPlan(changed)
		got, err := o.GetStatement(t.Context(), &payoutv1.GetStatementRequest{Name: contoso + "/statements/2026-04"})
		if err != nil || got.GetPayable().GetUnits() != 12_000 {
			t.Errorf("payable %v, %v, want 12,000", got.GetPayable(), err)
		}
	})
}

func yen(units int64) *money.Money { return &money.Money{CurrencyCode: "JPY", Units: units} }

// inYen is an earning in another currency than USD.
func inYen(e *payoutv1.Earning) *payoutv1.Earning {
	e.Amount.CurrencyCode = "JPY"
	return e
}
