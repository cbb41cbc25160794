package plan_test

import (
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestL8_CheckEtag(t *testing.T) {
	for _, test := range []struct{ given, current, want string }{
		{"", "3-x", ""},
		{"3-x", "3-x", ""},
		{"2-x", "3-x", "ETAG_MISMATCH"},
		{"3-y", "3-x", "ETAG_MISMATCH"},
	} {
		err := plan.CheckEtag(test.given, test.current)
		if got := fault.ReasonOf(err); got != test.want {
			t.Errorf("CheckEtag(%q, %q): %q, want %q", test.given, test.current, got, test.want)
		}
		if test.want != "" && fault.KindOf(err) != fault.Conflict {
			t.Errorf("CheckEtag(%q, %q): kind %v, want Conflict", test.given, test.current, fault.KindOf(err))
		}
	}
}

func TestL8_EveryChangeHonoursAnEtag(t *testing.T) {
	program := newProgram(t)
	partner, reviewer := call(t, pia), call(t, rita)
	partner.Etag, reviewer.Etag, reviewer.Comment = "0-old", "0-old", "seen"

	draft, submitted, reviewed := newDraft(t, program), newPlan(t, program, plan.Submitted), newPlan(t, program, plan.UnderReview)
	rejected, waiting := newPlan(t, program, plan.Rejected), newPlan(t, program, plan.Approved)
	must(t, waiting.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)}))
	enrollment := newEnrollment(t)

	for _, test := range []struct {
		name   string
		target any
		fn     func() error
	}{
		{"UpdateProgram", program, func() error { return program.Update(partner, programContent(t)) }},
		{"UpdateEnrollment", enrollment, func() error { return enrollment.Update(partner, plan.EnrollmentContent{}) }},
		{"DeleteEnrollment", enrollment, func() error { return enrollment.MayDelete(partner) }},
		{"UpdatePlan", draft, func() error { return draft.Update(partner, name, planContent()) }},
		{"DeletePlan", draft, func() error { return draft.MayDelete(partner) }},
		{"UpdateCampaign", draft, func() error { return draft.UpdateCampaign(partner, "c1", campaignContent(t)) }},
		{"DeleteCampaign", draft, func() error { return draft.DeleteCampaign(partner, "c1") }},
		{"UpdateActivity", draft, func() error { return draft.UpdateActivity(partner, "c1", "a1", activityContent(t)) }},
		{"DeleteActivity", draft, func() error { return draft.DeleteActivity(partner, "c1", "a1") }},
		{"SubmitPlan", draft, func() error { return draft.Submit(partner, program) }},
		{"StartReview", submitted, func() error { return submitted.StartReview(reviewer) }},
		{"ApprovePlan", reviewed, func() error { return reviewed.Approve(reviewer, program, admins, money.Money{}) }},
		{"RequestAction", reviewed, func() error { return reviewed.RequestAction(reviewer, admins) }},
		{"RejectPlan", reviewed, func() error { return reviewed.Reject(reviewer, admins) }},
		{"ReopenPlan", rejected, func() error { return rejected.Reopen(partner, program) }},
		{"ApproveLimitChange", waiting, func() error { return waiting.ApproveLimitChange(reviewer, program, "l1", admins) }},
		{"RejectLimitChange", waiting, func() error { return waiting.RejectLimitChange(reviewer, "l1", admins) }},
	} {
		t.Run(test.name, func(t *testing.T) { refused(t, test.target, "ETAG_MISMATCH", test.fn) })
	}
}

func TestL8_SubmittingNeedsAnEtag(t *testing.T) {
	p := newDraft(t, newProgram(t))
	violated(t, p, []string{"etag FIELD_REQUIRED"}, func() error { return p.Submit(call(t, pia), newProgram(t)) })

	// What else is missing is said along with it, and that it is too late, or was done, before it.
	p.Market = ""
	violated(t, p, []string{"etag FIELD_REQUIRED", "plan.market FIELD_REQUIRED"}, func() error { return p.Submit(call(t, pia), newProgram(t)) })
	refused(t, p, "SUBMISSION_DEADLINE_PASSED", func() error { return p.Submit(plan.Call{Now: at(t, "2027-01-01T00:00:00Z")}, newProgram(t)) })
	p = newPlan(t, newProgram(t), plan.Submitted)
	refused(t, p, "PLAN_STATE", func() error { return p.Submit(call(t, pia), newProgram(t)) })
}

