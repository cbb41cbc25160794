package plan

import "time"

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
