// Package earningtext reads earnings that are written as texts, each field under its name: a line of a CSV file, an
// entry of a stream. It is the one place that says what such a text may look like.
//
//	plan         contoso/azure.coop.fy26, or in full partners/contoso/plans/azure.coop.fy26
//	id           the sender's, unique in the plan
//	amount       1234.50, or -200 for a reversal
//	currency     USD
//	earn_time    2026-04-30T17:00:00-07:00: RFC 3339, with its zone
//	description  at will
package earningtext

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/cli/name"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// The fields.
const (
	Plan        = "plan"
	ID          = "id"
	Amount      = "amount"
	Currency    = "currency"
	EarnTime    = "earn_time"
	Description = "description"
)

// Fields are all of them, in their usual order. Description alone can be left out.
func Fields() []string { return []string{Plan, ID, Amount, Currency, EarnTime, Description} }

// Read makes an earning of texts. Its error lists everything that is wrong with them at once, each with the name of its
// field; it checks what the wire cannot carry, and the rules are the service's.
func Read(texts map[string]string) (*payoutv1.Earning, error) {
	var v fault.Violations
	values := make(map[string]string, len(texts))
	for field, text := range texts {
		switch {
		case !slices.Contains(Fields(), field):
			v.Add(field, "FIELD_UNKNOWN", "is not a field of an earning")
		case !utf8.ValidString(text):
			v.Add(field, "TEXT_MALFORMED", "is not UTF-8")
		case field == Description:
			values[field] = text
		default:
			values[field] = strings.TrimSpace(text)
		}
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	for _, field := range Fields() {
		if values[field] == "" && field != Description {
			v.Add(field, "FIELD_REQUIRED", "is empty")
		}
	}
	if strings.Contains(values[ID], "/") {
		v.Add(ID, "ID_MALFORMED", "%q holds a \"/\"", values[ID])
	}
	amount := readAmount(&v, values[Currency], values[Amount])
	moment := readTime(&v, values[EarnTime])
	if err := v.Err(); err != nil {
		return nil, err
	}
	return &payoutv1.Earning{
		Name:        name.Plan(values[Plan]) + "/earnings/" + values[ID],
		Amount:      money.ToWire(amount),
		EarnTime:    moment,
		Description: values[Description],
	}, nil
}

// readAmount checks as the service will: google.type.Money cannot carry every number.
func readAmount(v *fault.Violations, currency, number string) money.Money {
	if currency == "" || number == "" {
		return money.Money{} // said already
	}
	amount, err := money.Parse(currency, number)
	if err != nil {
		v.Add(Amount, "AMOUNT_MALFORMED", "%v, such as 1234.50", err)
		return money.Money{}
	}
	if money.Known(currency) {
		money.Check(v, Amount, amount)
	} else {
		v.Add(Currency, "CURRENCY_UNKNOWN", "%q is not an ISO 4217 currency code", currency)
	}
	return amount
}

func readTime(v *fault.Violations, text string) *timestamppb.Timestamp {
	if text == "" {
		return nil // said already
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		v.Add(EarnTime, "TIME_MALFORMED", "%q is not a time with its zone, such as 2026-04-30T17:00:00-07:00", text)
		return nil
	}
	return timestamppb.New(moment)
}
