package plan_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// Whatever is done to a plan, in whatever order and however late: rules L3,
// L5, L6, L8, L10, L11, L12 and L13 hold after it.
func TestL3L12_AnyHistoryIsALegalPath(t *testing.T) {
	program := newProgram(t)
	rapid.Check(t, func(r *rapid.T) {
		p, now := newDraft(t, program), at(t, "2025-07-01T12:00:00Z")
		var history []plan.Event
		notified := 0
		for range rapid.IntRange(1, 60).Draw(r, "calls") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 1, 24, 24, 200, 1000}).Draw(r, "hours later")) * time.Hour)
			before, revision := snapshot(t, p), p.Revision
			err := drawn(r, p, program, now)
			switch {
			case err != nil && fault.KindOf(err) == 0:
				r.Fatalf("an error that is no refusal: %v", err)
			case err != nil && snapshot(t, p) != before:
				r.Fatalf("refused with %v, and still changed", err)
			case err == nil && p.Revision != revision+1:
				r.Fatalf("revision %d → %d, want one more", revision, p.Revision)
			}
			checkPath(r, p, append(slices.Clip(history), p.Pending.Events...), notified+len(p.Pending.Notifications))
			if rapid.Bool().Draw(r, "stored") {
				history, notified = append(history, p.Pending.Events...), notified+len(p.Pending.Notifications)
				p.Pending = plan.Pending{}
			}
		}
	})
}

// drawn makes one call: mostly what comes next in a plan's life, by one whose
// turn it is, and else anything by anyone.
func drawn(r *rapid.T, p *plan.Plan, program *plan.Program, now time.Time) error {
	limit := usd(rapid.Int64Range(1, 4).Draw(r, "limit"))
	if rapid.IntRange(0, 3).Draw(r, "next") > 0 {
		partner := plan.Call{Actor: plan.Actor{ID: rapid.SampledFrom([]string{"pia", "paul"}).Draw(r, "partner")}, Now: now, Etag: p.Etag()}
		reviewer := plan.Call{Actor: plan.Actor{ID: rapid.SampledFrom([]string{"rita", "rose"}).Draw(r, "reviewer")}, Now: now, Comment: "so"}
		next := map[plan.State][]func() error{
			plan.Editing:   {func() error { return p.Submit(partner, program) }},
			plan.Submitted: {func() error { return p.StartReview(reviewer) }},
			plan.UnderReview: {
				func() error { return p.Approve(reviewer, program, nil, money.Money{}) },
				func() error { return p.RequestAction(reviewer, nil) },
				func() error { return p.Reject(reviewer, nil) },
			},
			plan.ActionRequired: {func() error { return p.Reopen(partner, program) }},
			plan.Rejected:       {func() error { return p.Reopen(partner, program) }},
			plan.Approved: {func() error {
				return p.RequestLimitChange(partner, program, fmt.Sprint("l", len(p.LimitChanges)), plan.LimitChangeContent{NewLimit: limit})
			}},
		}[p.State]
		if pending, ok := p.PendingLimitChange(); ok {
			next = []func() error{
				func() error { return p.ApproveLimitChange(reviewer, program, pending.ID, nil) },
				func() error { return p.ApproveLimitChange(reviewer, program, pending.ID, nil) },
				func() error { return p.RejectLimitChange(reviewer, pending.ID, nil) },
			}
		}
		return rapid.SampledFrom(next).Draw(r, "next call")()
	}
	c := plan.Call{
		Actor: plan.Actor{ID: rapid.SampledFrom([]string{"pia", "paul", "rita", "rose"}).Draw(r, "actor")}, Now: now,
		Comment: rapid.SampledFrom([]string{"", "so"}).Draw(r, "comment"), Etag: rapid.SampledFrom([]string{"", p.Etag(), "0-old"}).Draw(r, "etag"),
	}
	change := fmt.Sprint("l", rapid.IntRange(0, 3).Draw(r, "limit change"))
	return rapid.SampledFrom([]func() error{
		func() error { return p.Update(c, name, planContent()) },
		func() error { return p.UpdateCampaign(c, "c1", p.Campaigns[0].CampaignContent) },
		func() error { return p.Submit(c, program) },
		func() error { return p.StartReview(c) },
		func() error { return p.Approve(c, program, nil, limit) },
		func() error { return p.RequestAction(c, nil) },
		func() error { return p.Reject(c, nil) },
		func() error { return p.Reopen(c, program) },
		func() error {
			return p.RequestLimitChange(c, program, change, plan.LimitChangeContent{NewLimit: limit})
		},
		func() error { return p.ApproveLimitChange(c, program, change, nil) },
		func() error { return p.RejectLimitChange(c, change, nil) },
	}).Draw(r, "any call")()
}

