package planrpc

import (
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const activityPattern = "campaigns/{campaign}/activities/{activity}"

// CreateActivity adds an activity.
func (s *Server) CreateActivity(ctx context.Context, request *planv1.CreateActivityRequest) (*planv1.Activity, error) {
	var v fault.Violations
	name, ids := childName(&v, "parent", "campaigns/{campaign}", request.GetParent())
	content := activityContent(v.In("activity"), request.GetActivity())
	id := newID(request.GetActivityId())
	plan.CheckID(&v, "activity_id", id)
	if name.Partner == "" {
		return nil, s.call(ctx, &v, "").Unnamed("activity", content, nil)
	}
	return s.activity(ctx, name, []string{ids[0], id}, func(p *plan.Plan) error {
		return p.AddActivity(s.call(ctx, &v, ""), ids[0], id, content)
	})
}

// activity makes a change by the partner, and returns the activity that it is
// about; ids are the campaign's and its own.
func (s *Server) activity(ctx context.Context, name plan.Name, ids []string, fn func(*plan.Plan) error) (*planv1.Activity, error) {
	p, err := s.edit(ctx, name, fn)
	if err != nil {
		return nil, err
	}
	a, err := findActivity(p, ids)
	if err != nil {
		return nil, err
	}
	return wireActivity(name, ids[0], a), nil
}

func findActivity(p *plan.Plan, ids []string) (*plan.Activity, error) {
	c, err := p.Campaign(ids[0])
	if err != nil {
		return nil, err
	}
	return c.Activity(ids[1])
}

// GetActivity returns an activity.
func (s *Server) GetActivity(ctx context.Context, request *planv1.GetActivityRequest) (*planv1.Activity, error) {
	var v fault.Violations
	name, ids := childName(&v, "name", activityPattern, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := s.store.Plan(ctx, name)
	if err != nil {
		return nil, err
	}
	a, err := findActivity(p, ids)
	if err != nil {
		return nil, err
	}
	return wireActivity(name, ids[0], a), nil
}

// ListActivities lists a campaign's activities, oldest first.
func (s *Server) ListActivities(ctx context.Context, request *planv1.ListActivitiesRequest) (*planv1.ListActivitiesResponse, error) {
	var v fault.Violations
	name, ids := childName(&v, "parent", "campaigns/{campaign}", request.GetParent())
	listed := []string{"activities", request.GetParent()}
	page := listing.ReadPage(&v, request, listed...)
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
	activities, after := listing.Slice(c.Activities, page, func(a plan.Activity) string { return a.ID })
	return &planv1.ListActivitiesResponse{
		Activities:    list(activities, func(a plan.Activity) *planv1.Activity { return wireActivity(name, c.ID, &a) }),
		NextPageToken: listing.Token(after, listed...),
	}, nil
}

// UpdateActivity changes an activity.
func (s *Server) UpdateActivity(ctx context.Context, request *planv1.UpdateActivityRequest) (*planv1.Activity, error) {
	var v fault.Violations
	name, ids := childName(&v, "activity.name", activityPattern, request.GetActivity().GetName())
	given, set := changed(&v, request.GetUpdateMask(), request.GetActivity())
	content, etag := activityContent(v.In("activity"), given), request.GetActivity().GetEtag()
	if name.Partner == "" {
		return nil, s.call(ctx, &v, etag).Unnamed("activity", content, set)
	}
	return s.activity(ctx, name, ids, func(p *plan.Plan) error {
		a, err := findActivity(p, ids)
		if err != nil {
			return err
		}
		next := a.ActivityContent
		pick(set, "display_name", &next.DisplayName, content.DisplayName)
		pick(set, "activity_type", &next.ActivityType, content.ActivityType)
		pick(set, "region_codes", &next.RegionCodes, content.RegionCodes)
		pick(set, "start_date", &next.StartDate, content.StartDate)
		pick(set, "end_date", &next.EndDate, content.EndDate)
		pick(set, "planned_cost", &next.PlannedCost, content.PlannedCost)
		pick(set, "description", &next.Description, content.Description)
		return p.UpdateActivity(s.call(ctx, &v, etag), ids[0], ids[1], next)
	})
}

// DeleteActivity takes an activity out.
func (s *Server) DeleteActivity(ctx context.Context, request *planv1.DeleteActivityRequest) (*emptypb.Empty, error) {
	var v fault.Violations
	name, ids := childName(&v, "name", activityPattern, request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	_, err := s.edit(ctx, name, func(p *plan.Plan) error { return p.DeleteActivity(s.call(ctx, &v, request.GetEtag()), ids[0], ids[1]) })
	return &emptypb.Empty{}, err
}

func activityContent(v *fault.Violations, a *planv1.Activity) plan.ActivityContent {
	checkCountries(v, "region_codes", a.GetRegionCodes())
	return plan.ActivityContent{
		DisplayName: a.GetDisplayName(), ActivityType: a.GetActivityType(), RegionCodes: a.GetRegionCodes(),
		StartDate: day(v, "start_date", a.GetStartDate()), EndDate: day(v, "end_date", a.GetEndDate()),
		PlannedCost: money.FromWire(v, "planned_cost", a.GetPlannedCost()), Description: a.GetDescription(),
	}
}

func wireActivity(name plan.Name, campaign string, a *plan.Activity) *planv1.Activity {
	return &planv1.Activity{
		Name: name.Activity(campaign, a.ID), DisplayName: a.DisplayName, ActivityType: a.ActivityType, RegionCodes: a.RegionCodes,
		StartDate: wireDay(a.StartDate), EndDate: wireDay(a.EndDate), PlannedCost: money.ToWire(a.PlannedCost), Description: a.Description,
		CreateTime: rpc.WireTime(a.CreateTime), UpdateTime: rpc.WireTime(a.UpdateTime), Etag: a.Etag(),
	}
}
