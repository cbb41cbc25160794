package payout

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// A State is where a payout stands. Rule R6.
type State string

// The states of a payout.
const (
	Scheduled State = "SCHEDULED" // to be moved by whoever moves the money
	Paid      State = "PAID"      // confirmed as moved, with a reference
	Failed    State = "FAILED"    // reported as failed, with a reason; still counts as paid
)

// A Payout is what one plan is paid on one pay date. Rule C3.
type Payout struct {
	Plan          string // partners/{mpn_id}/plans/{plan}
	Program       string // programs/{program}
	PayDate       PayDate
	Amount        money.Money // above zero
	Lines         []Line      // oldest month first
	State         State
	Reference     string
	FailureReason string
	CreateTime    time.Time
	UpdateTime    time.Time
}

// A Line is what a payout holds for one earned month.
type Line struct {
	Month  Month
	Earned money.Money
	Limit  money.Money
	Amount money.Money // what was due: not zero, below it where more had been paid than was payable
}

const (
	maxReference = 200  // characters
	maxReason    = 2000 // characters
)

// CheckReference records in v that a reference, by which the movement of money
// can be found again, is blank or has more than 200 characters. Rule R6.
func CheckReference(v *fault.Violations, path, reference string) {
	checkText(v, path, reference, maxReference)
}

// CheckReason records in v that the reason of a failure is blank, or has more
// than 2,000 characters. Rule R6.
func CheckReason(v *fault.Violations, path, reason string) { checkText(v, path, reason, maxReason) }

func checkText(v *fault.Violations, path, text string, most int) {
	switch {
	case strings.TrimSpace(text) == "":
		v.Add(path, "FIELD_REQUIRED", "is required")
	case utf8.RuneCountInString(text) > most:
		v.Add(path, "FIELD_TOO_LONG", "is longer than %d characters", most)
	}
}

// Confirm says that the money of a scheduled payout was moved. Confirming it
// again with the same reference changes nothing. Rule R6.
func (p *Payout) Confirm(reference string, now time.Time) error {
	if p.State == Paid && p.Reference == reference {
		return nil
	}
	if err := p.move(Scheduled, Paid, now); err != nil {
		return err
	}
	p.Reference = reference
	return nil
}

// Fail says that the money of a scheduled payout could not be moved. Rule R6.
func (p *Payout) Fail(reason string, now time.Time) error {
	if err := p.move(Scheduled, Failed, now); err != nil {
		return err
	}
	p.FailureReason = reason
	return nil
}

// Retry schedules a failed payout again, as it is: it is not computed again. Rule R6.
func (p *Payout) Retry(now time.Time) error { return p.move(Failed, Scheduled, now) }

func (p *Payout) move(from, to State, now time.Time) error {
	if p.State != from {
		return fault.New(fault.State, "PAYOUT_STATE", "the payout is %s; only one that is %s can become %s", p.State, from, to).
			With("state", string(p.State)).With("to", string(to))
	}
	p.State, p.UpdateTime = to, now
	return nil
}
