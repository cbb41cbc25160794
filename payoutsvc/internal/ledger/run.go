package ledger

import (
	"context"
	"time"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A RunState is where a payout run stands.
type RunState string

// The states of a payout run.
const (
	Running   RunState = "RUNNING"   // at work, or to be resumed
	Succeeded RunState = "SUCCEEDED" // every plan is done, and none failed
	Failed    RunState = "FAILED"    // every plan is done, and some failed: see Failures
)

// A RunName says which run: of one program, for one pay date.
type RunName struct {
	Program string         `json:"program"` // programs/{program}
	PayDate payout.PayDate `json:"pay_date"`
}

// A Run pays every plan of one program for one pay date. Rule R1.
type Run struct {
	RunName
	State      RunState  `json:"state"`
	Generation int       `json:"generation"`  // how often it was started, from 1
	PlansTotal int64     `json:"plans_total"` // plans with unsettled months, as counted when it was last started
	CreateTime time.Time `json:"create_time"` // when it was first started
	StartTime  time.Time `json:"start_time"`  // when it was last started
	FinishTime time.Time `json:"finish_time"` // zero while it is Running
	Progress
}

// Progress is how far a run is. Rule R5.
type Progress struct {
	PlansDone     int64         `json:"plans_done"`     // since it was last started, failures included
	FailuresCount int64         `json:"failures_count"` // since it was last started
	Failures      []Failure     `json:"failures"`       // the first 100 of these, by plan
	PayoutsCount  int64         `json:"payouts_count"`  // over all its starts
	PaidTotals    []money.Money `json:"paid_totals"`    // what these add up to, by currency code
}

// A Failure is a plan that could not be paid, and why. Rule R3.
type Failure struct {
	Plan    string `json:"plan"`    // partners/{mpn_id}/plans/{plan}
	Reason  string `json:"reason"`  // UPPER_SNAKE_CASE
	Message string `json:"message"` // one sentence for people
}

// A StartRequest says which run to start, and on whose behalf.
type StartRequest struct {
	RunName
	Now       time.Time
	Scheduled bool // by the scheduler: LastScheduled will tell
}

// Start creates a run, or starts it again, on whatever it has not paid. A run
// that is at work is returned as it is. Whether a run for the pay date may start
// is the caller's to ask: [payout.PayDate.CanRun]. Nothing is paid before Work.
// Rule R1.
func (l *Ledger) Start(ctx context.Context, r StartRequest) (Run, error) {
	panic("soon")
}

// Run returns a run and how far it is, or PAYOUT_RUN_NOT_FOUND. Rule R5.
func (l *Ledger) Run(ctx context.Context, name RunName) (Run, error) {
	panic("soon")
}

// A RunsQuery says which program's runs to list.
type RunsQuery struct {
	Program string // programs/{program}
	Size    int    // how many at the most, above zero
	After   string // where the page before ended; empty for the first page
}

// Runs lists a program's runs by pay date, and returns where the next page
// begins, empty on the last one.
func (l *Ledger) Runs(ctx context.Context, q RunsQuery) (page []Run, next string, err error) {
	panic("soon")
}

// Unfinished returns the runs that are to be resumed when the service starts:
// those that are Running.
func (l *Ledger) Unfinished(ctx context.Context) ([]RunName, error) {
	panic("soon")
}

// LastScheduled returns the newest pay date that the scheduler has started a
// program's run for, zero where there is none. See [payout.Missed].
func (l *Ledger) LastScheduled(ctx context.Context, program string) (payout.PayDate, error) {
	panic("soon")
}
