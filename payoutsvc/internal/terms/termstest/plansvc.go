// Package termstest has the part of plansvc that payoutsvc calls, for its tests:
// it knows the programs and plans that a test gives it, and counts what it is
// asked for.
package termstest

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// maxTerms is how many plans plansvc takes in one call.
const maxTerms = 1000

// A Plansvc is a plansvc without programs and plans. It may be used by any
// number of goroutines.
type Plansvc struct {
	planv1.UnimplementedPlanServiceServer

	mu       sync.Mutex
	programs []*planv1.Program
	plans    map[string]*planv1.PlanTerms
	asked    [][]string
	before   func(context.Context) error
}

// SetProgram adds a program, or replaces the one of its name.
func (p *Plansvc) SetProgram(program *planv1.Program) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.programs = slices.DeleteFunc(p.programs, func(known *planv1.Program) bool { return known.GetName() == program.GetName() })
	p.programs = append(p.programs, program)
	slices.SortFunc(p.programs, func(a, b *planv1.Program) int { return strings.Compare(a.GetName(), b.GetName()) })
}

// SetPlan adds a plan, or replaces the one of its name.
func (p *Plansvc) SetPlan(terms *planv1.PlanTerms) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plans == nil {
		p.plans = map[string]*planv1.PlanTerms{}
	}
	p.plans[terms.GetPlan()] = terms
}

// Before has fn called before each call is answered: the call fails with its error. Nil has nothing called.
func (p *Plansvc) Before(fn func(context.Context) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.before = fn
}

// Fail makes every call fail with an error, or none any more.
func (p *Plansvc) Fail(err error) {
	p.Before(func(context.Context) error { return err })
}

// Asked returns the plans of each call for terms since it was last asked, in their order.
func (p *Plansvc) Asked() [][]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked := p.asked
	p.asked = nil
	return asked
}

// begin is what every call begins with.
func (p *Plansvc) begin(ctx context.Context) error {
	p.mu.Lock()
	before := p.before
	p.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx)
}

// BatchGetPlanTerms returns the terms of the plans that are known.
func (p *Plansvc) BatchGetPlanTerms(ctx context.Context, request *planv1.BatchGetPlanTermsRequest) (*planv1.BatchGetPlanTermsResponse, error) {
	p.mu.Lock()
	p.asked = append(p.asked, request.GetPlans())
	p.mu.Unlock()
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	if n := len(request.GetPlans()); n < 1 || n > maxTerms {
		return nil, fault.New(fault.Invalid, "BATCH_TOO_LARGE", "%d plans were asked for at once", n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	response := &planv1.BatchGetPlanTermsResponse{}
	for _, name := range request.GetPlans() {
		if terms, ok := p.plans[name]; ok {
			response.PlanTerms = append(response.PlanTerms, terms)
		} else {
			response.NotFound = append(response.NotFound, name)
		}
	}
	return response, nil
}

// GetProgram returns a program that is known.
func (p *Plansvc) GetProgram(ctx context.Context, request *planv1.GetProgramRequest) (*planv1.Program, error) {
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, program := range p.programs {
		if program.GetName() == request.GetName() {
			return program, nil
		}
	}
	return nil, fault.New(fault.NotFound, "PROGRAM_NOT_FOUND", "there is no program %s", request.GetName())
}

// ListPrograms lists the programs by name, and so many on a page as it is asked for.
func (p *Plansvc) ListPrograms(ctx context.Context, request *planv1.ListProgramsRequest) (*planv1.ListProgramsResponse, error) {
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	start := 0
	if token := request.GetPageToken(); token != "" {
		var err error
		if start, err = strconv.Atoi(token); err != nil {
			return nil, err
		}
	}
	rest := p.programs[start:]
	response := &planv1.ListProgramsResponse{Programs: rest[:min(len(rest), int(request.GetPageSize()))]}
	if end := start + len(response.GetPrograms()); end < len(p.programs) {
		response.NextPageToken = strconv.Itoa(end)
	}
	return response, nil
}

// Client returns a client of p that makes its calls without a network.
func (p *Plansvc) Client() planv1.PlanServiceClient { return client{plansvc: p} }

// A client has those calls of PlanServiceClient that payoutsvc makes.
type client struct {
	planv1.PlanServiceClient

	plansvc *Plansvc
}

func (c client) BatchGetPlanTerms(
	ctx context.Context, request *planv1.BatchGetPlanTermsRequest, _ ...grpc.CallOption,
) (*planv1.BatchGetPlanTermsResponse, error) {
	response, err := c.plansvc.BatchGetPlanTerms(ctx, request)
	return response, onTheWire(err)
}

func (c client) GetProgram(ctx context.Context, request *planv1.GetProgramRequest, _ ...grpc.CallOption) (*planv1.Program, error) {
	response, err := c.plansvc.GetProgram(ctx, request)
	return response, onTheWire(err)
}

func (c client) ListPrograms(
	ctx context.Context, request *planv1.ListProgramsRequest, _ ...grpc.CallOption,
) (*planv1.ListProgramsResponse, error) {
	response, err := c.plansvc.ListPrograms(ctx, request)
	return response, onTheWire(err)
}

// onTheWire is an error as a client gets it.
func onTheWire(err error) error {
	if err == nil {
		return nil
	}
	s, _ := rpc.Status(err)
	return s.Err()
}
