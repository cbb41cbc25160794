package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// damaged is the error of a value that cannot be what was stored under its key.
func damaged(key store.Key, err error) error {
	return fmt.Errorf("the stored value of %s %q is damaged: %w", key.Collection, key.ID, err)
}

// appendEarning appends the stored form of an earning of so many minor units. Its id is in its key.
func appendEarning(b []byte, e *payout.Earning, minor int64) []byte {
	b = strconv.AppendInt(b, minor, 10)
	b = append(b, ' ')
	b = append(b, e.Amount.Currency...)
	b = append(b, ' ')
	b = e.Month.Append(b)
	b = append(b, ' ')
	b = appendTime(b, e.EarnTime)
	b = append(b, ' ')
	b = appendTime(b, e.RecordTime)
	b = append(b, ' ')
	return append(b, e.Description...)
}

// parseEarning reads what appendEarning wrote under a key that ends in an id.
func parseEarning(key store.Key, id string, value []byte) (payout.Earning, error) {
	const fields = 6
	part := strings.SplitN(string(value), " ", fields)
	if len(part) < fields {
		return payout.Earning{}, damaged(key, errors.New("it has too few fields"))
	}
	minor, err := parseInt(part[0])
	if err != nil {
		return payout.Earning{}, damaged(key, err)
	}
	if !money.Known(part[1]) {
		return payout.Earning{}, damaged(key, fmt.Errorf("%q is not a currency", part[1]))
	}
	e := payout.Earning{ID: id, Amount: money.FromMinor(part[1], minor), Description: part[5]}
	if e.Month, err = payout.ParseMonth(part[2]); err != nil {
		return payout.Earning{}, damaged(key, err)
	}
	if e.EarnTime, err = parseTime(part[3]); err != nil {
		return payout.Earning{}, damaged(key, err)
	}
	if e.RecordTime, err = parseTime(part[4]); err != nil {
		return payout.Earning{}, damaged(key, err)
	}
	return e, nil
}

// nanoDigits is how many digits a time has after the dot.
const nanoDigits = 9

func appendTime(b []byte, t time.Time) []byte {
	b = strconv.AppendInt(b, t.Unix(), 10)
	if t.Nanosecond() == 0 {
		return b
	}
	digits := strconv.AppendInt(make([]byte, 0, nanoDigits+1), int64(1e9+t.Nanosecond()), 10)
	digits[0] = '.' // was the 1 that kept the leading zeros
	return append(b, digits...)
}

func parseTime(text string) (time.Time, error) {
	whole, fraction, cut := strings.Cut(text, ".")
	seconds, err := parseInt(whole)
	if err != nil {
		return time.Time{}, err
	}
	if !cut {
		return time.Unix(seconds, 0).UTC(), nil
	}
	nanos, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil || len(fraction) != nanoDigits || nanos == 0 {
		return time.Time{}, fmt.Errorf("%q is not a time", text)
	}
	return time.Unix(seconds, int64(nanos)).UTC(), nil
}

// parseTotal reads a total in minor units; what is absent is nothing.
func parseTotal(key store.Key, value []byte) (int64, error) {
	if value == nil {
		return 0, nil
	}
	n, err := parseInt(string(value))
	if err != nil {
		return 0, damaged(key, err)
	}
	return n, nil
}

// parseInt reads an integer in the one form that is ever written. Any other is
// damage: a total that a store would refuse to add to is not paid from, either.
func parseInt(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err == nil && strconv.FormatInt(n, 10) != text {
		err = fmt.Errorf("%q is not how %d is written", text, n)
	}
	return n, err
}

// decode reads a value that is JSON.
func decode[T any](key store.Key, value []byte) (T, error) {
	var into T
	if err := json.Unmarshal(value, &into); err != nil {
		return into, damaged(key, err)
	}
	return into, nil
}
