package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/stored"
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
	b = stored.AppendTime(b, e.EarnTime)
	b = append(b, ' ')
	b = stored.AppendTime(b, e.RecordTime)
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
	minor, err := stored.ParseInt(part[0])
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
	if e.EarnTime, err = stored.ParseTime(part[3]); err != nil {
		return payout.Earning{}, damaged(key, err)
	}
	if e.RecordTime, err = stored.ParseTime(part[4]); err != nil {
		return payout.Earning{}, damaged(key, err)
	}
	return e, nil
}

// parseTotal reads a total in minor units; what is absent is nothing. A total that a store would refuse to add to is not
// paid from, either.
func parseTotal(key store.Key, value []byte) (int64, error) {
	if value == nil {
		return 0, nil
	}
	n, err := stored.ParseInt(string(value))
	if err != nil {
		return 0, damaged(key, err)
	}
	return n, nil
}

// decode reads a value that is JSON.
func decode[T any](key store.Key, value []byte) (T, error) {
	var into T
	if err := json.Unmarshal(value, &into); err != nil {
		return into, damaged(key, err)
	}
	return into, nil
}
