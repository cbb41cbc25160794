package money_test

import (
	"testing"

	"github.com/bojanz/currency"

	"github.com/incentives-dev/incentives/internal/money"
)

// Of every code of three letters, and of what is none, it is what the list of ISO 4217 says.
func TestDigits_AreThoseOfTheList(t *testing.T) {
	check := func(code string) {
		want, known := currency.GetDigits(code)
		if got := money.Digits(code); got != int32(want) || money.Known(code) != known {
			t.Errorf("%q: %d digits, known: %t; want %d, %t", code, got, money.Known(code), want, known)
		}
	}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				check(string([]rune{a, b, c}))
			}
		}
	}
	for _, code := range []string{"", "US", "USDX", "usd", "U D", "U\x00D", "\u00dcSD", "@@@", "[[[", "US\xff"} {
		check(code)
	}
}
