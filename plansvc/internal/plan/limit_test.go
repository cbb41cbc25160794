package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// on is a call by an actor at noon of a day in Los Angeles, which is the same day in UTC.
func on(t testing.TB, actor plan.Actor, day string) plan.Call {
	t.Helper()
	return plan.Call{Actor: actor, Now: at(t, day+"T20:00:00Z")}
}

func TestL10_LimitOnApproval(t *testing.T) {
	for _, test := range []struct {
		name  string
		limit money.Money
		want  money.Money
	}{
		{"the requested one by default", money.Money{}, usd(10000)},
		{"another", usd(7500), usd(7500)},
		{"more than requested", usd(20000), usd(20000)},
		{"a cent", amount(t, "USD", "0.01"), amount(t, "USD", "0.01")},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, program := newPlan(t, newProgram(t), plan.UnderReview), newProgram(t)
			must(t, p.Approve(on(t, rita, "2026-02-10"), program, admins, test.limit))
			want := []plan.Limit{{EffectiveMonth: month(t, "2025-07"), Amount: test.want}}
			if diff := cmp.Diff(want, p.Limits); diff != "" {
				t.Errorf("limits: want one from the year's first month (-want +got):\n%s", diff)
			}
			if p.RequestedLimit.String() != "USD 10000.00" {
				t.Errorf("the requested limit has become %s", p.RequestedLimit)
			}
		})
	}
	for _, test := range []struct {
		name  string
		limit money.Money
		want  string
	}{
		{"zero", usd(0), "AMOUNT_NOT_POSITIVE"},
		{"negative", usd(-1), "AMOUNT_NOT_POSITIVE"},
		{"another currency", amount(t, "JPY", "1"), "CURRENCY_MISMATCH"},
		{"no currency", money.Money{Amount: usd(1).Amount}, "CURRENCY_REQUIRED"},
		{"too precise", amount(t, "USD", "0.001"), "AMOUNT_TOO_PRECISE"},
		{"too large", amount(t, "USD", "10000000000001"), "AMOUNT_TOO_LARGE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPlan(t, newProgram(t), plan.UnderReview)
			violated(t, p, []string{"approved_limit " + test.want}, func() error {
				return p.Approve(call(t, rita), newProgram(t), admins, test.limit)
			})
		})
	}
}

func TestL10_FirstMonthOfAYearThatBeginsWithin(t *testing.T) {
	program := ending(t, "UTC", "2026-07-14") // and begins on 2025-07-15
	p := sentBack(t, program)
	c := plan.Call{Actor: pia, Now: at(t, "2025-08-01T00:00:00Z")}
	must(t, p.Reopen(c, program))
	c.Etag = p.Etag()
	must(t, p.Submit(c, program))
	must(t, p.StartReview(on(t, rita, "2025-08-02")))
	must(t, p.Approve(on(t, rita, "2025-08-02"), program, admins, money.Money{}))
	if got := p.Limits[0].EffectiveMonth; got != month(t, "2025-07") {
		t.Errorf("the limit is in force from %s, want 2025-07, the month of the year's first day", got)
	}
}

// changed requests a limit change on a day, and approves it on another.
func changed(t testing.TB, p *plan.Plan, program *plan.Program, limit money.Money, days ...string) {
	t.Helper()
	id := fmt.Sprint("l", len(p.LimitChanges)+1)
	must(t, p.RequestLimitChange(on(t, pia, days[0]), program, id, plan.LimitChangeContent{NewLimit: limit, Reason: "because"}))
	must(t, p.ApproveLimitChange(on(t, rita, days[1]), program, id, admins))
}

