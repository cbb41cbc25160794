package plan

import "github.com/incentives-dev/incentives/internal/fault"

// The actions of rule L4, which change no state and leave no event.
const (
	UpdatePlan     Action = "UpdatePlan"
	DeletePlan     Action = "DeletePlan"
	CreateCampaign Action = "CreateCampaign"
	UpdateCampaign Action = "UpdateCampaign"
	DeleteCampaign Action = "DeleteCampaign"
	CreateActivity Action = "CreateActivity"
	UpdateActivity Action = "UpdateActivity"
	DeleteActivity Action = "DeleteActivity"
)

// checkEditable refuses to change a plan, or what belongs to it, that is not
// the partner's to write: PLAN_NOT_EDITING. Rule L4.
func (p *Plan) checkEditable(action Action) error {
	if p.State == Editing {
		return nil
	}
	return p.wrongState("PLAN_NOT_EDITING", action)
}

// Update gives the plan another content. Name is the plan's as the request says
// it. PLAN_NOT_EDITING (rule L4); ETAG_MISMATCH (rule L8); INVALID lists all
// that is wrong with the request, below "plan", each field by itself (rule L7), and
// each that is fixed as FIELD_IMMUTABLE (rule L9).
func (p *Plan) Update(c Call, name Name, content Content) error {
	if err := p.checkEditable(UpdatePlan); err != nil {
		return err
	}
	if err := CheckEtag(c.Etag, p.Etag()); err != nil {
		return err
	}
	var v fault.Violations
	p.checkFrozen(v.In("plan"), name, content)
	content.check(v.In("plan"))
	if err := c.refuse(&v); err != nil {
		return err
	}
	p.Content = content
	p.touch(c.stamp())
	return nil
}

// checkFrozen records what would make another plan of it, and once the program
// has seen it, what would make another application of it. Rule L9.
func (p *Plan) checkFrozen(v *fault.Violations, name Name, content Content) {
	same := func(path, given, now, when string) {
		if given != now {
			v.Add(path, "FIELD_IMMUTABLE", "is %q, and does not change%s", now, when)
		}
	}
	same("name", "partners/"+name.Partner, "partners/"+p.Name.Partner, "")
	same("program", "programs/"+name.Program, "programs/"+p.Name.Program, "")
	same("fund_type", name.FundType, p.Name.FundType, "")
	same("program_year", name.ProgramYear, p.Name.ProgramYear, "")
	if !p.FirstSubmitTime.IsZero() {
		same("market", content.Market, p.Market, " after the first submission")
		same("currency_code", content.CurrencyCode, p.CurrencyCode, " after the first submission")
	}
}

// MayDelete returns nil where the plan is a draft that was never submitted, and
// can go with its history; else PLAN_WAS_SUBMITTED, or ETAG_MISMATCH. Rule L4.
func (p *Plan) MayDelete(c Call) error {
	if !p.FirstSubmitTime.IsZero() {
		return fault.New(fault.State, "PLAN_WAS_SUBMITTED", "%s is not possible: the plan is %s, and was submitted at %s",
			DeletePlan, p.State, p.FirstSubmitTime.Format("2006-01-02T15:04:05Z07:00")).
			With("state", string(p.State)).With("action", string(DeletePlan))
	}
	return CheckEtag(c.Etag, p.Etag())
}
