package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
)

// defaultDays is for how long after a program year plans are resubmitted and
// earnings recorded where the program does not say (docs/rules.md §1).
const defaultDays = 90

// A Program is one incentive program that a company runs for its partners.
type Program struct {
	ID string `json:"id"`
	ProgramContent
	Revision   int64     `json:"revision"` // grows with every change
	CreateTime time.Time `json:"create_time"`
	UpdateTime time.Time `json:"update_time"`
}

// ProgramContent is what the program's owner says of it.
type ProgramContent struct {
	DisplayName          string         `json:"display_name"`
	TimeZone             string         `json:"time_zone"` // IANA; days and months are counted in it
	CurrencyCodes        []string       `json:"currency_codes"`
	Markets              []string       `json:"markets,omitempty"` // ISO 3166-1 alpha-2
	FundTypes            []FundType     `json:"fund_types,omitempty"`
	ProgramYears         []ProgramYear  `json:"program_years,omitempty"`
	ActivityTypes        []ActivityType `json:"activity_types,omitempty"`
	ReviewerEmailDomains []string       `json:"reviewer_email_domains,omitempty"`
	HasPlans             bool           `json:"has_plans,omitempty"`
	// ResubmissionDays and LateEarningDays are days after a program year's last
	// one, 0 to 3650. A nil is 90; a stored program has both.
	ResubmissionDays *int   `json:"resubmission_days,omitempty"`
	LateEarningDays  *int   `json:"late_earning_days,omitempty"`
	GuideURI         string `json:"guide_uri,omitempty"`
}

// A FundType is one source of money within a program.
type FundType struct {
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
}

// An ActivityType is a kind of activity that a program pays for.
type ActivityType struct {
	ID          string `json:"id"`
	DisplayName string `json:"display_name"`
}

// A ProgramYear is the days from StartDate to EndDate, both included, in the
// program's time zone.
type ProgramYear struct {
	ID        string `json:"id"`
	StartDate Date   `json:"start_date"`
	EndDate   Date   `json:"end_date"`
}

// NewProgram makes a program. INVALID lists all that is wrong with the request,
// below "program" and "program_id".
func NewProgram(c Call, id string, content ProgramContent) (*Program, error) {
	var v fault.Violations
	CheckID(&v, "program_id", id)
	content.check(v.In("program"))
	if err := c.refuse(&v); err != nil {
		return nil, err
	}
	now := c.stamp()
	return &Program{ID: id, ProgramContent: content.withDefaults(), Revision: 1, CreateTime: now, UpdateTime: now}, nil
}

// Update gives the program another content. ETAG_MISMATCH as by [CheckEtag];
// INVALID lists all that is wrong with the request, below "program".
//
// The time zone stays, and so does every program year with its days; years can
// be added, also in between. Plans and earnings were dated by them. Rule P1.
func (p *Program) Update(c Call, content ProgramContent) error {
	if err := CheckEtag(c.Etag, p.Etag()); err != nil {
		return err
	}
	var v fault.Violations
	in := v.In("program")
	content.check(in)
	if content.TimeZone != p.TimeZone {
		in.Add("time_zone", "FIELD_IMMUTABLE", "is %s, and never changes", p.TimeZone)
	}
	for _, year := range p.ProgramYears {
		switch i := slices.IndexFunc(content.ProgramYears, func(y ProgramYear) bool { return y.ID == year.ID }); {
		case i < 0:
			in.Add("program_years", "FIELD_IMMUTABLE", "lacks %q: a program year never goes", year.ID)
		case content.ProgramYears[i] != year:
			in.At("program_years", i).Add("", "FIELD_IMMUTABLE", "%q is from %s through %s, and never changes", year.ID, year.StartDate, year.EndDate)
		}
	}
	if err := c.refuse(&v); err != nil {
		return err
	}
	p.ProgramContent = content.withDefaults()
	p.Revision++
	p.UpdateTime = c.stamp()
	return nil
}

// Name is programs/{program}.
func (p *Program) Name() string { return "programs/" + p.ID }

// Location is the time zone that the program's days and months are counted in.
func (p *Program) Location() (*time.Location, error) {
	zone, err := time.LoadLocation(p.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time zone of %s: %w", p.Name(), err)
	}
	return zone, nil
}

// Year returns the program year with an id, and whether there is one.
func (p *Program) Year(id string) (ProgramYear, bool) {
	i := slices.IndexFunc(p.ProgramYears, func(y ProgramYear) bool { return y.ID == id })
	if i < 0 {
		return ProgramYear{}, false
	}
	return p.ProgramYears[i], true
}

// checkTakesPlans refuses where the program has no plans. Rule P2.
func (p *Program) checkTakesPlans() error {
	if p.HasPlans {
		return nil
	}
	return fault.New(fault.State, "PROGRAM_HAS_NO_PLANS", "%s takes no plans", p.Name()).With("program", p.ID)
}

// today is the day that it is at now in the program's time zone.
func (p *Program) today(now time.Time) (Date, error) {
	zone, err := p.Location()
	if err != nil {
		return Date{}, err
	}
	return DateOf(now, zone), nil
}

// yearOf is the program year of a plan of the program. It is there by rule P1.
func (p *Program) yearOf(name Name) (ProgramYear, error) {
	year, ok := p.Year(name.ProgramYear)
	if !ok {
		return ProgramYear{}, fmt.Errorf("%s has no program year %q, which %s is for", p.Name(), name.ProgramYear, name)
	}
	return year, nil
}

func (c ProgramContent) hasFundType(id string) bool {
	return slices.ContainsFunc(c.FundTypes, func(f FundType) bool { return f.ID == id })
}

func (c ProgramContent) hasActivityType(id string) bool {
	return slices.ContainsFunc(c.ActivityTypes, func(a ActivityType) bool { return a.ID == id })
}

func (c ProgramContent) withDefaults() ProgramContent {
	if c.ResubmissionDays == nil {
		c.ResubmissionDays = new(defaultDays)
	}
	if c.LateEarningDays == nil {
		c.LateEarningDays = new(defaultDays)
	}
	return c
}