func TestL11_InForceFromTheMonthAfterTheApproval(t *testing.T) {
	for _, test := range []struct{ approved, want string }{ // in UTC
		{"2026-04-20T12:00:00Z", "2026-05"},
		{"2026-04-01T07:00:00Z", "2026-05"}, // the first moment of April in Los Angeles
		{"2026-05-01T06:59:59Z", "2026-05"}, // still April there
		{"2026-05-01T07:00:00Z", "2026-06"}, // a month that has begun keeps its limit
		{"2025-12-31T20:00:00Z", "2026-01"},
		{"2026-01-01T07:59:59Z", "2026-01"},
		{"2026-06-01T06:59:59Z", "2026-06"}, // the last moment that leaves a month
		{"2025-01-01T00:00:00Z", "2025-07"}, // not before the year
	} {
		t.Run(test.approved, func(t *testing.T) {
			program := newProgram(t)
			p, now := newPlan(t, program, plan.Approved), at(t, test.approved)
			must(t, p.RequestLimitChange(plan.Call{Actor: pia, Now: now}, program, "l1", plan.LimitChangeContent{NewLimit: usd(20000)}))
			if got := p.Limits; len(got) != 1 {
				t.Errorf("before the approval the limits are %v, want the first alone", got)
			}
			must(t, p.ApproveLimitChange(plan.Call{Actor: rita, Now: now, Comment: "well done"}, program, "l1", admins))
			last := p.Limits[len(p.Limits)-1]
			if last.EffectiveMonth != month(t, test.want) || !last.Amount.Equal(usd(20000)) {
				t.Errorf("the last limit is %s from %s, want USD 20000.00 from %s", last.Amount, last.EffectiveMonth, test.want)
			}
			change, err := p.LimitChange("l1")
			must(t, err)
			if change.State != plan.ChangeApproved || change.EffectiveMonth != last.EffectiveMonth || change.DecideTime != now || change.DecisionComment != "well done" {
				t.Errorf("the limit change is %+v, want it approved now, with the month and the comment", *change)
			}
			if p.State != plan.Approved {
				t.Errorf("the plan is %s, want it still APPROVED", p.State)
			}
		})
	}
}

func TestL11_LimitByMonth(t *testing.T) {
	program := newProgram(t)
	p := newPlan(t, program, plan.Approved)
	changed(t, p, program, usd(20000), "2026-03-20", "2026-04-20")
	changed(t, p, program, usd(5000), "2026-05-31", "2026-05-31")
	for _, test := range []struct{ month, want string }{
		{"2025-06", ""}, // no limit before the year
		{"2025-07", "USD 10000.00"},
		{"2026-04", "USD 10000.00"},
		{"2026-05", "USD 20000.00"},
		{"2026-06", "USD 5000.00"},
		{"2030-01", "USD 5000.00"},
	} {
		got, ok := p.LimitAt(month(t, test.month))
		if ok != (test.want != "") || got.Currency != "" && got.String() != test.want {
			t.Errorf("limit in %s is %s, %v, want %q", test.month, got, ok, test.want)
		}
	}
	if limit, ok := newPlan(t, program, plan.UnderReview).LimitAt(month(t, "2026-01")); ok {
		t.Errorf("a plan that is not approved has a limit of %s", limit)
	}
}

