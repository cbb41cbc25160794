package plan

import (
	"slices"

	"github.com/incentives-dev/incentives/internal/fault"
)

// How much one plan holds, so that reading it stays cheap.
const (
	maxCampaigns  = 50
	maxActivities = 500 // of all campaigns together
)

// Campaign returns the campaign with an id, to be read; CAMPAIGN_NOT_FOUND
// where there is none.
func (p *Plan) Campaign(id string) (*Campaign, error) {
	i := slices.IndexFunc(p.Campaigns, func(c Campaign) bool { return c.ID == id })
	if i < 0 {
		return nil, fault.New(fault.NotFound, "CAMPAIGN_NOT_FOUND", "%s does not exist", p.Name.Campaign(id))
	}
	return &p.Campaigns[i], nil
}

// AddCampaign adds a campaign. PLAN_NOT_EDITING (rule L4); INVALID lists all
// that is wrong with the request, below "campaign" and "campaign_id", each field by
// itself (rule L7); CAMPAIGN_EXISTS; TOO_MANY above 50.
func (p *Plan) AddCampaign(c Call, id string, content CampaignContent) error {
	if err := p.checkEditable(CreateCampaign); err != nil {
		return err
	}
	var v fault.Violations
	CheckID(&v, "campaign_id", id)
	content.check(v.In("campaign"))
	if err := c.refuse(&v); err != nil {
		return err
	}
	if _, err := p.Campaign(id); err == nil {
		return fault.New(fault.Exists, "CAMPAIGN_EXISTS", "%s exists", p.Name.Campaign(id))
	}
	if len(p.Campaigns) >= maxCampaigns {
		return fault.New(fault.Limit, "TOO_MANY", "a plan has at most %d campaigns", maxCampaigns)
	}
	now := c.stamp()
	p.touch(now)
	p.Campaigns = append(slices.Clip(p.Campaigns), Campaign{
		ID: id, CampaignContent: content, Revision: p.Revision, CreateTime: now, UpdateTime: now,
	})
	return nil
}

// UpdateCampaign gives a campaign another content. CAMPAIGN_NOT_FOUND;
// PLAN_NOT_EDITING (rule L4); ETAG_MISMATCH (rule L8), by the campaign's etag; INVALID
// lists all that is wrong with the request, below "campaign", each field by itself (rule L7).
func (p *Plan) UpdateCampaign(c Call, id string, content CampaignContent) error {
	campaign, err := p.editCampaign(c, id, UpdateCampaign)
	if err != nil {
		return err
	}
	var v fault.Violations
	content.check(v.In("campaign"))
	if err := c.refuse(&v); err != nil {
		return err
	}
	campaign.CampaignContent = content
	p.touchCampaign(c, campaign)
	return nil
}

// DeleteCampaign takes a campaign with its activities out. CAMPAIGN_NOT_FOUND;
// PLAN_NOT_EDITING (rule L4); ETAG_MISMATCH (rule L8), by the campaign's etag.
func (p *Plan) DeleteCampaign(c Call, id string) error {
	campaign, err := p.editCampaign(c, id, DeleteCampaign)
	if err != nil {
		return err
	}
	p.Campaigns = without(p.Campaigns, func(other *Campaign) bool { return other.ID == campaign.ID })
	p.touch(c.stamp())
	return nil
}

// editCampaign finds the campaign that an action changes, and checks that it can.
func (p *Plan) editCampaign(c Call, id string, action Action) (*Campaign, error) {
	campaign, err := p.Campaign(id)
	if err != nil {
		return nil, err
	}
	if err := p.checkEditable(action); err != nil {
		return nil, err
	}
	return campaign, CheckEtag(c.Etag, campaign.Etag())
}

// touchCampaign counts a change of a campaign, or of an activity of it. A part
// takes the plan's revision, so that one that is deleted and created anew never
// comes back to an etag that it had.
func (p *Plan) touchCampaign(c Call, campaign *Campaign) {
	p.touch(c.stamp())
	campaign.Revision, campaign.UpdateTime = p.Revision, p.UpdateTime
}

// without returns a list anew without the entries that go.
func without[T any](list []T, gone func(*T) bool) []T {
	var kept []T
	for i := range list {
		if !gone(&list[i]) {
			kept = append(kept, list[i])
		}
	}
	return kept
}
