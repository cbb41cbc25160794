package terms_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/date"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

var byZoneName = cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })

func TestPlanTerms_ReadsAll(t *testing.T) {
	losAngeles, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	d := newDesk(t)
	d.plansvc.SetPlan(approved(planA))
	lapsed := draft(planB)
	lapsed.Lapsed = true
	d.plansvc.SetPlan(lapsed)
	year := payout.Terms{
		Program: "programs/azure", Zone: losAngeles, Windows: "0/90",
		YearStart: time.Date(2025, time.July, 1, 0, 0, 0, 0, losAngeles),
		YearEnd:   time.Date(2026, time.July, 1, 0, 0, 0, 0, losAngeles),
		LateUntil: time.Date(2026, time.September, 29, 0, 0, 0, 0, losAngeles),
	}
	wantA, wantB := year, year
	wantA.Plan, wantA.Submitted, wantA.Approved, wantA.Currency = planA, true, true, "USD"
	wantA.Limits = []payout.Limit{{Effective: payout.MonthIn(2025, time.July), Amount: money.FromMinor("USD", 10_000_00)}}
	wantB.Plan, wantB.Lapsed = planB, true

	answers, err := d.PlanTerms(t.Context(), []string{planB, planA})
	if err != nil || len(answers) != 2 {
		t.Fatalf("%d answers, %v, want 2", len(answers), err)
	}
	for i, want := range []payout.Terms{wantB, wantA} {
		if diff := cmp.Diff(want, answers[i].Terms, byZoneName); diff != "" || answers[i].Err != nil {
			t.Errorf("%s: %v, terms (-want +got):\n%s", want.Plan, answers[i].Err, diff)
		}
	}
}

// No payout is made by a limit of yesterday.
func TestPlanTerms_AreNeverRemembered(t *testing.T) {
	d := newDesk(t)
	d.plansvc.SetPlan(approved(planA))
	if got := d.Recording(t.Context(), []string{planA}); got[0].Err != nil { // this one is remembered
		t.Fatal(got[0].Err)
	}
	for _, units := range []int64{10_000, 20_000, 0} {
		plan := approved(planA)
		plan.Limits[0].Amount.Units = units
		d.plansvc.SetPlan(plan)
		answers, err := d.PlanTerms(t.Context(), []string{planA})
		if err != nil || answers[0].Err != nil {
			t.Fatal(err, answers[0].Err)
		}
		if got, want := answers[0].Terms.Limits[0].Amount, money.FromMinor("USD", units*100); !got.Equal(want) {
			t.Errorf("limit %s, want %s, as plansvc says now", got, want)
		}
	}
	d.plansvc.Fail(out)
	if _, err := d.PlanTerms(t.Context(), []string{planA}); fault.ReasonOf(err) != "PLANSVC_UNAVAILABLE" {
		t.Errorf("while plansvc is out: %v, want PLANSVC_UNAVAILABLE", err)
	}
}

func TestRecording_RemembersAMinute(t *testing.T) {
	d := newDesk(t)
	d.plansvc.SetPlan(approved(planA))
	asks := func(after time.Duration, want [][]string) {
		t.Helper()
		d.now = d.now.Add(after)
		got := d.Recording(t.Context(), []string{planA, planA})
		for i, answer := range got {
			switch {
			case answer.Err != nil:
				t.Errorf("%s later: %v, want terms", after, answer.Err)
			case answer.Terms.Plan != planA || answer.Terms.Currency != "USD" || !answer.Terms.Submitted:
				t.Errorf("%s later: answer %d is %+v, want the terms of %s", after, i, answer.Terms, planA)
			case answer.Terms.Approved || answer.Terms.Limits != nil:
				t.Errorf("%s later: answer %d can be paid by: %+v", after, i, answer.Terms)
			}
		}
		if diff := cmp.Diff(want, d.plansvc.Asked()); diff != "" {
			t.Errorf("%s later: plansvc was asked for (-want +got):\n%s", after, diff)
		}
	}
	once := [][]string{{planA}}
	asks(0, once)
	asks(0, nil)
	asks(time.Minute-1, nil)
	asks(1, once)
	asks(30*time.Second, nil)
}