func TestL11_TheLaterOfOneMonthReplacesTheOther(t *testing.T) {
	program := newProgram(t)
	p := newPlan(t, program, plan.Approved)
	changed(t, p, program, usd(20000), "2026-04-02", "2026-04-03")
	changed(t, p, program, usd(15000), "2026-04-04", "2026-04-30")
	want := []plan.Limit{
		{EffectiveMonth: month(t, "2025-07"), Amount: usd(10000)},
		{EffectiveMonth: month(t, "2026-05"), Amount: usd(15000)},
	}
	if diff := cmp.Diff(want, p.Limits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	before := newPlan(t, program, plan.Approved)
	changed(t, before, program, usd(1), "2025-02-01", "2025-02-02")
	if diff := cmp.Diff([]plan.Limit{{EffectiveMonth: month(t, "2025-07"), Amount: usd(1)}}, before.Limits); diff != "" {
		t.Errorf("limits after a change before the year (-want +got):\n%s", diff)
	}
}

func TestL11_NoMonthLeft(t *testing.T) {
	program := newProgram(t)
	may, june := on(t, pia, "2026-05-31"), plan.Call{Actor: rita, Now: at(t, "2026-06-01T07:00:00Z")}
	raise := plan.LimitChangeContent{NewLimit: usd(20000)}

	p := newPlan(t, program, plan.Approved)
	err := refusal(t, p, "NO_MONTH_LEFT", func() error { return p.RequestLimitChange(june, program, "l1", raise) })
	if err.Kind != fault.State || err.Details["last_month"] != "2026-06" {
		t.Errorf("kind %v with %v, want a state error with the last month 2026-06", err.Kind, err.Details)
	}
	must(t, p.RequestLimitChange(may, program, "l1", raise))
	refused(t, p, "NO_MONTH_LEFT", func() error { return p.ApproveLimitChange(june, program, "l1", admins) })
	must(t, p.RejectLimitChange(june, "l1", admins))
}

func TestL11_OnlyOnAnApprovedPlan(t *testing.T) {
	program := newProgram(t)
	for _, state := range states {
		if state == plan.Approved {
			continue
		}
		p := newPlan(t, program, state)
		err := refusal(t, p, "PLAN_STATE", func() error {
			return p.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)})
		})
		if err.Kind != fault.State || err.Details["state"] != string(state) || err.Details["action"] != "CreateLimitChange" {
			t.Errorf("kind %v with %v, want a state error that names %s and CreateLimitChange", err.Kind, err.Details, state)
		}
	}
}

func TestL11_OneIsPendingAndDecidedOnce(t *testing.T) {
	program := newProgram(t)
	p := newPlan(t, program, plan.Approved)
	if change, ok := p.PendingLimitChange(); ok {
		t.Errorf("pending: %+v, want none yet", *change)
	}
	must(t, p.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(20000), Reason: "demand"}))
	change, ok := p.PendingLimitChange()
	if !ok || change.ID != "l1" || change.State != plan.ChangePending || change.Reason != "demand" || change.Requester != "pia" ||
		change.CreateTime != at(t, aSummerDay) || !change.EffectiveMonth.IsZero() || !change.DecideTime.IsZero() {
		t.Errorf("pending: %+v, want l1 as it was asked for", *change)
	}
	err := refusal(t, p, "LIMIT_CHANGE_PENDING", func() error {
		return p.RequestLimitChange(call(t, pia), program, "l2", plan.LimitChangeContent{NewLimit: usd(1)})
	})
	if err.Kind != fault.State || err.Details["limit_change"] != "l1" {
		t.Errorf("kind %v with %v, want a state error that names l1", err.Kind, err.Details)
	}
	must(t, p.RejectLimitChange(call(t, rita), "l1", admins))
	if len(p.Limits) != 1 {
		t.Errorf("after the rejection the limits are %v, want the first alone", p.Limits)
	}
	for action, fn := range map[string]func() error{
		"ApproveLimitChange": func() error { return p.ApproveLimitChange(call(t, rita), program, "l1", admins) },
		"RejectLimitChange":  func() error { return p.RejectLimitChange(call(t, rita), "l1", admins) },
	} {
		err := refusal(t, p, "LIMIT_CHANGE_NOT_PENDING", fn)
		if err.Kind != fault.State || err.Details["state"] != "REJECTED" || err.Details["action"] != action {
			t.Errorf("kind %v with %v, want a state error that names REJECTED and %s", err.Kind, err.Details, action)
		}
	}
	if err := refusal(t, p, "LIMIT_CHANGE_EXISTS", func() error {
		return p.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)})
	}); err.Kind != fault.Exists {
		t.Errorf("kind %v, want Exists", err.Kind)
	}
	must(t, p.RequestLimitChange(call(t, pia), program, "l2", plan.LimitChangeContent{NewLimit: usd(1)}))
}

