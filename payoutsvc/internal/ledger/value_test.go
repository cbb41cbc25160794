package ledger

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// The stored form is kept for ever: what it is does not change.
func TestStoredEarning(t *testing.T) {
	for _, test := range []struct {
		name    string
		earning payout.Earning
		want    string
	}{
		{
			"a reversal with every field",
			payout.Earning{
				Amount: money.FromMinor("USD", -1250), Month: payout.MonthIn(2026, time.April), Description: "reversal of order 17",
				EarnTime: time.Unix(1777616999, 5e8), RecordTime: time.Unix(1777617001, 0),
			},
			"-1250 USD 2026-04 1777616999.500000000 1777617001 reversal of order 17",
		},
		{
			"the largest, with no description, before 1970",
			payout.Earning{
				Amount: money.FromMinor("KWD", math.MaxInt64), Month: payout.MonthIn(1, time.January),
				EarnTime: time.Unix(-2, 1), RecordTime: time.Unix(0, 0),
			},
			"9223372036854775807 KWD 0001-01 -2.000000001 0 ",
		},
		{
			"a description of several lines",
			payout.Earning{
				Amount: money.FromMinor("JPY", 1), Month: payout.MonthIn(9999, time.December), Description: " a  b\n\x00é ",
				EarnTime: time.Unix(1, 0), RecordTime: time.Unix(2, 0),
			},
			"1 JPY 9999-12 1 2  a  b\n\x00é ",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			minor, _ := test.earning.Amount.Minor()
			value := appendEarning([]byte("kept"), &test.earning, minor)
			if got := strings.TrimPrefix(string(value), "kept"); got != test.want {
				t.Errorf("stored as %q, want %q", got, test.want)
			}
			test.earning.ID = "x"
			test.earning.EarnTime, test.earning.RecordTime = test.earning.EarnTime.UTC(), test.earning.RecordTime.UTC()
			got, err := parseEarning(earningKey("contoso/azure.coop.fy26", "x"), "x", []byte(test.want))
			if diff := cmp.Diff(test.earning, got); err != nil || diff != "" {
				t.Errorf("read back: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// What can't have been stored is an error that names its key.
func TestDamagedEarning(t *testing.T) {
	key := earningKey("contoso/azure.coop.fy26", "x")
	for _, value := range []string{
		"", "1", "1 USD 2026-04 1 1", "x USD 2026-04 1 1 d", "9223372036854775808 USD 2026-04 1 1 d", "1 US 2026-04 1 1 d", "1  2026-04 1 1 d",
		"1 USD 2026-13 1 1 d", "1 USD 2026-4 1 1 d", "1 USD 0000-04 1 1 d", "1 USD 2026-04 1.5 1 d", "1 USD 2026-04 1.0000000000 1 d",
		"1 USD 2026-04 1.-00000001 1 d", "1 USD 2026-04 . 1 d", "1 USD 2026-04 1 soon d", "1 USD 2026-04 1 1. d",
		"+1 USD 2026-04 1 1 d", "01 USD 2026-04 1 1 d", "1 USD 2026-04 +1 1 d", "1 USD 2026-04 1.000000000 1 d", "1 USD 2026-04 1 -0 d",
	} {
		if e, err := parseEarning(key, "x", []byte(value)); err == nil || !strings.Contains(err.Error(), key.ID) {
			t.Errorf("%q was read as %+v, %v; want an error that names %s", value, e, err, key.ID)
		}
	}
}

// Any earning that is stored is read as it was.
func FuzzStoredEarning(f *testing.F) {
	f.Add(int64(-1250), uint8(0), uint16(24315), int64(1777616999), uint32(5e8), int64(1777617001), "reversal of order 17")
	f.Add(int64(math.MinInt64), uint8(1), uint16(12), int64(math.MinInt64), uint32(1), int64(math.MaxInt64), " \n ")
	f.Fuzz(func(t *testing.T, minor int64, currency uint8, month uint16, earned int64, nanos uint32, recorded int64, description string) {
		const second, firstMonth, months = 1_000_000_000, 12, 9999 * 12
		want := payout.Earning{
			ID: "x", Amount: money.FromMinor([]string{"USD", "JPY", "KWD"}[currency%3], minor), Description: description,
			Month:    payout.Month(firstMonth + int(month)%months),
			EarnTime: time.Unix(earned, int64(nanos%second)).UTC(), RecordTime: time.Unix(recorded, int64(nanos/2%second)).UTC(),
		}
		value := appendEarning(nil, &want, minor)
		got, err := parseEarning(earningKey("contoso/azure.coop.fy26", "x"), "x", value)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q is read back: %v (-want +got):\n%s", value, err, diff)
		}
	})
}

// No value ends the process, whatever it is; and what can be read is what would be stored for it.
func FuzzParseEarning(f *testing.F) {
	f.Add([]byte("-1250 USD 2026-04 1777616999.500000000 1777617001 reversal of order 17"))
	f.Add([]byte("1 JPY 9999-12 -9223372036854775808 9223372036854775807.999999999 "))
	f.Add([]byte("+1 USD 2026-04 1.000000000 -0 x"))
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := parseEarning(earningKey("contoso/azure.coop.fy26", "x"), "x", value)
		if err != nil {
			return
		}
		minor, exact := e.Amount.Minor()
		if again := appendEarning(nil, &e, minor); !exact || !bytes.Equal(again, value) {
			t.Errorf("%q was read as %+v, which is stored as %q", value, e, again)
		}
	})
}