// A plan that takes no earnings now may do so in a moment: it is asked for each time.
func TestRecording_RemembersOnlySubmittedPlans(t *testing.T) {
	d := newDesk(t)
	d.plansvc.SetPlan(draft(planA))
	unreadable := approved(planC)
	unreadable.TimeZone = "Mars/Olympus"
	d.plansvc.SetPlan(unreadable)
	for range 2 {
		got := d.Recording(t.Context(), []string{planA, planB, planC})
		if got[0].Err != nil || got[0].Terms.Submitted {
			t.Errorf("a draft: %+v, %v, want its terms, not submitted", got[0].Terms, got[0].Err)
		}
		if reason := fault.ReasonOf(got[1].Err); reason != "PLAN_NOT_FOUND" {
			t.Errorf("a plan that does not exist: %v, want PLAN_NOT_FOUND", got[1].Err)
		}
		if reason := fault.ReasonOf(got[2].Err); reason != "TERMS_UNREADABLE" {
			t.Errorf("a plan in an unknown zone: %v, want TERMS_UNREADABLE", got[2].Err)
		}
		if diff := cmp.Diff([][]string{{planA, planB, planC}}, d.plansvc.Asked()); diff != "" {
			t.Errorf("plansvc was asked for (-want +got):\n%s", diff)
		}
	}
	d.plansvc.SetPlan(approved(planA))
	d.plansvc.SetPlan(approved(planB))
	d.plansvc.SetPlan(approved(planC))
	for _, got := range d.Recording(t.Context(), []string{planA, planB, planC}) {
		if got.Err != nil || !got.Terms.Submitted {
			t.Errorf("once submitted: %+v, %v, want terms that take earnings", got.Terms, got.Err)
		}
	}
}

func TestRecording_PlansvcIsOut(t *testing.T) {
	d := newDesk(t)
	d.plansvc.SetPlan(approved(planA))
	d.plansvc.SetPlan(approved(planB))
	d.Recording(t.Context(), []string{planA})
	d.plansvc.Fail(out)
	d.now = d.now.Add(time.Minute - 1)
	got := d.Recording(t.Context(), []string{planB, planA, planB})
	if got[1].Err != nil || got[1].Terms.Plan != planA {
		t.Errorf("a plan that is remembered: %+v, %v, want its terms", got[1].Terms, got[1].Err)
	}
	for _, i := range []int{0, 2} {
		if got[i].Terms != nil || fault.ReasonOf(got[i].Err) != "PLANSVC_UNAVAILABLE" || fault.KindOf(got[i].Err) != fault.Unavailable {
			t.Errorf("a plan that is not: %+v, %v, want PLANSVC_UNAVAILABLE", got[i].Terms, got[i].Err)
		}
	}
	d.now = d.now.Add(1)
	if got := d.Recording(t.Context(), []string{planA}); fault.ReasonOf(got[0].Err) != "PLANSVC_UNAVAILABLE" {
		t.Errorf("a plan that was remembered a minute ago: %v, want PLANSVC_UNAVAILABLE", got[0].Err)
	}
	d.plansvc.Fail(nil)
	for i, got := range d.Recording(t.Context(), []string{planB, planA}) {
		if got.Err != nil {
			t.Errorf("plan %d, when plansvc is back: %v, want terms", i, got.Err)
		}
	}
	if got := d.Recording(t.Context(), nil); len(got) != 0 {
		t.Errorf("no plans have %d answers", len(got))
	}
}

// many are names of so many plans, all known to d but every tenth.
func (d *desk) many(n int) []string {
	plans := make([]string, n)
	for i := range plans {
		plans[i] = fmt.Sprintf("partners/p%d/plans/azure.coop.fy26", i)
		if i%10 != 0 {
			d.plansvc.SetPlan(approved(plans[i]))
		}
	}
	return plans
}

// sizes are of how many plans each call asked for.
func sizes(asked [][]string) []int {
	var all []int
	for _, plans := range asked {
		all = append(all, len(plans))
	}
	return all
}

func TestPlanTerms_OfMoreThanOneCall(t *testing.T) {
	d := newDesk(t)
	plans := d.many(2500)
	answers, err := d.PlanTerms(t.Context(), plans)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1000, 1000, 500}, sizes(d.plansvc.Asked())); diff != "" {
		t.Errorf("plans in each call (-want +got):\n%s", diff)
	}
	for i, answer := range answers {
		switch {
		case i%10 == 0:
			if fault.ReasonOf(answer.Err) != "PLAN_NOT_FOUND" || fault.KindOf(answer.Err) != fault.NotFound {
				t.Errorf("plan %d: %v, want PLAN_NOT_FOUND", i, answer.Err)
			}
		case answer.Err != nil || answer.Terms.Plan != plans[i]:
			t.Errorf("plan %d: terms of %q, %v, want those of %s", i, answer.Terms.Plan, answer.Err, plans[i])
		}
	}
	if answers, err := d.PlanTerms(t.Context(), nil); err != nil || len(answers) != 0 || d.plansvc.Asked() != nil {
		t.Errorf("for no plans: %d answers, %v, want none, and plansvc not to be asked", len(answers), err)
	}
}

