package planrpc

import (
	"context"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// CreateProgram creates a program.
func (s *Server) CreateProgram(ctx context.Context, request *planv1.CreateProgramRequest) (*planv1.Program, error) {
	var v fault.Violations
	content := programContent(v.In("program"), request.GetProgram())
	program, err := plan.NewProgram(s.call(ctx, &v, ""), request.GetProgramId(), content)
	if err != nil {
		return nil, err
	}
	if err := s.store.CreateProgram(ctx, program); err != nil {
		return nil, err
	}
	return wireProgram(program), nil
}

// GetProgram returns a program.
func (s *Server) GetProgram(ctx context.Context, request *planv1.GetProgramRequest) (*planv1.Program, error) {
	var v fault.Violations
	id := rpc.Name(&v, "name", "programs/{program}", request.GetName())[0]
	if err := v.Err(); err != nil {
		return nil, err
	}
	program, err := s.store.Program(ctx, id)
	if err != nil {
		return nil, err
	}
	return wireProgram(program), nil
}

// ListPrograms lists programs by name.
func (s *Server) ListPrograms(ctx context.Context, request *planv1.ListProgramsRequest) (*planv1.ListProgramsResponse, error) {
	var v fault.Violations
	page := listing.ReadPage(&v, request, "programs")
	if err := v.Err(); err != nil {
		return nil, err
	}
	programs, after, err := s.seenPrograms(ctx, page)
	if err != nil {
		return nil, err
	}
	return &planv1.ListProgramsResponse{Programs: list(programs, wireProgram), NextPageToken: listing.Token(after, "programs")}, nil
}

// seenPrograms lists the programs that exist for the caller. For one that is bound to partners a page ends at one of these, so that
// its token does not name another. Rule L2.
func (s *Server) seenPrograms(ctx context.Context, page listing.Page) (seen []*plan.Program, after string, err error) {
	caller := auth.From(ctx)
	if !caller.Bound() {
		return s.store.Programs(ctx, page)
	}
	for {
		programs, next, err := s.store.Programs(ctx, page)
		if err != nil {
			return nil, "", err
		}
		for _, program := range programs {
			enrolled, err := s.enrolled(ctx, plan.Sight{Partners: caller.Partners, Program: program.ID})
			if err != nil {
				return nil, "", err
			}
			if enrolled {
				seen = append(seen, program)
			}
		}
		switch {
		case next == "":
			return seen, "", nil
		case len(seen) > 0:
			return seen, seen[len(seen)-1].ID, nil
		}
		page.After = next
	}
}

// UpdateProgram changes a program.
func (s *Server) UpdateProgram(ctx context.Context, request *planv1.UpdateProgramRequest) (*planv1.Program, error) {
	var v fault.Violations
	id := rpc.Name(&v, "program.name", "programs/{program}", request.GetProgram().GetName())[0]
	given, set := changed(&v, request.GetUpdateMask(), request.GetProgram())
	content, etag := programContent(v.In("program"), given), request.GetProgram().GetEtag()
	if id == "" {
		return nil, s.call(ctx, &v, etag).Unnamed("program", content, set)
	}
	program, err := s.store.UpdateProgram(ctx, id, func(p *plan.Program) error {
		next := p.ProgramContent
		pick(set, "display_name", &next.DisplayName, content.DisplayName)
		pick(set, "time_zone", &next.TimeZone, content.TimeZone)
		pick(set, "currency_codes", &next.CurrencyCodes, content.CurrencyCodes)
		pick(set, "markets", &next.Markets, content.Markets)
		pick(set, "fund_types", &next.FundTypes, content.FundTypes)
		pick(set, "program_years", &next.ProgramYears, content.ProgramYears)
		pick(set, "activity_types", &next.ActivityTypes, content.ActivityTypes)
		pick(set, "reviewer_email_domains", &next.ReviewerEmailDomains, content.ReviewerEmailDomains)
		pick(set, "has_plans", &next.HasPlans, content.HasPlans)
		pick(set, "resubmission_days", &next.ResubmissionDays, content.ResubmissionDays)
		pick(set, "late_earning_days", &next.LateEarningDays, content.LateEarningDays)
		pick(set, "guide_uri", &next.GuideURI, content.GuideURI)
		return p.Update(s.call(ctx, &v, etag), next)
	})
	if err != nil {
		return nil, err
	}
	return wireProgram(program), nil
}

func programContent(v *fault.Violations, p *planv1.Program) plan.ProgramContent {
	if p == nil {
		p = &planv1.Program{} // whether days are given is no method, which would take nil
	}
	checkCountries(v, "markets", p.GetMarkets())
	content := plan.ProgramContent{
		DisplayName: p.GetDisplayName(), TimeZone: p.GetTimeZone(), CurrencyCodes: p.GetCurrencyCodes(), Markets: p.GetMarkets(),
		ReviewerEmailDomains: p.GetReviewerEmailDomains(), HasPlans: p.GetHasPlans(), GuideURI: p.GetGuideUri(),
		ResubmissionDays: days(p.ResubmissionDays), LateEarningDays: days(p.LateEarningDays), // absent is another than 0
	}
	for _, f := range p.GetFundTypes() {
		content.FundTypes = append(content.FundTypes, plan.FundType{ID: f.GetId(), DisplayName: f.GetDisplayName()})
	}
	for i, y := range p.GetProgramYears() {
		at := v.At("program_years", i)
		content.ProgramYears = append(content.ProgramYears, plan.ProgramYear{
			ID: y.GetId(), StartDate: day(at, "start_date", y.GetStartDate()), EndDate: day(at, "end_date", y.GetEndDate()),
		})
	}
	for _, a := range p.GetActivityTypes() {
		content.ActivityTypes = append(content.ActivityTypes, plan.ActivityType{ID: a.GetId(), DisplayName: a.GetDisplayName()})
	}
	return content
}

func days(n *int32) *int {
	if n == nil {
		return nil
	}
	return new(int(*n))
}

func wireDays(n *int) *int32 {
	if n == nil {
		return nil
	}
	return new(int32(*n))
}

func wireProgram(p *plan.Program) *planv1.Program {
	wire := &planv1.Program{
		Name: p.Name(), DisplayName: p.DisplayName, TimeZone: p.TimeZone, CurrencyCodes: p.CurrencyCodes, Markets: p.Markets,
		ReviewerEmailDomains: p.ReviewerEmailDomains, HasPlans: p.HasPlans, GuideUri: p.GuideURI,
		ResubmissionDays: wireDays(p.ResubmissionDays), LateEarningDays: wireDays(p.LateEarningDays),
		CreateTime: rpc.WireTime(p.CreateTime), UpdateTime: rpc.WireTime(p.UpdateTime), Etag: p.Etag(),
	}
	for _, f := range p.FundTypes {
		wire.FundTypes = append(wire.FundTypes, &planv1.Program_FundType{Id: f.ID, DisplayName: f.DisplayName})
	}
	for _, y := range p.ProgramYears {
		wire.ProgramYears = append(wire.ProgramYears, &planv1.Program_Year{Id: y.ID, StartDate: wireDay(y.StartDate), EndDate: wireDay(y.EndDate)})
	}
	for _, a := range p.ActivityTypes {
		wire.ActivityTypes = append(wire.ActivityTypes, &planv1.Program_ActivityType{Id: a.ID, DisplayName: a.DisplayName})
	}
	return wire
}
