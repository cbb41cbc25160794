package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// edits are all the ways to change a plan that has campaign c1 with activity
// a1, each with the action that it is.
func edits(t testing.TB, p *plan.Plan) map[plan.Action]func(c plan.Call) error {
	t.Helper()
	campaign, activity := campaignContent(t), activityContent(t)
	return map[plan.Action]func(c plan.Call) error{
		plan.UpdatePlan:     func(c plan.Call) error { return p.Update(c, p.Name, planContent()) },
		plan.CreateCampaign: func(c plan.Call) error { return p.AddCampaign(c, "c2", campaign) },
		plan.UpdateCampaign: func(c plan.Call) error { return p.UpdateCampaign(c, "c1", campaign) },
		plan.DeleteCampaign: func(c plan.Call) error { return p.DeleteCampaign(c, "c1") },
		plan.CreateActivity: func(c plan.Call) error { return p.AddActivity(c, "c1", "a2", activity) },
		plan.UpdateActivity: func(c plan.Call) error { return p.UpdateActivity(c, "c1", "a1", activity) },
		plan.DeleteActivity: func(c plan.Call) error { return p.DeleteActivity(c, "c1", "a1") },
	}
}

func TestL4_ChangesOnlyInEditing(t *testing.T) {
	program := newProgram(t)
	for _, state := range states {
		for action := range edits(t, newDraft(t, program)) {
			t.Run(string(state)+" "+string(action), func(t *testing.T) {
				p := newPlan(t, program, state)
				edit := edits(t, p)[action]
				if state == plan.Editing {
					revision, events := p.Revision, p.EventCount
					must(t, edit(call(t, pia)))
					if p.Revision != revision+1 || p.UpdateTime != at(t, aSummerDay) || p.EventCount != events {
						t.Errorf("revision %d → %d, updated at %v, %d new events: want one more, now, and none",
							revision, p.Revision, p.UpdateTime, p.EventCount-events)
					}
					return
				}
				err := refusal(t, p, "PLAN_NOT_EDITING", func() error { return edit(call(t, pia)) })
				if err.Kind != fault.State || err.Details["state"] != string(state) || err.Details["action"] != string(action) {
					t.Errorf("kind %v with %v, want a state error that names state and action", err.Kind, err.Details)
				}
				if !strings.Contains(err.Message, string(state)) || !strings.Contains(err.Message, string(action)) {
					t.Errorf("message %q, want one that names %s and %s", err.Message, state, action)
				}
			})
		}
	}
}

func TestL4_DeleteOnlyADraftThatWasNeverSubmitted(t *testing.T) {
	program := newProgram(t)
	if err := newDraft(t, program).MayDelete(call(t, pia)); err != nil {
		t.Errorf("a draft that was never submitted: %v, want no error", err)
	}
	plans := []*plan.Plan{reopened(t, program)}
	for _, state := range states[1:] {
		plans = append(plans, newPlan(t, program, state))
	}
	for _, p := range plans {
		t.Run(string(p.State), func(t *testing.T) {
			err := refusal(t, p, "PLAN_WAS_SUBMITTED", func() error { return p.MayDelete(call(t, pia)) })
			if err.Kind != fault.State || err.Details["state"] != string(p.State) || err.Details["action"] != "DeletePlan" {
				t.Errorf("kind %v with %v, want a state error that names state and action", err.Kind, err.Details)
			}
		})
	}
}

func TestL9_IdentityNeverChanges(t *testing.T) {
	program := newProgram(t)
	other := plan.Name{Partner: "2", Program: "office", FundType: "mdf", ProgramYear: "fy27"}
	for _, p := range []*plan.Plan{newDraft(t, program), reopened(t, program)} {
		violated(t, p, []string{
			"plan.name FIELD_IMMUTABLE", "plan.program FIELD_IMMUTABLE", "plan.fund_type FIELD_IMMUTABLE", "plan.program_year FIELD_IMMUTABLE",
		}, func() error { return p.Update(call(t, pia), other, planContent()) })
	}
}

func TestL9_MarketAndCurrencyNotAfterTheFirstSubmission(t *testing.T) {
	program := newProgram(t)
	content := planContent()
	content.Market, content.CurrencyCode = "US", "JPY"

	draft := newDraft(t, program)
	must(t, draft.Update(call(t, pia), name, content))
	if diff := cmp.Diff(content, draft.Content); diff != "" {
		t.Errorf("a draft's content (-want +got):\n%s", diff)
	}

	p := reopened(t, program)
	violated(t, p, []string{"plan.market FIELD_IMMUTABLE", "plan.currency_code FIELD_IMMUTABLE"},
		func() error { return p.Update(call(t, pia), name, content) })
	content.Market, content.CurrencyCode = "", ""
	violated(t, p, []string{"plan.market FIELD_IMMUTABLE", "plan.currency_code FIELD_IMMUTABLE"},
		func() error { return p.Update(call(t, pia), name, content) })
	content = planContent()
	content.DisplayName, content.RequestedLimit = "Cloud in Hesse", usd(12000)
	must(t, p.Update(call(t, pia), name, content))
}

