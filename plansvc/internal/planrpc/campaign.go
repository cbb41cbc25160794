package planrpc

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// CreateCampaign adds a campaign.
func (s *Server) CreateCampaign(ctx context.Context, request *planv1.CreateCampaignRequest) (*planv1.Campaign, error) {
	var v fault.Violations
	name := planName(&v, "parent", request.GetParent())
	content := campaignContent(v.In("campaign"), request.GetCampaign())
	if len(request.GetCampaign().GetActivities()) > 0 {
		v.Add("campaign.activities", "FIELD_OUTPUT_ONLY", "are created by CreateActivity, once the campaign exists")
	}
	id := newID(request.GetCampaignId())
	plan.CheckID(&v, "campaign_id", id)
	if name.Partner == "" {
		return nil, s.call(ctx, &v, "").Unnamed("campaign", content, nil)
	}
	return s.campaign(ctx, name, id, func(p *plan.Plan) error { return p.AddCampaign(s.call(ctx, &v, ""), id, content) })
}

// campaign makes a change by the partner, and returns the campaign that it is about.
func (s *Server) campaign(ctx context.Context, name plan.Name, id string, fn func(*plan.Plan) error) (*planv1.Campaign, error) {
	p, err := s.edit(ctx, name, fn)
	if err != nil {
		return nil, err
	}
	c, err := p.Campaign(id)
	if err != nil {
		return nil, err
	}
	return wireCampaign(name, c), nil
}

// edit makes a change by the partner, who has to be enrolled (rule L2).
func (s *Server) edit(ctx context.Context, name plan.Name, fn func(*plan.Plan) error) (*plan.Plan, error) {
	return s.store.UpdatePlan(ctx, name, func(p *plan.Plan, e *plan.Enrollment) error {
		if err := plan.CheckEnrolled(e, name.Program); err != nil {
			return err
		}
		return fn(p)
	})
}

// GetCampaign returns a campaign.
func (s *Server) GetCampaign(ctx context.Context, request *planv1.GetCampaignRequest) (*planv1.Campaign, error) {
	var v fault.Violations
	name, ids := childName(&v, "name", "campaigns/{campaign}", request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := s.store.Plan(ctx, name)
	if err != nil {
		return nil, err
	}
	c, err := p.Campaign(ids[0])
	if err != nil {
		return nil, err
	}
	return wireCampaign(name, c), nil
}

// ListCampaigns lists a plan's campaigns, oldest first.
func (s *Server) ListCampaigns(ctx context.Context, request *planv1.ListCampaignsRequest) (*planv1.ListCampaignsResponse, error) {
	var v fault.Violations
	name := planName(&v, "parent", request.GetParent())
	listed := []string{"campaigns", request.GetParent()}
	page := listing.ReadPage(&v, request, listed...)
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := s.store.Plan(ctx, name)
	if err != nil {
		return nil, err
	}
	campaigns, after := listing.Slice(p.Campaigns, page, func(c plan.Campaign) string { return c.ID })
	return &planv1.ListCampaignsResponse{
		Campaigns:     list(campaigns, func(c plan.Campaign) *planv1.Campaign { return wireCampaign(name, &c) }),
		NextPageToken: listing.Token(after, listed...),
	}, nil
}

// UpdateCampaign changes a campaign.
func (s *Server) UpdateCampaign(ctx context.Context, request *planv1.UpdateCampaignRequest) (*planv1.Campaign, error) {
	var v fault.Violations
	name, ids := childName(&v, "campaign.name", "campaigns/{campaign}", request.GetCampaign().GetName())
	given, set := changed(&v, request.GetUpdateMask(), request.GetCampaign())
	content, etag := campaignContent(v.In("campaign"), given), request.GetCampaign().GetEtag()
	if name.Partner == "" {
		return nil, s.call(ctx, &v, etag).Unnamed("campaign", content, set)
	}
	return s.campaign(ctx, name, ids[0], func(p *plan.Plan) error {
		c, err := p.Campaign(ids[0])
		if err != nil {
			return err
		}
		next := c.CampaignContent
		pick(set, "display_name", &next.DisplayName, content.DisplayName)
		pick(set, "objective", &next.Objective, content.Objective)
		pick(set, "start_date", &next.StartDate, content.StartDate)
		pick(set, "end_date", &next.EndDate, content.EndDate)
		return p.UpdateCampaign(s.call(ctx, &v, etag), ids[0], next)
	})
}

// DeleteCampaign takes a campaign out.
func (s *Server) DeleteCampaign(ctx context.Context, request *planv1.DeleteCampaignRequest) (*emptypb.Empty, error) {
	var v fault.Violations
	name, ids := childName(&v, "name", "campaigns/{campaign}", request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	_, err := s.edit(ctx, name, func(p *plan.Plan) error { return p.DeleteCampaign(s.call(ctx, &v, request.GetEtag()), ids[0]) })
	return &emptypb.Empty{}, err
}

func campaignContent(v *fault.Violations, c *planv1.Campaign) plan.CampaignContent {
	return plan.CampaignContent{
		DisplayName: c.GetDisplayName(), Objective: c.GetObjective(),
		StartDate: day(v, "start_date", c.GetStartDate()), EndDate: day(v, "end_date", c.GetEndDate()),
	}
}

func wireCampaign(name plan.Name, c *plan.Campaign) *planv1.Campaign {
	wire := &planv1.Campaign{
		Name: name.Campaign(c.ID), DisplayName: c.DisplayName, Objective: c.Objective, StartDate: wireDay(c.StartDate), EndDate: wireDay(c.EndDate),
		CreateTime: rpc.WireTime(c.CreateTime), UpdateTime: rpc.WireTime(c.UpdateTime), Etag: c.Etag(),
	}
	for i := range c.Activities {
		wire.Activities = append(wire.Activities, wireActivity(name, c.ID, &c.Activities[i]))
	}
	return wire
}
