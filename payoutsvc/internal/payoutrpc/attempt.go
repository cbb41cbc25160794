package payoutrpc

import (
	"context"
	"slices"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// An attempt is one earning on its way into the ledger, and what became of it.
type attempt struct {
	plan    string         // its name; empty where it is malformed
	earning payout.Earning // as it was sent; as it is recorded, in the end
	// violations are what is wrong with it, with paths from the earning on, where
	// "name" stands for its id.
	violations fault.Violations
	duplicate  bool
	err        error // why it is not recorded
}

// read reads an earning, but for its name, and records what is wrong with it
// besides what is recorded already.
func (a *attempt) read(id string, wire *payoutv1.Earning) {
	v := &a.violations
	a.earning = payout.Earning{ID: id, Description: wire.GetDescription(), EarnTime: rpc.Time(v, "earn_time", wire.GetEarnTime())}
	if wire.GetAmount() == nil {
		v.Add("amount", "FIELD_REQUIRED", "is required")
	} else {
		a.earning.Amount = money.FromWire(v, "amount", wire.GetAmount())
	}
	known := v.List()
	if len(known) == 0 {
		a.earning.Check(v)
		return
	}
	// Of a field with which something is wrong, Check would say the same again, or what follows from it.
	var rules fault.Violations
	a.earning.Check(&rules)
	for _, violation := range rules.List() {
		if !slices.ContainsFunc(known, func(k fault.Violation) bool { return k.Path == violation.Path }) {
			relay(v, violation.Path, violation)
		}
	}
}

// relay records a violation anew, in v, at another path.
func relay(v *fault.Violations, path string, violation fault.Violation) {
	v.Add(path, violation.Reason, "%s", violation.Message)
}

// record takes attempts as far as they go: it checks them against the terms of
// their plans, and records those with which nothing is wrong. Every one has an
// err, an earning that is recorded, or violations, which err does not repeat.
// Rules E1, E2, E3, E4, E5, E6, E7.
func (s *Service) record(ctx context.Context, attempts []attempt) {
	entries, indexes := s.admit(ctx, attempts)
	var outcomes []ledger.Outcome
	switch {
	case len(entries) == 0:
	case len(attempts) == 1:
		outcomes = []ledger.Outcome{s.Ledger.RecordOne(ctx, s.Clock(), entries[0])}
	default:
		outcomes = s.Ledger.Record(ctx, s.Clock(), entries)
	}
	learn(attempts, indexes, outcomes)
}

// learn tells the attempts at indexes what became of them.
func learn(attempts []attempt, indexes []int, outcomes []ledger.Outcome) {
	for i, outcome := range outcomes {
		a := &attempts[indexes[i]]
		a.earning, a.duplicate, a.err = outcome.Earning, outcome.Duplicate, outcome.Err
	}
}

// admit finds the attempts that are to be recorded, and where they stand.
func (s *Service) admit(ctx context.Context, attempts []attempt) (entries []ledger.Entry, indexes []int) {
	plans := make([]string, 0, len(attempts))
	for i := range attempts {
		if plan := attempts[i].plan; plan != "" {
			plans = append(plans, plan)
		}
	}
	recordable := s.Terms.Recording(ctx, plans)
	entries, indexes = make([]ledger.Entry, 0, len(plans)), make([]int, 0, len(plans))
	for i := range attempts {
		a := &attempts[i]
		if a.plan == "" {
			continue
		}
		terms, err := recordable[0].Terms, recordable[0].Err
		recordable = recordable[1:]
		if err == nil {
			terms.CheckCurrency(&a.violations, &a.earning)
		}
		switch {
		case len(a.violations.List()) > 0:
		case err != nil:
			a.err = err
		default:
			entries, indexes = append(entries, ledger.Entry{Terms: terms, Earning: a.earning}), append(indexes, i)
		}
	}
	return entries, indexes
}
