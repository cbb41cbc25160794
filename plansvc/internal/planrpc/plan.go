package planrpc

import (
	"context"
	"strings"

	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// CreatePlan creates a plan.
func (s *Server) CreatePlan(ctx context.Context, request *planv1.CreatePlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	given := request.GetPlan()
	mpn := partner(&v, request.GetParent(), false)
	name := identity(v.In("plan"), mpn, given)
	whole := len(v.List()) == 0 // the parts of its name could be read
	content := planContent(v.In("plan"), given)
	if whole && given.GetName() != "" && given.GetName() != name.String() {
		v.Add("plan.name", "NAME_MISMATCH", "is derived, and would be %s", name)
	}
	if len(given.GetCampaigns()) > 0 {
		v.Add("plan.campaigns", "FIELD_OUTPUT_ONLY", "are created by CreateCampaign, once the plan exists")
	}
	if mpn == "" || !plan.ValidID(name.Program) {
		return nil, s.call(ctx, &v, "").Unnamed("plan", content, nil)
	}
	program, err := s.store.Program(ctx, name.Program)
	if err != nil {
		return nil, err
	}
	created, err := s.store.CreatePlan(ctx, name, func() (*plan.Plan, error) {
		return plan.New(s.call(ctx, &v, ""), name, program, content)
	})
	if err != nil {
		return nil, err
	}
	return wirePlan(created, program), nil
}

// GetPlan returns a plan.
func (s *Server) GetPlan(ctx context.Context, request *planv1.GetPlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name := planName(&v, "name", request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := s.store.Plan(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, p)
}

// answer is a plan as the API shows it, with what follows from its program.
func (s *Server) answer(ctx context.Context, p *plan.Plan) (*planv1.Plan, error) {
	program, err := s.store.Program(ctx, p.Name.Program)
	if err != nil {
		return nil, err
	}
	return wirePlan(p, program), nil
}

// ListPlans lists plans.
func (s *Server) ListPlans(ctx context.Context, request *planv1.ListPlansRequest) (*planv1.ListPlansResponse, error) {
	var v fault.Violations
	fields := []string{"plans", request.GetParent(), request.GetFilter(), request.GetOrderBy()}
	q := planstore.Query{
		Partner: auth.From(ctx).Among(&v, "parent", partner(&v, request.GetParent(), true)),
		Filter:  listing.ParseFilter(&v, request.GetFilter(), planstore.Schema()),
		Order:   listing.ParseOrder(&v, request.GetOrderBy(), planstore.Orders()...),
		Page:    listing.ReadPage(&v, request, fields...),
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	plans, after, err := s.store.List(ctx, q)
	if err != nil {
		return nil, err
	}
	programs := s.programs()
	response := &planv1.ListPlansResponse{NextPageToken: listing.Token(after, fields...)}
	for _, p := range plans {
		if seen, err := s.seesProgramOf(ctx, p.Name); err != nil || !seen {
			if err != nil {
				return nil, err
			}
			continue
		}
		program, err := programs(ctx, p.Name.Program)
		if err != nil {
			return nil, err
		}
		response.Plans = append(response.Plans, wirePlan(p, program))
	}
	return response, nil
}

// programs reads each program once, for one call.
func (s *Server) programs() func(ctx context.Context, id string) (*plan.Program, error) {
	known := map[string]*plan.Program{}
	return func(ctx context.Context, id string) (program *plan.Program, err error) {
		if known[id] == nil {
			if known[id], err = s.store.Program(ctx, id); err != nil {
				return nil, err
			}
		}
		return known[id], nil
	}
}

// UpdatePlan changes a plan.
func (s *Server) UpdatePlan(ctx context.Context, request *planv1.UpdatePlanRequest) (*planv1.Plan, error) {
	var v fault.Violations
	name := planName(&v, "plan.name", request.GetPlan().GetName())
	given, set := changed(&v, request.GetUpdateMask(), request.GetPlan())
	content, etag := planContent(v.In("plan"), given), request.GetPlan().GetEtag()
	if name.Partner == "" {
		return nil, s.call(ctx, &v, etag).Unnamed("plan", content, set)
	}
	return s.byPartner(ctx, name, func(p *plan.Plan, _ *plan.Program) error {
		same, next := name, p.Content
		pick(set, "program", &same.Program, strings.TrimPrefix(given.GetProgram(), "programs/"))
		pick(set, "fund_type", &same.FundType, given.GetFundType())
		pick(set, "program_year", &same.ProgramYear, given.GetProgramYear())
		pick(set, "display_name", &next.DisplayName, content.DisplayName)
		pick(set, "description", &next.Description, content.Description)
		pick(set, "market", &next.Market, content.Market)
		pick(set, "currency_code", &next.CurrencyCode, content.CurrencyCode)
		pick(set, "reviewer_email", &next.ReviewerEmail, content.ReviewerEmail)
		pick(set, "requested_limit", &next.RequestedLimit, content.RequestedLimit)
		return p.Update(s.call(ctx, &v, etag), same, next)
	})
}

// byPartner makes a change that is the partner's, who has to be enrolled (rule L2).
func (s *Server) byPartner(ctx context.Context, name plan.Name, fn func(*plan.Plan, *plan.Program) error) (*planv1.Plan, error) {
	return s.change(ctx, name, func(p *plan.Plan, program *plan.Program, e *plan.Enrollment) error {
		if err := plan.CheckEnrolled(e, name.Program); err != nil {
			return err
		}
		return fn(p, program)
	})
}

// change changes a plan in its program.
func (s *Server) change(ctx context.Context, name plan.Name, fn func(*plan.Plan, *plan.Program, *plan.Enrollment) error) (*planv1.Plan, error) {
	p, program, err := s.changePlan(ctx, name, fn)
	if err != nil {
		return nil, err
	}
	return wirePlan(p, program), nil
}

// changePlan changes a plan, and returns it with its program. That lies in
// another partition, and is read after the plan: the program that a plan was
// created in has the plan's year for ever (rule P1).
func (s *Server) changePlan(
	ctx context.Context, name plan.Name, fn func(*plan.Plan, *plan.Program, *plan.Enrollment) error,
) (p *plan.Plan, program *plan.Program, err error) {
	p, err = s.store.UpdatePlan(ctx, name, func(p *plan.Plan, e *plan.Enrollment) (err error) {
		if program, err = s.store.Program(ctx, name.Program); err != nil {
			return err
		}
		return fn(p, program, e)
	})
	return p, program, err
}

// DeletePlan deletes a draft.
func (s *Server) DeletePlan(ctx context.Context, request *planv1.DeletePlanRequest) (*emptypb.Empty, error) {
	var v fault.Violations
	name := planName(&v, "name", request.GetName())
	if err := v.Err(); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, s.store.DeletePlan(ctx, name, func(p *plan.Plan, e *plan.Enrollment) error {
		if err := plan.CheckEnrolled(e, name.Program); err != nil {
			return err
		}
		return p.MayDelete(s.call(ctx, &v, request.GetEtag()))
	})
}

// identity is the name that a new plan gets.
func identity(v *fault.Violations, mpn string, p *planv1.Plan) plan.Name {
	name := plan.Name{Partner: mpn, FundType: p.GetFundType(), ProgramYear: p.GetProgramYear()}
	name.Program = rpc.Name(v, "program", "programs/{program}", p.GetProgram())[0]
	plan.CheckID(v, "fund_type", name.FundType)
	plan.CheckID(v, "program_year", name.ProgramYear)
	return name
}

func planContent(v *fault.Violations, p *planv1.Plan) plan.Content {
	if market := p.GetMarket(); market != "" && !knownCountry(market) {
		v.Add("market", "COUNTRY_UNKNOWN", "%.20q is not an ISO 3166-1 alpha-2 code", market)
	}
	return plan.Content{
		DisplayName: p.GetDisplayName(), Description: p.GetDescription(), Market: p.GetMarket(), CurrencyCode: p.GetCurrencyCode(),
		ReviewerEmail: p.GetReviewerEmail(), RequestedLimit: money.FromWire(v, "requested_limit", p.GetRequestedLimit()),
	}
}

func wirePlan(p *plan.Plan, program *plan.Program) *planv1.Plan {
	wire := &planv1.Plan{
		Name: p.Name.String(), Program: "programs/" + p.Name.Program, FundType: p.Name.FundType, ProgramYear: p.Name.ProgramYear,
		DisplayName: p.DisplayName, Description: p.Description, Market: p.Market, CurrencyCode: p.CurrencyCode,
		ReviewerEmail: p.ReviewerEmail, RequestedLimit: money.ToWire(p.RequestedLimit),
		State: wireState(p.State), Limits: list(p.Limits, wireLimit),
		CreateTime: rpc.WireTime(p.CreateTime), UpdateTime: rpc.WireTime(p.UpdateTime), FirstSubmitTime: rpc.WireTime(p.FirstSubmitTime),
		SubmitTime: rpc.WireTime(p.SubmitTime), DecideTime: rpc.WireTime(p.DecideTime), DecisionComment: p.DecisionComment,
		ResubmitDeadline: wireDay(p.ResubmitDeadline(program)), Etag: p.Etag(),
	}
	for i := range p.Campaigns {
		wire.Campaigns = append(wire.Campaigns, wireCampaign(p.Name, &p.Campaigns[i]))
	}
	if pending, ok := p.PendingLimitChange(); ok {
		wire.PendingLimitChange = wireLimitChange(p.Name, pending)
	}
	return wire
}

// wireState is a state by its name, which is the same in the rule book, the domain and the API.
func wireState(s plan.State) planv1.Plan_State {
	return planv1.Plan_State(planv1.Plan_State_value[string(s)])
}

func wireLimit(l plan.Limit) *planv1.Plan_Limit {
	return &planv1.Plan_Limit{EffectiveMonth: l.EffectiveMonth.String(), Amount: money.ToWire(l.Amount)}
}
