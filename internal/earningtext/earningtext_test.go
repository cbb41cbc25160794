package earningtext_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/earningtext"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// texts are those of a good earning, with some fields changed; a field of "-" is not there.
func texts(changes ...string) map[string]string {
	all := map[string]string{
		"plan": "contoso/azure.coop.fy26", "id": "inv-1", "amount": "1234.50", "currency": "USD",
		"earn_time": "2026-04-30T17:00:00-07:00", "description": "April",
	}
	for i := 0; i < len(changes); i += 2 {
		all[changes[i]] = changes[i+1]
	}
	maps.DeleteFunc(all, func(_, text string) bool { return text == "-" })
	return all
}

// good is the earning of texts, changed.
func good(change func(*payoutv1.Earning)) *payoutv1.Earning {
	e := &payoutv1.Earning{
		Name:   "partners/contoso/plans/azure.coop.fy26/earnings/inv-1",
		Amount: &moneypb.Money{CurrencyCode: "USD", Units: 1234, Nanos: 500_000_000}, Description: "April",
		EarnTime: timestamppb.New(time.Date(2026, time.May, 1, 0, 0, 0, 0, time.UTC)),
	}
	change(e)
	return e
}

func TestRead(t *testing.T) {
	same := func(*payoutv1.Earning) {}
	for _, test := range []struct {
		name  string
		texts map[string]string
		want  *payoutv1.Earning
	}{
		{"all of it", texts(), good(same)},
		{"the plan in full", texts("plan", "partners/contoso/plans/azure.coop.fy26"), good(same)},
		{"spaces around all but the description", texts("plan", " contoso/azure.coop.fy26\t", "id", " inv-1 ", "amount", " 1234.50 ", "currency", " USD ", "earn_time", " 2026-05-01T00:00:00Z ", "description", " April "), good(func(e *payoutv1.Earning) { e.Description = " April " })},
		{"no description", texts("description", "-"), good(func(e *payoutv1.Earning) { e.Description = "" })},
		{"a reversal", texts("amount", "-0.01"), good(func(e *payoutv1.Earning) { e.Amount = &moneypb.Money{CurrencyCode: "USD", Nanos: -10_000_000} })},
		{"what the rules are to refuse", texts("plan", "nobody", "id", "a b", "amount", "0"), good(func(e *payoutv1.Earning) {
			e.Name, e.Amount = "nobody/earnings/a b", &moneypb.Money{CurrencyCode: "USD"}
		})},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := earningtext.Read(test.texts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		texts map[string]string
		want  []string // path and reason of each violation, in the order in which they are told
	}{
		{"nothing", map[string]string{}, []string{"plan FIELD_REQUIRED", "id FIELD_REQUIRED", "amount FIELD_REQUIRED", "currency FIELD_REQUIRED", "earn_time FIELD_REQUIRED"}},
		{"blanks", texts("plan", " ", "id", "\t"), []string{"plan FIELD_REQUIRED", "id FIELD_REQUIRED"}},
		{"an id with a slash, which would be another name", texts("id", "a/b"), []string{"id ID_MALFORMED"}},
		{"an amount with a comma", texts("amount", "12,50"), []string{"amount AMOUNT_MALFORMED"}},
		{"an amount that is none", texts("amount", "NaN"), []string{"amount AMOUNT_MALFORMED"}},
		{"an amount that is too fine", texts("amount", "0.001"), []string{"amount AMOUNT_TOO_PRECISE"}},
		{"an amount above the largest", texts("amount", "10000000000000.01"), []string{"amount AMOUNT_TOO_LARGE"}},
		{"a currency that is none", texts("currency", "USX"), []string{"currency CURRENCY_UNKNOWN"}},
		{"a currency in small letters", texts("currency", "usd"), []string{"currency CURRENCY_UNKNOWN"}},
		{"a day", texts("earn_time", "2026-04-30"), []string{"earn_time TIME_MALFORMED"}},
		{"a time without its zone", texts("earn_time", "2026-04-30T17:00:00"), []string{"earn_time TIME_MALFORMED"}},
		{"a time before the year 1 in UTC", texts("earn_time", "0001-01-01T00:00:00+01:00"), []string{"earn_time TIME_MALFORMED"}},
		{"a time after the year 9999 in UTC", texts("earn_time", "9999-12-31T23:59:59-01:00"), []string{"earn_time TIME_MALFORMED"}},
		{"what is not UTF-8", texts("description", "\xff", "id", "\xfe"), []string{"id TEXT_MALFORMED", "description TEXT_MALFORMED"}},
		{"fields that are none", texts("Plan", "x", "amont", "1"), []string{"Plan FIELD_UNKNOWN", "amont FIELD_UNKNOWN"}},
		{"all at once", texts("id", "a/b", "amount", "x", "earn_time", "x"), []string{"id ID_MALFORMED", "amount AMOUNT_MALFORMED", "earn_time TIME_MALFORMED"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := earningtext.Read(test.texts)
			if diff := cmp.Diff(test.want, told(err)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// told are the path and the reason of each violation of an error.
func told(err error) []string {
	refusal, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	var all []string
	for _, f := range refusal.Fields {
		all = append(all, f.Path+" "+f.Reason)
	}
	return all
}

// An entry of a stream may have thousands of fields that are none: some are named, the others counted.
func TestReadNamesSomeOfManyUnknownFields(t *testing.T) {
	many := texts()
	for i := range 1000 {
		many[strings.Repeat("x", 1000+i)] = "1"
	}
	_, err := earningtext.Read(many)
	if text := err.Error(); !strings.Contains(text, "990 more are not fields of an earning") || len(text) > 2000 {
		t.Errorf("%d bytes: %.3000s", len(text), text)
	}
}

func TestInFields(t *testing.T) {
	refused := func(path, reason string) error {
		var v fault.Violations
		v.Add(path, reason, "is wrong")
		return v.Err()
	}
	earning := &payoutv1.Earning{Name: "contoso/earnings/a"}
	for _, test := range []struct {
		name    string
		refusal error
		want    string
	}{
		{"of a batch", refused("earnings[3].amount", "AMOUNT_ZERO"), "amount: is wrong"},
		{"of one", refused("earning.amount", "AMOUNT_ZERO"), "amount: is wrong"},
		{"the id", refused("earnings[0].name", "ID_MALFORMED"), "id: is wrong"},
		{"the plan", refused("earnings[0].name", "NAME_MALFORMED"), `plan: "contoso" is not a plan such as contoso/azure.coop.fy26`},
		{"of no field", fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is no plan"), "there is no plan"},
		{"no refusal", errors.New("broken"), "broken"},
	} {
		if got := earningtext.InFields(earning, test.refusal).Error(); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Whatever the texts are: an earning, or a refusal that is bounded and can be shown.
func FuzzRead(f *testing.F) {
	f.Add("contoso/azure.coop.fy26", "inv-1", "1234.50", "USD", "2026-04-30T17:00:00-07:00", "April", "other")
	f.Add("", "a/b", "1e400000", "usd", "0000-00-00T00:00:00Z", "\xff", "\xfe")
	f.Add("contoso/azure.coop.fy26", "inv-1", "-0.5", "JPY", "0000-01-01T00:00:00Z", "", "")
	f.Fuzz(func(t *testing.T, plan, id, amount, currency, earnTime, description, other string) {
		e, err := earningtext.Read(texts("plan", plan, "id", id, "amount", amount, "currency", currency, "earn_time", earnTime, "description", description, other, "-"))
		if err != nil {
			if text := err.Error(); len(text) > 4000 || !utf8.ValidString(text) || len(told(err)) == 0 {
				t.Errorf("refused with %q", text)
			}
			return
		}
		if name := e.GetName(); !strings.Contains(name, "/earnings/") || strings.HasSuffix(name, "/") || !utf8.ValidString(name+e.GetDescription()) {
			t.Errorf("name %q, description %q", name, e.GetDescription())
		}
		var v fault.Violations
		money.Check(&v, "amount", money.FromWire(&v, "amount", e.GetAmount()))
		if e.GetAmount() == nil || v.Err() != nil || e.GetEarnTime().CheckValid() != nil {
			t.Errorf("earning %v", e)
		}
	})
}
