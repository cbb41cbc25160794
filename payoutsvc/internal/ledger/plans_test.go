package ledger_test

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// plans are the terms that plansvc would answer with.
type plans struct {
	mu      sync.Mutex
	terms   map[string]payout.Terms
	errs    map[string]error           // of one plan
	answer  func(plans []string) error // of a whole call; nil has none
	windows string                     // of the program
	gone    error                      // why there is none
}

// ProgramWindows implements ledger.Terms.
func (p *plans) ProgramWindows(ctx context.Context, _ string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil {
		return "", p.gone
	}
	return p.windows, ctx.Err()
}

// PlanTerms implements ledger.Terms.
func (p *plans) PlanTerms(ctx context.Context, names []string) ([]ledger.PlanTerms, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	const most = 1000
	if len(names) == 0 || len(names) > most {
		return nil, errors.New("asked for terms of no plan, or too many")
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if p.answer != nil {
		if err := p.answer(names); err != nil {
			return nil, err
		}
	}
	answers := make([]ledger.PlanTerms, len(names))
	for i, name := range names {
		terms, known := p.terms[name]
		switch {
		case p.errs[name] != nil:
			answers[i].Err = p.errs[name]
		case !known:
			answers[i].Err = fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is no plan %s", name)
		default:
			terms.Windows = p.windows
			answers[i].Terms = terms
		}
	}
	return answers, nil
}

// changeProgram gives the program other windows, and the terms of its plans what change does.
func (p *plans) changeProgram(change func(*payout.Terms)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.windows += "1"
	for plan, terms := range p.terms {
		change(&terms)
		p.terms[plan] = terms
	}
}

func (p *plans) get(plan string) payout.Terms {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.terms[plan]
}

func (p *plans) set(terms payout.Terms) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.terms[terms.Plan] = terms
}

// fail has the terms of a plan be unreadable; nil repairs them.
func (p *plans) fail(plan string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs[plan] = err
}

func (p *plans) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := make([]string, 0, len(p.terms))
	for name := range p.terms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
