package plan

import (
	"github.com/incentives-dev/incentives/internal/money"
	"time"
)

// Mutators either change what they are called on, or return a *fault.Error and change nothing.
// Paths: program.*, program_id, enrollment.*, plan.*, campaign.*, campaign_id, activity.*, activity_id,
// limit_change.*, limit_change_id, approved_limit, comment, etag.

func NewProgram(c Call, id string, content ProgramContent) (*Program, error) { return nil, nil }
func (p *Program) Update(c Call, content ProgramContent) error               { return nil }
func (p *Program) Etag() string                                              { return "" }
func (p *Program) Location() (*time.Location, error)                         { return nil, nil }
func (p *Program) Year(id string) (ProgramYear, bool)                        { return ProgramYear{}, false }

func NewEnrollment(c Call, partner, program string, content EnrollmentContent) (*Enrollment, error) {
	return nil, nil
}
func (e *Enrollment) Update(c Call, content EnrollmentContent) error { return nil }
func (e *Enrollment) MayDelete(c Call) error                         { return nil } // etag
func (e *Enrollment) Etag() string                                   { return "" }
func (e *Enrollment) Name() string                                   { return "" }

// CheckEnrolled: rule L2; a nil enrollment is PROGRAM_NOT_FOUND.
func CheckEnrolled(e *Enrollment, program string) error { return nil }

func New(c Call, name Name, program *Program, content Content) (*Plan, error) { return nil, nil }
func (p *Plan) Etag() string                                                  { return "" }
func (p *Plan) Update(c Call, name Name, content Content) error               { return nil } // name: identity as given, L9
func (p *Plan) MayDelete(c Call) error                                        { return nil }

func (p *Plan) CheckSubmit(c Call, program *Program) error { return nil } // what Submit answers, changing nothing
func (p *Plan) Submit(c Call, program *Program) error      { return nil }
func (p *Plan) StartReview(c Call) error                   { return nil }
func (p *Plan) Approve(c Call, program *Program, admins []string, limit money.Money) error {
	return nil
}                                                           // zero limit = the requested one
func (p *Plan) RequestAction(c Call, admins []string) error { return nil }
func (p *Plan) Reject(c Call, admins []string) error        { return nil }
func (p *Plan) Reopen(c Call, program *Program) error       { return nil }

func (p *Plan) AddCampaign(c Call, id string, content CampaignContent) error    { return nil }
func (p *Plan) UpdateCampaign(c Call, id string, content CampaignContent) error { return nil }
func (p *Plan) DeleteCampaign(c Call, id string) error                          { return nil }
func (p *Plan) Campaign(id string) (*Campaign, error)                           { return nil, nil } // CAMPAIGN_NOT_FOUND
func (c *Campaign) Activity(id string) (*Activity, error)                       { return nil, nil } // ACTIVITY_NOT_FOUND
func (c *Campaign) Etag() string                                                { return "" }
func (a *Activity) Etag() string                                                { return "" }
func (p *Plan) AddActivity(c Call, campaign, id string, content ActivityContent) error {
	return nil
}
func (p *Plan) UpdateActivity(c Call, campaign, id string, content ActivityContent) error {
	return nil
}
func (p *Plan) DeleteActivity(c Call, campaign, id string) error { return nil }

func (p *Plan) RequestLimitChange(c Call, program *Program, id string, content LimitChangeContent) error {
	return nil
}
func (p *Plan) ApproveLimitChange(c Call, program *Program, id string, admins []string) error {
	return nil
}
func (p *Plan) RejectLimitChange(c Call, id string, admins []string) error { return nil }
func (p *Plan) LimitChange(id string) (*LimitChange, error)                { return nil, nil }   // LIMIT_CHANGE_NOT_FOUND
func (p *Plan) PendingLimitChange() (*LimitChange, bool)                   { return nil, false } // at most one
func (c *LimitChange) Etag() string                                        { return "" }
func (p *Plan) LimitAt(month Month) (money.Money, bool)                    { return money.Money{}, false }

func (p *Plan) ResubmitDeadline(program *Program) Date  { return Date{} } // zero before the first submission
func (p *Plan) TermsIn(program *Program) (Terms, error) { return Terms{}, nil }

// CheckEtag: rule L8; an empty given passes.
func CheckEtag(given, current string) error { return nil }
