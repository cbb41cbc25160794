package plan

// A State is where a plan stands.
type State string

// The states of rule L3.
const (
	Editing        State = "EDITING"
	Submitted      State = "SUBMITTED"
	UnderReview    State = "UNDER_REVIEW"
	Approved       State = "APPROVED"
	ActionRequired State = "ACTION_REQUIRED"
	Rejected       State = "REJECTED"
)

// An Action is a call that changes a plan, by its name in the API.
type Action string

// The actions that events are about (rule L12): the moves of rule L3, and what
// is done about limits.
const (
	CreatePlan         Action = "CreatePlan"
	SubmitPlan         Action = "SubmitPlan"
	StartReview        Action = "StartReview"
	ApprovePlan        Action = "ApprovePlan"
	RequestAction      Action = "RequestAction"
	RejectPlan         Action = "RejectPlan"
	ReopenPlan         Action = "ReopenPlan"
	CreateLimitChange  Action = "CreateLimitChange"
	ApproveLimitChange Action = "ApproveLimitChange"
	RejectLimitChange  Action = "RejectLimitChange"
)
