package earningcsv

import (
	"errors"
	"fmt"
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

// The columns.
const (
	columnPlan        = "plan"
	columnID          = "id"
	columnAmount      = "amount"
	columnCurrency    = "currency"
	columnEarnTime    = "earn_time"
	columnDescription = "description"
)

func names() []string {
	return []string{columnPlan, columnID, columnAmount, columnCurrency, columnEarnTime, columnDescription}
}

// checkHeader names everything that is wrong with the columns at once.
func checkHeader(columns []string) error {
	var wrong []string
	for i, column := range columns {
		switch {
		case !slices.Contains(names(), column):
			wrong = append(wrong, fmt.Sprintf("column %.80q is not known", column))
		case slices.Contains(columns[:i], column):
			wrong = append(wrong, fmt.Sprintf("column %.80q stands there twice", column))
		}
	}
	for _, column := range names() {
		if column != columnDescription && !slices.Contains(columns, column) {
			wrong = append(wrong, fmt.Sprintf("column %q is missing", column))
		}
	}
	if len(columns) == 1 && strings.ContainsAny(columns[0], ";\t") {
		wrong = []string{"columns are separated by commas"}
	}
	if wrong == nil {
		return nil
	}
	return errors.New("the header is wrong: " + strings.Join(wrong, "; ") +
		" (a file begins with " + strings.Join(names(), ",") + ", in any order, description at will)")
}

// earning makes an earning of a line's values. It checks what the wire cannot
// carry; the rules are the service's.
func earning(values map[string]string) (*payoutv1.Earning, error) {
	var v fault.Violations
	for column, value := range values {
		if column != columnDescription {
			value = strings.TrimSpace(value)
			values[column] = value
		}
		if !utf8.ValidString(value) {
			v.Add(column, "TEXT_MALFORMED", "is not UTF-8")
			return nil, v.Err()
		}
	}
	for _, column := range names() {
		if values[column] == "" && column != columnDescription {
			v.Add(column, "FIELD_REQUIRED", "is empty")
		}
	}
	if strings.Contains(values[columnID], "/") {
		v.Add(columnID, "ID_MALFORMED", "%.80q holds a \"/\"", values[columnID])
	}
	amount := readAmount(&v, values[columnCurrency], values[columnAmount])
	moment := readTime(&v, values[columnEarnTime])
	if err := v.Err(); err != nil {
		return nil, err
	}
	return &payoutv1.Earning{
		Name:        name.Plan(values[columnPlan]) + "/earnings/" + values[columnID],
		Amount:      money.ToWire(amount),
		EarnTime:    moment,
		Description: values[columnDescription],
	}, nil
}

// readAmount checks as the service will: google.type.Money cannot carry every number.
func readAmount(v *fault.Violations, currency, number string) money.Money {
	if currency == "" || number == "" {
		return money.Money{} // said already
	}
	amount, err := money.Parse(currency, number)
	if err != nil {
		v.Add(columnAmount, "AMOUNT_MALFORMED", "%.80q is not a decimal number, such as 1234.50", number)
		return money.Money{}
	}
	if money.Known(currency) {
		money.Check(v, columnAmount, amount)
	} else {
		v.Add(columnCurrency, "CURRENCY_UNKNOWN", "%.80q is not an ISO 4217 currency code", currency)
	}
	return amount
}

func readTime(v *fault.Violations, text string) *timestamppb.Timestamp {
	if text == "" {
		return nil // said already
	}
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		v.Add(columnEarnTime, "TIME_MALFORMED", "%.80q is not a time with its zone, such as 2026-04-30T17:00:00-07:00", text)
		return nil
	}
	return timestamppb.New(moment)
}

// malformed is a line that cannot be cut into values.
func malformed(format string, args ...any) error {
	return fault.New(fault.Invalid, "LINE_MALFORMED", format, args...)
}
