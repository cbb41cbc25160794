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
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/name"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Queue is the name of the queue whose entries are such texts: what its streams' keys begin with.
const Queue = "earnings"

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
	for _, field := range Fields() {
		text := texts[field]
		if !utf8.ValidString(text) {
			v.Add(field, "TEXT_MALFORMED", "is not UTF-8")
		}
		if field != Description {
			text = strings.TrimSpace(text)
		}
		values[field] = text
	}
	refuseUnknown(&v, texts)
	if err := v.Err(); err != nil {
		return nil, err
	}
	for _, field := range Fields() {
		if values[field] == "" && field != Description {
			v.Add(field, "FIELD_REQUIRED", "is empty")
		}
	}
	if strings.Contains(values[ID], "/") {
		v.Add(ID, "ID_MALFORMED", "%.80q holds a \"/\"", values[ID])
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

const (
	// unknowns is how many fields that are none are named; an entry of a stream can have any number.
	unknowns = 10
	// quoted is how much is shown of a name.
	quoted = 80
)

// refuseUnknown names what is no field of an earning: what was meant by it would be lost.
func refuseUnknown(v *fault.Violations, texts map[string]string) {
	var unknown []string
	for field := range texts {
		if !slices.Contains(Fields(), field) {
			unknown = append(unknown, field)
		}
	}
	slices.Sort(unknown)
	for i, field := range unknown {
		if i == unknowns {
			v.Add("", "FIELD_UNKNOWN", "%d more are not fields of an earning", len(unknown)-i)
			return
		}
		v.Add(strings.ToValidUTF8(field[:min(len(field), quoted)], "\uFFFD"), "FIELD_UNKNOWN", "is not a field of an earning")
	}
}

// readAmount checks as the service will: google.type.Money cannot carry every number.
func readAmount(v *fault.Violations, currency, number string) money.Money {
	if currency == "" || number == "" {
		return money.Money{} // said already
	}
	amount, err := money.Parse(currency, number)
	if err != nil {
		v.Add(Amount, "AMOUNT_MALFORMED", "%.80q is not a decimal number, such as 1234.50", number)
		return money.Money{}
	}
	if money.Known(currency) {
		money.Check(v, Amount, amount)
	} else {
		v.Add(Currency, "CURRENCY_UNKNOWN", "%.80q is not an ISO 4217 currency code", currency)
	}
	return amount
}

func readTime(v *fault.Violations, text string) *timestamppb.Timestamp {
	if text == "" {
		return nil // said already
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil || timestamppb.New(moment).CheckValid() != nil { // on the wire a time is of the years 1 to 9999, in UTC
		v.Add(EarnTime, "TIME_MALFORMED", "%.80q is not a time with its zone, such as 2026-04-30T17:00:00-07:00", text)
		return nil
	}
	return timestamppb.New(moment)
}

// InFields says in the fields of texts what the service says is wrong with an earning that Read has made of them: the
// service says "earnings[3].amount", and knows the fields plan and id as one name. An error without fields comes back as
// it is.
func InFields(earning *payoutv1.Earning, refusal error) error {
	e, ok := errors.AsType[*fault.Error](refusal)
	if !ok || len(e.Fields) == 0 {
		return refusal
	}
	var v fault.Violations
	for _, f := range e.Fields {
		f = inField(earning, f)
		v.Add(f.Path, f.Reason, "%s", f.Message)
	}
	return v.Err()
}

func inField(earning *payoutv1.Earning, violation fault.Violation) fault.Violation {
	if rest, ok := strings.CutPrefix(violation.Path, "earning"); ok {
		if _, field, ok := strings.Cut(rest, "."); ok {
			violation.Path = field
		}
	}
	switch {
	case violation.Path != "name":
	case violation.Reason == "ID_MALFORMED":
		violation.Path = ID
	case violation.Reason == "NAME_MALFORMED":
		plan, _, _ := strings.Cut(earning.GetName(), "/earnings/")
		violation.Path, violation.Message = Plan, fmt.Sprintf("%.80q is not a plan such as contoso/azure.coop.fy26", plan)
	}
	return violation
}