func TestRecording_OfMoreThanOneCall(t *testing.T) {
	d := newDesk(t)
	plans := d.many(2500)
	calls := 0
	d.plansvc.Before(func(context.Context) error {
		calls++
		if calls == 2 {
			return out
		}
		return nil
	})
	// The second call fails, and no third is made: what was answered stands.
	for i, answer := range d.Recording(t.Context(), plans) {
		want := ""
		switch {
		case i >= 1000:
			want = "PLANSVC_UNAVAILABLE"
		case i%10 == 0:
			want = "PLAN_NOT_FOUND"
		}
		if got := fault.ReasonOf(answer.Err); got != want || (answer.Err == nil) != (answer.Terms != nil) {
			t.Fatalf("plan %d: %+v, %v, want the reason %q", i, answer.Terms, answer.Err, want)
		}
		if want == "" && answer.Terms.Plan != plans[i] {
			t.Fatalf("plan %d has the terms of %s, want those of %s", i, answer.Terms.Plan, plans[i])
		}
	}
	d.plansvc.Asked()
	d.Recording(t.Context(), plans)
	if diff := cmp.Diff([]int{1000, 600}, sizes(d.plansvc.Asked())); diff != "" { // without the 900 that are remembered
		t.Errorf("plans in each call, when plansvc is back (-want +got):\n%s", diff)
	}
}

// What plansvc says of one plan can be what this payoutsvc does not know: that takes no other plan with it.
func TestE3_R3_UnreadableTerms(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*planv1.PlanTerms)
		want   string // of the reason
	}{
		{"nothing", func(*planv1.PlanTerms) {}, ""},
		{"an unknown zone", func(p *planv1.PlanTerms) { p.TimeZone = "Mars/Olympus" }, "TERMS_UNREADABLE"},
		{"no zone", func(p *planv1.PlanTerms) { p.TimeZone = "" }, "TERMS_UNREADABLE"},
		{"this machine's zone", func(p *planv1.PlanTerms) { p.TimeZone = "Local" }, "TERMS_UNREADABLE"},
		{"a path as a zone", func(p *planv1.PlanTerms) { p.TimeZone = "../UTC" }, "TERMS_UNREADABLE"},
		{"an unknown currency", func(p *planv1.PlanTerms) { p.CurrencyCode, p.Limits = "XXY", nil }, "TERMS_UNREADABLE"},
		{"no currency", func(p *planv1.PlanTerms) { p.CurrencyCode, p.Limits = "", nil }, "TERMS_UNREADABLE"},
		{"no first day", func(p *planv1.PlanTerms) { p.StartDate = nil }, "TERMS_UNREADABLE"},
		{"no last day", func(p *planv1.PlanTerms) { p.EndDate = nil }, "TERMS_UNREADABLE"},
		{"half a first day", func(p *planv1.PlanTerms) { p.StartDate = &date.Date{Year: 2025} }, "TERMS_UNREADABLE"},
		{"a year that ends first", func(p *planv1.PlanTerms) { p.StartDate, p.EndDate = p.GetEndDate(), p.GetStartDate() }, "TERMS_UNREADABLE"},
		{"a year of a day", func(p *planv1.PlanTerms) { p.EndDate = p.GetStartDate() }, ""},
		{"no limit", func(p *planv1.PlanTerms) { p.Limits = nil }, ""},
		{"a limit in another currency", func(p *planv1.PlanTerms) { p.Limits[0].Amount.CurrencyCode = "EUR" }, "TERMS_UNREADABLE"},
		{"a limit in none", func(p *planv1.PlanTerms) { p.Limits[0].Amount = nil }, "TERMS_UNREADABLE"},
		{"a limit below zero", func(p *planv1.PlanTerms) { p.Limits[0].Amount.Units = -1 }, "TERMS_UNREADABLE"},
		{"a limit that is too fine", func(p *planv1.PlanTerms) { p.Limits[0].Amount.Nanos = 1 }, "TERMS_UNREADABLE"},
		{"a limit of no month", func(p *planv1.PlanTerms) { p.Limits[0].EffectiveMonth = "2025-13" }, "TERMS_UNREADABLE"},
		{"limits in order", func(p *planv1.PlanTerms) {
			p.Limits = append(p.Limits, &planv1.Plan_Limit{EffectiveMonth: "2025-08", Amount: p.GetLimits()[0].GetAmount()})
		}, ""},
		{"limits out of order", func(p *planv1.PlanTerms) {
			p.Limits = append(p.Limits, &planv1.Plan_Limit{EffectiveMonth: "2025-06", Amount: p.GetLimits()[0].GetAmount()})
		}, "TERMS_UNREADABLE"},
		{"a state of tomorrow", func(p *planv1.PlanTerms) { p.State = 99 }, ""}, // is not approved
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			changed := approved(planB)
			test.change(changed)
			d.plansvc.SetPlan(changed)
			d.plansvc.SetPlan(approved(planA))
			d.plansvc.SetPlan(approved(planC))
			plans := []string{planA, planB, planC}
			paying, err := d.PlanTerms(t.Context(), plans)
			if err != nil {
				t.Fatal(err)
			}
			recording := d.Recording(t.Context(), plans)
			for i, plan := range plans {
				want := ""
				if plan == planB {
					want = test.want
				}
				for use, err := range map[string]error{"paying": paying[i].Err, "recording": recording[i].Err} {
					if got := fault.ReasonOf(err); got != want || (err != nil) != (want != "") {
						t.Errorf("%s, for %s: %v, want the reason %q", plan, use, err, want)
					}
					if want != "" && fault.KindOf(err) != fault.Unavailable {
						t.Errorf("%s, for %s: %v is not Unavailable, and would not be tried again", plan, use, err)
					}
				}
			}
		})
	}
}