// Each part's etag changes with it and with what is in it, and with nothing else.
func TestL8_WhatChangesWhichEtag(t *testing.T) {
	p, c := newDraft(t, newProgram(t)), call(t, pia)
	must(t, p.AddCampaign(c, "c2", campaignContent(t)))
	must(t, p.AddActivity(c, "c1", "a2", activityContent(t)))
	etags := func() [5]string {
		c1, err := p.Campaign("c1")
		must(t, err)
		c2, err := p.Campaign("c2")
		must(t, err)
		a1, err := c1.Activity("a1")
		must(t, err)
		a2, err := c1.Activity("a2")
		must(t, err)
		return [5]string{p.Etag(), c1.Etag(), a1.Etag(), a2.Etag(), c2.Etag()}
	}
	for _, test := range []struct {
		name    string
		fn      func() error
		changed [5]bool // plan, c1, a1, a2, c2
	}{
		{"plan", func() error { return p.Update(c, name, planContent()) }, [5]bool{true}},
		{"campaign", func() error { return p.UpdateCampaign(c, "c1", campaignContent(t)) }, [5]bool{true, true}},
		{"activity", func() error { return p.UpdateActivity(c, "c1", "a1", activityContent(t)) }, [5]bool{true, true, true}},
		{"activity added", func() error { return p.AddActivity(c, "c1", "a3", activityContent(t)) }, [5]bool{true, true}},
		{"activity deleted", func() error { return p.DeleteActivity(c, "c1", "a3") }, [5]bool{true, true}},
		{"campaign added", func() error { return p.AddCampaign(c, "c3", campaignContent(t)) }, [5]bool{true}},
		{"campaign deleted", func() error { return p.DeleteCampaign(c, "c3") }, [5]bool{true}},
	} {
		before := etags()
		must(t, test.fn())
		after := etags()
		for i, of := range []string{"the plan", "c1", "a1", "a2", "c2"} {
			if got := before[i] != after[i]; got != test.changed[i] {
				t.Errorf("%s: etag of %s changed: %v, want %v", test.name, of, got, test.changed[i])
			}
		}
	}
}

// What is deleted and created anew never has an etag that it had before.
func TestL8_CreatedAnewIsAnother(t *testing.T) {
	program, c := newProgram(t), call(t, pia)
	first, err := plan.New(c, name, program, planContent())
	must(t, err)
	c.Now = c.Now.Add(time.Microsecond)
	second, err := plan.New(c, name, program, planContent())
	must(t, err)
	if first.Etag() == second.Etag() {
		t.Errorf("a draft that was deleted and created anew a microsecond later has its old etag %s", first.Etag())
	}

	p := newDraft(t, program)
	campaign, err := p.Campaign("c1")
	must(t, err)
	etag := campaign.Etag()
	same := plan.Call{Actor: pia, Now: campaign.CreateTime} // at the very same moment
	must(t, p.DeleteCampaign(same, "c1"))
	must(t, p.AddCampaign(same, "c1", campaignContent(t)))
	campaign, err = p.Campaign("c1")
	must(t, err)
	if campaign.Etag() == etag {
		t.Errorf("a campaign that was deleted and created anew has its old etag %s", etag)
	}
}

func TestL8_LimitChanges(t *testing.T) {
	program := newProgram(t)
	p := newPlan(t, program, plan.Approved)
	before := p.Etag()
	must(t, p.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(1)}))
	change, err := p.LimitChange("l1")
	must(t, err)
	pending := change.Etag()
	c := call(t, rita)
	c.Etag = pending
	requested := p.Etag()
	must(t, p.ApproveLimitChange(c, program, "l1", admins))
	if change.Etag() == pending || before == requested || requested == p.Etag() {
		t.Errorf("etags: limit change %s → %s, plan %s → %s → %s: want another with each change", pending, change.Etag(), before, requested, p.Etag())
	}
}