func TestL11_WhatIsAskedFor(t *testing.T) {
	for _, test := range []struct {
		name    string
		id      string
		content plan.LimitChangeContent
		want    []string
	}{
		{"up", "l1", plan.LimitChangeContent{NewLimit: usd(10001)}, nil},
		{"down", "l1", plan.LimitChangeContent{NewLimit: usd(9999), Reason: strings.Repeat("ü", 2000)}, nil},
		{"nothing", "", plan.LimitChangeContent{}, []string{"limit_change_id FIELD_REQUIRED", "limit_change.new_limit FIELD_REQUIRED"}},
		{"zero", "l1", plan.LimitChangeContent{NewLimit: usd(0)}, []string{"limit_change.new_limit AMOUNT_NOT_POSITIVE"}},
		{"another currency", "l1", plan.LimitChangeContent{NewLimit: amount(t, "JPY", "10000")}, []string{"limit_change.new_limit CURRENCY_MISMATCH"}},
		{"the same", "l1", plan.LimitChangeContent{NewLimit: amount(t, "USD", "10000.00")}, []string{"limit_change.new_limit LIMIT_UNCHANGED"}},
		{
			"all at once", "L",
			plan.LimitChangeContent{NewLimit: amount(t, "USD", "1.001"), Reason: strings.Repeat("ü", 2001)},
			[]string{"limit_change_id ID_MALFORMED", "limit_change.new_limit AMOUNT_TOO_PRECISE", "limit_change.reason FIELD_TOO_LONG"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			program := newProgram(t)
			p := newPlan(t, program, plan.Approved)
			request := func() error { return p.RequestLimitChange(call(t, pia), program, test.id, test.content) }
			if test.want == nil {
				must(t, request())
				return
			}
			violated(t, p, test.want, request)
		})
	}
}

// The limit that was asked back for is another than the last one, though it is the one in force.
func TestL11_BackToTheLimitInForce(t *testing.T) {
	program := newProgram(t)
	p := newPlan(t, program, plan.Approved)
	changed(t, p, program, usd(20000), "2026-04-02", "2026-04-03")
	changed(t, p, program, usd(10000), "2026-04-04", "2026-04-05")
	if got, _ := p.LimitAt(month(t, "2026-05")); !got.Equal(usd(10000)) {
		t.Errorf("limit in May is %s, want USD 10000.00", got)
	}
}

func TestL11_NobodyDecidesWhatTheyAskedFor(t *testing.T) {
	program := newProgram(t)
	p := newPlan(t, program, plan.Approved)
	bob := plan.Actor{ID: "bob"}
	must(t, p.RequestLimitChange(call(t, bob), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)}))
	for _, actor := range []plan.Actor{bob, pia} { // who asked, and who submitted the plan
		for _, fn := range []func() error{
			func() error { return p.ApproveLimitChange(call(t, actor), program, "l1", admins) },
			func() error { return p.RejectLimitChange(call(t, actor), "l1", admins) },
		} {
			if err := refusal(t, p, "SELF_REVIEW", fn); err.Kind != fault.Denied {
				t.Errorf("%s: kind %v, want Denied", actor.ID, err.Kind)
			}
		}
	}
	must(t, p.ApproveLimitChange(call(t, rita), program, "l1", admins))
}

func TestL11_SoManyInAPlansLife(t *testing.T) {
	program := newProgram(t)
	p := newPlan(t, program, plan.Approved)
	request := func(i int) error {
		return p.RequestLimitChange(call(t, pia), program, fmt.Sprint("l", i), plan.LimitChangeContent{NewLimit: usd(1)})
	}
	for i := range 100 {
		must(t, request(i))
		must(t, p.RejectLimitChange(call(t, rita), fmt.Sprint("l", i), admins))
	}
	if err := refusal(t, p, "TOO_MANY", func() error { return request(100) }); err.Kind != fault.Limit {
		t.Errorf("kind %v, want Limit", err.Kind)
	}
}
