// Package money is exact amounts of a currency, and the only place that
// converts them: decimals in a rule, int64 minor units in a store,
// google.type.Money on the wire. Nothing here rounds (rule C6): what an amount
// cannot be said in exactly is refused.
package money

import (
	"fmt"
	"strings"

	"github.com/bojanz/currency"
	"github.com/shopspring/decimal"
)

// MaxMinor is the largest magnitude of one amount, in minor units of its
// currency: 10¹⁵, ten thousand billion dollars (rule E4).
const MaxMinor = 1_000_000_000_000_000

// Money is an amount of a currency. The zero Money has no currency.
type Money struct {
	Currency string          `json:"currency"` // ISO 4217 alphabetic code
	Amount   decimal.Decimal `json:"amount"`   // in the currency's major unit, exact
}

// New is amount of a currency.
func New(currency string, amount decimal.Decimal) Money {
	return Money{Currency: currency, Amount: amount}
}

// Zero is nothing of a currency.
func Zero(currency string) Money { return FromMinor(currency, 0) }

// Parse reads a decimal number such as "-12.50" as an amount of a currency.
// It checks neither the currency nor the precision; Check does.
func Parse(currency, number string) (Money, error) {
	amount, err := decimal.NewFromString(strings.TrimSpace(number))
	// Nobody means 1e999999999, and arithmetic on it would take all memory.
	if err != nil || amount.Exponent() > 18 || amount.Exponent() < -18 || len(number) > 40 {
		return Money{}, fmt.Errorf("%q is not a decimal number", number)
	}
	return Money{Currency: currency, Amount: amount}, nil
}

// Known tells whether code is an ISO 4217 alphabetic code in use.
func Known(code string) bool {
	_, known := digits(code)
	return known
}

// Digits returns how many decimal digits the currency's minor unit has (JPY 0,
// USD 2, KWD 3). A currency that is not Known has none.
func Digits(code string) int32 {
	n, _ := digits(code)
	return n
}

const letters = 26

// minorDigits are the digits of each code's minor unit, and one more, so that 0 is what is not Known. Every amount is asked for its
// digits again and again, and a map took a fortieth of a payout run.
var minorDigits = func() (table [letters * letters * letters]uint8) {
	for _, code := range currency.GetCurrencyCodes() {
		n, _ := currency.GetDigits(code)
		table[(int(code[0]-'A')*letters+int(code[1]-'A'))*letters+int(code[2]-'A')] = n + 1
	}
	return table
}()

func digits(code string) (n int32, known bool) {
	if len(code) != 3 {
		return 0, false
	}
	place := 0
	for _, c := range []byte(code) {
		if c < 'A' || c > 'Z' {
			return 0, false
		}
		place = place*letters + int(c-'A')
	}
	n = int32(minorDigits[place]) - 1
	return max(n, 0), n >= 0
}

// FromMinor is an amount in minor units: FromMinor("USD", 1250) is USD 12.50.
func FromMinor(currency string, minor int64) Money {
	return Money{Currency: currency, Amount: decimal.New(minor, -Digits(currency))}
}

// int64Digits is how many decimal digits the largest int64 has.
const int64Digits = 19

// Minor returns the amount in minor units; ok is false where that is not a
// whole number, or not an int64.
func (m Money) Minor() (minor int64, ok bool) {
	digits := Digits(m.Currency)
	if m.Amount.Exponent() == -digits && m.Amount.NumDigits() < int64Digits { // as most are; what follows is slow
		return m.Amount.CoefficientInt64(), true
	}
	shifted := m.Amount.Shift(digits)
	if !shifted.IsInteger() || !shifted.BigInt().IsInt64() {
		return 0, false
	}
	return shifted.IntPart(), true
}

// Add returns m + other, which are of one currency.
func (m Money) Add(other Money) Money { return New(m.Currency, m.Amount.Add(other.Amount)) }

// Sub returns m − other, which are of one currency.
func (m Money) Sub(other Money) Money { return New(m.Currency, m.Amount.Sub(other.Amount)) }

// Cmp is -1, 0 or 1 as m is below, the same as or above other, which is of the same currency.
func (m Money) Cmp(other Money) int { return m.Amount.Cmp(other.Amount) }

// Sign is -1, 0 or 1.
func (m Money) Sign() int { return m.Amount.Sign() }

// IsZero tells whether the amount is nothing.
func (m Money) IsZero() bool { return m.Amount.IsZero() }

// Equal tells whether both are the same amount of the same currency.
func (m Money) Equal(other Money) bool {
	return m.Currency == other.Currency && m.Amount.Equal(other.Amount)
}

// String is the amount with its currency's digits, more where it has more: "USD 12.50".
func (m Money) String() string {
	number := m.Amount.StringFixed(Digits(m.Currency))
	if !m.Amount.Equal(m.Amount.Truncate(Digits(m.Currency))) {
		number = m.Amount.String()
	}
	return strings.TrimSpace(m.Currency + " " + number)
}
