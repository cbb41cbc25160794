package money_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

func TestE4_MinorUnits(t *testing.T) {
	for _, test := range []struct {
		name, currency, number string
		want                   int64
		ok                     bool
	}{
		{"JPY has none", "JPY", "1200000", 1_200_000, true},
		{"JPY with a digit", "JPY", "0.5", 0, false},
		{"USD has two", "USD", "-12.34", -1234, true},
		{"USD with trailing zeros", "USD", "12.3400", 1234, true},
		{"USD with three", "USD", "0.001", 0, false},
		{"KWD has three", "KWD", "1.234", 1234, true},
		{"KWD with four", "KWD", "1.2345", 0, false},
		{"the largest int64", "JPY", "9223372036854775807", math.MaxInt64, true},
		{"beyond int64", "JPY", "9223372036854775808", 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, err := money.Parse(test.currency, test.number)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := m.Minor()
			if got != test.want || ok != test.ok {
				t.Errorf("%s: Minor() = %d, %t; want %d, %t", m, got, ok, test.want, test.ok)
			}
			if ok && !money.FromMinor(test.currency, got).Equal(m) {
				t.Errorf("FromMinor(%d) = %s, want %s back", got, money.FromMinor(test.currency, got), m)
			}
		})
	}
}

func TestE4_FromWire(t *testing.T) {
	for _, test := range []struct {
		name   string
		wire   *moneypb.Money
		want   string
		reason string
	}{
		{"whole", &moneypb.Money{CurrencyCode: "USD", Units: 5}, "USD 5.00", ""},
		{"cents", &moneypb.Money{CurrencyCode: "USD", Units: -5, Nanos: -250_000_000}, "USD -5.25", ""},
		{"the largest", &moneypb.Money{CurrencyCode: "JPY", Units: money.MaxMinor}, "JPY 1000000000000000", ""},
		{"one above the largest", &moneypb.Money{CurrencyCode: "JPY", Units: money.MaxMinor + 1}, "", "AMOUNT_TOO_LARGE"},
		{"the largest of four digits", &moneypb.Money{CurrencyCode: "CLF", Units: 99_999_999_999, Nanos: 999_900_000}, "CLF 99999999999.9999", ""},
		{"so large that a multiple of it is small", &moneypb.Money{CurrencyCode: "CLF", Units: 1_844_674_407_370_956}, "", "AMOUNT_TOO_LARGE"},
		{"the smallest int64", &moneypb.Money{CurrencyCode: "USD", Units: math.MinInt64}, "", "AMOUNT_TOO_LARGE"},
		{"finer than a cent", &moneypb.Money{CurrencyCode: "USD", Nanos: 1_000_000}, "", "AMOUNT_TOO_PRECISE"},
		{"finer than a yen", &moneypb.Money{CurrencyCode: "JPY", Nanos: 500_000_000}, "", "AMOUNT_TOO_PRECISE"},
		{"no currency", &moneypb.Money{Units: 1}, "", "CURRENCY_REQUIRED"},
		{"unknown currency", &moneypb.Money{CurrencyCode: "ABC", Units: 1}, "", "CURRENCY_UNKNOWN"},
		{"lower case", &moneypb.Money{CurrencyCode: "usd", Units: 1}, "", "CURRENCY_UNKNOWN"},
		{"signs differ", &moneypb.Money{CurrencyCode: "USD", Units: 1, Nanos: -500_000_000}, "", "MONEY_MALFORMED"},
		{"nanos too large", &moneypb.Money{CurrencyCode: "USD", Nanos: 1_000_000_000}, "", "MONEY_MALFORMED"},
		{"nanos too small", &moneypb.Money{CurrencyCode: "USD", Nanos: math.MinInt32}, "", "MONEY_MALFORMED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v fault.Violations
			m := money.FromWire(&v, "amount", test.wire)
			if got := fault.ReasonOf(v.Err()); got != test.reason {
				t.Fatalf("reason %q, want %q", got, test.reason)
			}
			if test.reason != "" {
				return
			}
			if got := m.String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if diff := cmp.Diff(test.wire, money.ToWire(m), protocmp.Transform()); diff != "" {
				t.Errorf("back on the wire (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzFromWire(f *testing.F) {
	f.Add("USD", int64(5), int32(250_000_000))
	f.Add("JPY", int64(-1), int32(1))
	f.Add("KWD", int64(math.MinInt64), int32(math.MinInt32))
	f.Add("CLF", int64(-99_999_999_999), int32(-999_900_000))
	f.Fuzz(func(t *testing.T, code string, units int64, nanos int32) {
		var v fault.Violations
		m := money.FromWire(&v, "amount", &moneypb.Money{CurrencyCode: code, Units: units, Nanos: nanos})
		if v.Err() != nil {
			return
		}
		minor, ok := m.Minor()
		if !ok || minor > money.MaxMinor || minor < -money.MaxMinor {
			t.Fatalf("%s %d.%09d passed, but is %d minor units (exact: %t)", code, units, nanos, minor, ok)
		}
		if !money.FromMinor(code, minor).Equal(m) {
			t.Fatalf("%s is not what its %d minor units are: %s", m, minor, money.FromMinor(code, minor))
		}
		if want := decimal.New(units, 0).Add(decimal.New(int64(nanos), -9)); !m.Amount.Equal(want) {
			t.Fatalf("%s, want %s", m.Amount, want)
		}
		if back := money.ToWire(m); back.GetUnits() != units || back.GetNanos() != nanos {
			t.Fatalf("%s came back as %d.%09d, was %d.%09d", m, back.GetUnits(), back.GetNanos(), units, nanos)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("USD", "-12.50")
	f.Add("JPY", " 1e3 ")
	f.Add("KWD", "1000000000000.0000")
	f.Add("USD", "1e999999999")
	f.Add("", "+.5")
	f.Fuzz(func(t *testing.T, code, number string) {
		m, err := money.Parse(code, number)
		if err != nil {
			return
		}
		var v fault.Violations
		if !money.Check(&v, "amount", m) {
			if v.Err() == nil {
				t.Fatalf("%q of %q did not pass, and nothing is wrong with it", number, code)
			}
			return
		}
		minor, ok := m.Minor()
		if !ok || minor > money.MaxMinor || minor < -money.MaxMinor {
			t.Fatalf("%q of %s passed, but is %d minor units (exact: %t)", number, code, minor, ok)
		}
		if back := money.FromWire(&v, "amount", money.ToWire(m)); v.Err() != nil || !back.Equal(m) {
			t.Fatalf("%s came back from the wire as %s (%v)", m, back, v.Err())
		}
		printed, err := money.Parse(code, strings.TrimPrefix(m.String(), code))
		if err != nil || !printed.Equal(m) {
			t.Fatalf("%s, as it is printed, reads as %s (%v)", m, printed, err)
		}
	})
}

func TestArithmetic(t *testing.T) {
	a, b := money.FromMinor("USD", 1250), money.FromMinor("USD", 1300)
	if got := a.Sub(b); got.String() != "USD -0.50" || got.Sign() != -1 {
		t.Errorf("12.50 - 13.00 = %s (sign %d), want USD -0.50 (-1)", got, got.Sign())
	}
	if got := a.Add(b); got.String() != "USD 25.50" {
		t.Errorf("12.50 + 13.00 = %s, want USD 25.50", got)
	}
	if !money.Zero("USD").IsZero() || a.IsZero() {
		t.Error("only zero is zero")
	}
	if a.Equal(money.New("EUR", decimal.New(125, -1))) {
		t.Error("USD 12.50 equals EUR 12.50")
	}
	for _, number := range []string{"twelve", "", "1,000", "1e999999999", "1e-999999999", "NaN"} {
		if m, err := money.Parse("USD", number); err == nil {
			t.Errorf("%q was read as %s, want an error", number, m)
		}
	}
}