func TestPlan_PartsComeAndGo(t *testing.T) {
	p, c := newDraft(t, newProgram(t)), call(t, pia)
	must(t, p.AddCampaign(c, "c2", campaignContent(t)))
	must(t, p.AddActivity(c, "c2", "a1", activityContent(t)))
	must(t, p.AddActivity(c, "c2", "a2", activityContent(t)))
	must(t, p.AddActivity(c, "c2", "a0", activityContent(t)))
	must(t, p.AddCampaign(c, "b", campaignContent(t)))
	if got, want := ids(p), "c1(a1) c2(a1 a2 a0) b()"; got != want {
		t.Errorf("after adding: %s, want the oldest first: %s", got, want)
	}
	renamed, moved := campaignContent(t), activityContent(t)
	renamed.DisplayName, moved.DisplayName = "Winter", "Finale"
	must(t, p.UpdateCampaign(c, "c2", renamed))
	must(t, p.UpdateActivity(c, "c2", "a2", moved))
	must(t, p.DeleteActivity(c, "c2", "a1"))
	must(t, p.DeleteCampaign(c, "c1"))
	if got, want := ids(p), "c2(a2 a0) b()"; got != want {
		t.Errorf("after deleting: %s, want %s", got, want)
	}
	campaign, err := p.Campaign("c2")
	must(t, err)
	activity, err := campaign.Activity("a2")
	must(t, err)
	if campaign.DisplayName != "Winter" || activity.DisplayName != "Finale" || campaign.UpdateTime != c.Now || activity.UpdateTime != c.Now {
		t.Errorf("after the updates: %+v, want Winter with Finale, both updated now", campaign)
	}
}

// ids are those of the campaigns, each with those of its activities.
func ids(p *plan.Plan) string {
	var campaigns []string
	for _, c := range p.Campaigns {
		var activities []string
		for _, a := range c.Activities {
			activities = append(activities, a.ID)
		}
		campaigns = append(campaigns, c.ID+"("+strings.Join(activities, " ")+")")
	}
	return strings.Join(campaigns, " ")
}

func TestPlan_PartsThatAreNotThere(t *testing.T) {
	p, c := newDraft(t, newProgram(t)), call(t, pia)
	campaign, activity := campaignContent(t), activityContent(t)
	for _, test := range []struct {
		name, reason string
		fn           func() error
	}{
		{"update campaign", "CAMPAIGN_NOT_FOUND", func() error { return p.UpdateCampaign(c, "c9", campaign) }},
		{"delete campaign", "CAMPAIGN_NOT_FOUND", func() error { return p.DeleteCampaign(c, "c9") }},
		{"add activity", "CAMPAIGN_NOT_FOUND", func() error { return p.AddActivity(c, "c9", "a1", activity) }},
		{"update activity of none", "CAMPAIGN_NOT_FOUND", func() error { return p.UpdateActivity(c, "c9", "a1", activity) }},
		{"update activity", "ACTIVITY_NOT_FOUND", func() error { return p.UpdateActivity(c, "c1", "a9", activity) }},
		{"delete activity", "ACTIVITY_NOT_FOUND", func() error { return p.DeleteActivity(c, "c1", "a9") }},
		{"limit change", "LIMIT_CHANGE_NOT_FOUND", func() error { return p.RejectLimitChange(c, "l9", nil) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := refusal(t, p, test.reason, test.fn); err.Kind != fault.NotFound {
				t.Errorf("kind %v, want NotFound", err.Kind)
			}
		})
	}
	for reason, fn := range map[string]func() error{
		"CAMPAIGN_EXISTS": func() error { return p.AddCampaign(c, "c1", campaign) },
		"ACTIVITY_EXISTS": func() error { return p.AddActivity(c, "c1", "a1", activity) },
	} {
		if err := refusal(t, p, reason, fn); err.Kind != fault.Exists {
			t.Errorf("kind %v, want Exists", err.Kind)
		}
	}
}

func TestPlan_HoldsSoMuch(t *testing.T) {
	p, c := newDraft(t, newProgram(t)), call(t, pia)
	for i := 2; i <= 50; i++ {
		must(t, p.AddCampaign(c, fmt.Sprint("c", i), campaignContent(t)))
	}
	if err := refusal(t, p, "TOO_MANY", func() error { return p.AddCampaign(c, "c51", campaignContent(t)) }); err.Kind != fault.Limit {
		t.Errorf("51 campaigns: kind %v, want Limit", err.Kind)
	}
	for i := 2; i <= 500; i++ {
		must(t, p.AddActivity(c, fmt.Sprint("c", 1+i%50), fmt.Sprint("b", i), activityContent(t)))
	}
	if err := refusal(t, p, "TOO_MANY", func() error { return p.AddActivity(c, "c7", "b501", activityContent(t)) }); err.Kind != fault.Limit {
		t.Errorf("501 activities: kind %v, want Limit", err.Kind)
	}
	must(t, p.DeleteActivity(c, "c1", "a1"))
	must(t, p.AddActivity(c, "c7", "b501", activityContent(t)))
}