func TestPlanTerms_OnlyApprovedOnesCanBePaid(t *testing.T) {
	d := newDesk(t)
	for number, name := range planv1.Plan_State_name {
		plan := approved(planA)
		plan.State = planv1.Plan_State(number)
		d.plansvc.SetPlan(plan)
		answers, err := d.PlanTerms(t.Context(), []string{planA})
		if err != nil || answers[0].Err != nil {
			t.Fatal(err, answers[0].Err)
		}
		if got, want := answers[0].Terms.Approved, name == "APPROVED"; got != want {
			t.Errorf("a plan that is %s: approved is %t, want %t", name, got, want)
		}
	}
}

// A client is used by every call at once.
func TestRecording_ManyAtOnce(t *testing.T) {
	d := newDesk(t)
	plans := d.many(30)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for i, got := range d.Recording(t.Context(), plans) {
				if (got.Err == nil) != (i%10 != 0) {
					t.Errorf("plan %d: %v", i, got.Err)
				}
			}
		})
	}
	group.Wait()
}

// A plansvc that does not answer is one that is out.
func TestPlanTerms_PlansvcHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.plansvc.Before(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		for use, ask := range asks(d) {
			asked := time.Now()
			err := ask(t.Context())
			if took := time.Since(asked); fault.ReasonOf(err) != "PLANSVC_UNAVAILABLE" || took != 10*time.Second {
				t.Errorf("%s: %v after %s, want PLANSVC_UNAVAILABLE after 10s", use, err, took)
			}
			given, cancel := context.WithTimeout(t.Context(), time.Second)
			asked = time.Now()
			err = ask(given)
			cancel()
			if took := time.Since(asked); err == nil || fault.KindOf(err) != 0 || took != time.Second {
				t.Errorf("%s, by a caller with a second: %v after %s, want the context's error after 1s", use, err, took)
			}
		}
	})
}

// asks are all ways to ask plansvc for one thing.
func asks(d *desk) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"terms to pay by":    func(ctx context.Context) error { _, err := d.PlanTerms(ctx, []string{planA}); return err },
		"terms to record by": func(ctx context.Context) error { return d.Recording(ctx, []string{planA})[0].Err },
		"a program":          func(ctx context.Context) error { _, err := d.Program(ctx, "programs/azure"); return err },
		"all programs":       func(ctx context.Context) error { _, err := d.Programs(ctx); return err },
	}
}
