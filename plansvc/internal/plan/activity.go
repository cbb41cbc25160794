package plan

import (
	"slices"

	"github.com/incentives-dev/incentives/internal/fault"
)

// Activity returns the campaign's activity with an id, to be read;
// ACTIVITY_NOT_FOUND where there is none.
func (c *Campaign) Activity(id string) (*Activity, error) {
	i := slices.IndexFunc(c.Activities, func(a Activity) bool { return a.ID == id })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "ACTIVITY_NOT_FOUND", "campaigns/%s/activities/%s does not exist", c.ID, id)
	}
	return &c.Activities[i], nil
}

// AddActivity adds an activity to a campaign. CAMPAIGN_NOT_FOUND;
// PLAN_NOT_EDITING (rule L4); INVALID lists all that is wrong with the request, below
// "activity" and "activity_id", each field by itself (rule L7); ACTIVITY_EXISTS;
// TOO_MANY above 500 in the plan.
func (p *Plan) AddActivity(c Call, campaignID, id string, content ActivityContent) error {
	campaign, err := p.Campaign(campaignID)
	if err != nil {
		return err
	}
	if err := p.checkEditable(CreateActivity); err != nil {
		return err
	}
	var v fault.Violations
	CheckID(&v, "activity_id", id)
	content.check(v.In("activity"))
	if err := c.refuse(&v); err != nil {
		return err
	}
	if _, err := campaign.Activity(id); err == nil {
		return fault.New(fault.Exists, "ACTIVITY_EXISTS", "%s exists", p.Name.Activity(campaignID, id))
	}
	if p.countActivities() >= maxActivities {
		return fault.New(fault.Limit, "TOO_MANY", "a plan has at most %d activities", maxActivities)
	}
	p.touchCampaign(c, campaign)
	campaign.Activities = append(slices.Clip(campaign.Activities), Activity{
		ID: id, ActivityContent: content, Revision: p.Revision, CreateTime: p.UpdateTime, UpdateTime: p.UpdateTime,
	})
	return nil
}

// UpdateActivity gives an activity another content. CAMPAIGN_NOT_FOUND,
// ACTIVITY_NOT_FOUND; PLAN_NOT_EDITING (rule L4); ETAG_MISMATCH (rule L8), by the
// activity's etag; INVALID lists all that is wrong with the request, below "activity",
// each field by itself (rule L7).
func (p *Plan) UpdateActivity(c Call, campaignID, id string, content ActivityContent) error {
	campaign, activity, err := p.editActivity(c, place{campaignID, id}, UpdateActivity)
	if err != nil {
		return err
	}
	var v fault.Violations
	content.check(v.In("activity"))
	if err := c.refuse(&v); err != nil {
		return err
	}
	activity.ActivityContent = content
	p.touchCampaign(c, campaign)
	activity.Revision, activity.UpdateTime = p.Revision, p.UpdateTime
	return nil
}

// DeleteActivity takes an activity out of a campaign. CAMPAIGN_NOT_FOUND,
// ACTIVITY_NOT_FOUND; PLAN_NOT_EDITING (rule L4); ETAG_MISMATCH (rule L8), by the
// activity's etag.
func (p *Plan) DeleteActivity(c Call, campaignID, id string) error {
	campaign, activity, err := p.editActivity(c, place{campaignID, id}, DeleteActivity)
	if err != nil {
		return err
	}
	campaign.Activities = without(campaign.Activities, func(other *Activity) bool { return other.ID == activity.ID })
	p.touchCampaign(c, campaign)
	return nil
}

// A place is where an activity stands in a plan, by ids.
type place struct{ campaign, activity string }

// editActivity finds the activity that an action changes, and checks that it can.
func (p *Plan) editActivity(c Call, at place, action Action) (*Campaign, *Activity, error) {
	campaign, err := p.Campaign(at.campaign)
	if err != nil {
		return nil, nil, err
	}
	activity, err := campaign.Activity(at.activity)
	if err != nil {
		return nil, nil, err
	}
	if err := p.checkEditable(action); err != nil {
		return nil, nil, err
	}
	return campaign, activity, CheckEtag(c.Etag, activity.Etag())
}

func (p *Plan) countActivities() int {
	n := 0
	for i := range p.Campaigns {
		n += len(p.Campaigns[i].Activities)
	}
	return n
}