// checkPath fails where a plan and its history do not fit each other, or the rules.
func checkPath(r *rapid.T, p *plan.Plan, history []plan.Event, notified int) {
	decided := []plan.Action{plan.ApprovePlan, plan.RequestAction, plan.RejectPlan, plan.ApproveLimitChange, plan.RejectLimitChange}
	state, decisions := plan.State(""), 0
	for i, e := range history {
		if e.Number != int64(i+1) || e.From != state {
			r.Fatalf("event %d is %+v after state %q: want the next number and the same state", i+1, e, state)
		}
		switch e.Action {
		case plan.CreatePlan:
			if i != 0 || e.To != plan.Editing {
				r.Fatalf("event %d is %+v", i+1, e)
			}
		case plan.CreateLimitChange, plan.ApproveLimitChange, plan.RejectLimitChange:
			if e.From != plan.Approved || e.To != plan.Approved {
				r.Fatalf("a limit was changed on a plan that is not approved: %+v", e)
			}
		default:
			if to, ok := legal[e.From][e.Action]; !ok || to != e.To {
				r.Fatalf("rule L3 has no such move: %+v", e)
			}
		}
		if slices.Contains(decided, e.Action) {
			decisions++
		}
		state = e.To
	}
	if p.State != state || p.EventCount != int64(len(history)) || notified != decisions {
		r.Fatalf("the plan is %s with %d events and %d notifications, and its history says %s, %d and %d",
			p.State, p.EventCount, notified, state, len(history), decisions)
	}
	checkLimits(r, p, history)
}

// checkLimits fails where a limit stands without an approval, or is in force too early.
func checkLimits(r *rapid.T, p *plan.Plan, history []plan.Event) {
	if (p.State == plan.Approved) != (len(p.Limits) > 0) {
		r.Fatalf("a plan that is %s has the limits %v", p.State, p.Limits)
	}
	for i, limit := range p.Limits {
		if limit.Amount.Sign() <= 0 || limit.Amount.Currency != p.CurrencyCode {
			r.Fatalf("a limit of %s", limit.Amount)
		}
		if i > 0 && !p.Limits[i-1].EffectiveMonth.Before(limit.EffectiveMonth) {
			r.Fatalf("limits %v are not by month", p.Limits)
		}
	}
	zone, err := time.LoadLocation(losAngeles)
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range history {
		if e.Action != plan.ApproveLimitChange {
			continue
		}
		if !e.EffectiveMonth.After(plan.DateOf(e.Time, zone).MonthOf()) || e.EffectiveMonth.After(plan.Month{Year: 2026, Month: time.June}) {
			r.Fatalf("approved at %v, a limit is in force from %s on: want a month that has not begun, in the year", e.Time, e.EffectiveMonth)
		}
		if current, ok := p.LimitAt(e.EffectiveMonth); !ok || current.Sign() <= 0 {
			r.Fatalf("no limit in %s", e.EffectiveMonth)
		}
	}
	// What was approved last for a month or before it is what is in force in it.
	for m := (plan.Month{Year: 2025, Month: time.July}); len(p.Limits) > 0 && !m.After(plan.Month{Year: 2026, Month: time.June}); m = m.Next() {
		var want money.Money
		for _, e := range history {
			if !e.EffectiveMonth.IsZero() && !e.EffectiveMonth.After(m) {
				want = e.Limit
			}
		}
		if got, _ := p.LimitAt(m); !got.Equal(want) {
			r.Fatalf("limit in %s is %s, and the history says %s", m, got, want)
		}
	}
}
