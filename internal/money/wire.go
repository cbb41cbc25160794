package money

import (
	"github.com/shopspring/decimal"
	moneypb "google.golang.org/genproto/googleapis/type/money"

	"github.com/incentives-dev/incentives/internal/fault"
)

// nanos is how many google.type.Money.nanos make one unit.
const nanos = 1_000_000_000

const nanoDigits = 9

// pow10 holds the powers of ten up to nanos.
var pow10 = [nanoDigits + 1]int32{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, nanos}

// Check records what is wrong with m by itself, whatever it is an amount of: a
// currency that is unknown, more digits than its minor unit has, a magnitude
// above MaxMinor. It tells whether m passed. (Rules E4, L7.)
func Check(v *fault.Violations, path string, m Money) bool {
	if minor, exact := m.Minor(); exact && -MaxMinor <= minor && minor <= MaxMinor && Known(m.Currency) {
		return true // as most are; what follows is slow
	}
	switch {
	case m.Currency == "":
		v.Add(path, "CURRENCY_REQUIRED", "needs a currency code")
	case !Known(m.Currency):
		v.Add(path, "CURRENCY_UNKNOWN", "%.20q is not an ISO 4217 currency code", m.Currency)
	case !m.Amount.Shift(Digits(m.Currency)).IsInteger():
		v.Add(path, "AMOUNT_TOO_PRECISE", "%s is finer than the minor unit of %s, which has %d decimal digits", m.Amount, m.Currency, Digits(m.Currency))
	case m.Amount.Shift(Digits(m.Currency)).Abs().GreaterThan(decimal.New(MaxMinor, 0)):
		v.Add(path, "AMOUNT_TOO_LARGE", "%s is above the largest amount, %s", m, FromMinor(m.Currency, MaxMinor))
	default:
		return true
	}
	return false
}

// FromWire reads the google.type.Money at path, and records in v whatever
// Check would, and parts that contradict each other: nanos beyond ±999,999,999,
// or of another sign than units. A nil m is the zero Money.
func FromWire(v *fault.Violations, path string, m *moneypb.Money) Money {
	if m == nil {
		return Money{}
	}
	units, fraction := m.GetUnits(), m.GetNanos()
	if fraction <= -nanos || fraction >= nanos || (units > 0 && fraction < 0) || (units < 0 && fraction > 0) {
		v.Add(path, "MONEY_MALFORMED", "units %d and nanos %d are not one amount: nanos lie within ±999,999,999 and have the sign of units", units, fraction)
		return Money{Currency: m.GetCurrencyCode()}
	}
	money := New(m.GetCurrencyCode(), sum(units, fraction, Digits(m.GetCurrencyCode())))
	Check(v, path, money)
	return money
}

// sum is units and a fraction in nanos. Where it is a whole number of minor units of so many digits, which most are, it is
// made as one, which is what Minor looks for first.
func sum(units int64, fraction, digits int32) decimal.Decimal {
	scale, fine := int64(pow10[digits]), pow10[nanoDigits-digits]
	if fraction%fine == 0 && -MaxMinor/scale < units && units < MaxMinor/scale {
		return decimal.New(units*scale+int64(fraction/fine), -digits)
	}
	return decimal.New(units, 0).Add(decimal.New(int64(fraction), -nanoDigits))
}

// ToWire is m as a google.type.Money; the zero Money is nil.
func ToWire(m Money) *moneypb.Money {
	if m.Currency == "" && m.Amount.IsZero() {
		return nil
	}
	if minor, exact := m.Minor(); exact {
		digits := Digits(m.Currency)
		scale, fine := int64(pow10[digits]), pow10[nanoDigits-digits]
		return &moneypb.Money{CurrencyCode: m.Currency, Units: minor / scale, Nanos: int32(minor%scale) * fine}
	}
	units := m.Amount.Truncate(0)
	return &moneypb.Money{
		CurrencyCode: m.Currency,
		Units:        units.IntPart(),
		Nanos:        int32(m.Amount.Sub(units).Shift(9).IntPart()),
	}
}
