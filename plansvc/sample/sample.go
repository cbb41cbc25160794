// Package sample fills an empty store of plansvc with a program and any number of approved plans, for benchmarks and
// tests that need more of them than calls can write in a reasonable time.
//
// Everything is made by the rules of the domain, as calls would; only the store is written to directly, many plans in
// one commit.
package sample

import (
	"context"
	"fmt"
	"time"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
)

// What all plans have in common.
const (
	// Program has a program year from 1 July 2025 to 30 June 2026, in America/Los_Angeles.
	Program = "azure"
	// Limit is that of each month, in US dollars.
	Limit = 10_000
	// Reviewer has the plans that wait for a review, OtherReviewer those that were reviewed.
	Reviewer      = "ana@contoso.com"
	OtherReviewer = "bob@contoso.com"
)

// created is when all was created and decided: at the begin of the program year.
var created = time.Date(2025, time.July, 2, 12, 0, 0, 0, time.UTC)

// Plans say what to write.
type Plans struct {
	// Count is how many plans there are in all, each of a partner of its own: see [Name].
	Count int
	// Waiting of them, the first ones, are submitted; all others are approved.
	Waiting int
	// Written is told how many are written so far, from several goroutines, one at a time; it may be nil.
	Written func(plans int)
}

// Name is the resource name of the i-th plan, from 0 on.
func Name(i int) string { return planName(i).String() }

func planName(i int) plan.Name {
	return plan.Name{Partner: fmt.Sprintf("p%07d", i), Program: Program, FundType: "coop", ProgramYear: "fy26"}
}

const (
	// batch is how many plans are written in one commit.
	batch = 500
	// writers is how many commits are under way at once.
	writers = 4
)

// Write writes the program and the plans into a store, which has neither. It fails with the first error of the store.
func Write(ctx context.Context, db store.DB, plans Plans) error {
	to := planstore.New(db)
	program, err := newProgram()
	if err != nil {
		return err
	}
	if err := to.CreateProgram(ctx, program); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	done := make(chan int, writers)
	told := make(chan struct{})
	go func() {
		defer close(told)
		total := 0
		for n := range done {
			total += n
			if plans.Written != nil {
				plans.Written(total)
			}
		}
	}()
	for _, numbers := range byPartition(db.Partitions(), plans.Count) {
		group.Go(func() error { return plans.write(ctx, to, program, numbers, done) })
	}
	err = group.Wait()
	close(done)
	<-told
	return err
}

// byPartition are the numbers of all plans, those of a partition together.
func byPartition(partitions, count int) [][]int {
	numbers := make([][]int, partitions)
	for i := range count {
		p := store.PartitionOf(planName(i).Partner, partitions)
		numbers[p] = append(numbers[p], i)
	}
	return numbers
}

// write writes the plans with these numbers, all of one partition.
func (plans Plans) write(ctx context.Context, to *planstore.Store, program *plan.Program, numbers []int, done chan<- int) error {
	for len(numbers) > 0 {
		some := numbers[:min(batch, len(numbers))]
		numbers = numbers[len(some):]
		var load planstore.Load
		for _, i := range some {
			e, p, err := newPlan(planName(i), program, i < plans.Waiting)
			if err != nil {
				return err
			}
			load.Enrollments = append(load.Enrollments, e)
			load.Plans = append(load.Plans, p)
		}
		if err := to.Load(ctx, load); err != nil {
			return err
		}
		done <- len(some)
	}
	return nil
}

func newProgram() (*plan.Program, error) {
	return plan.NewProgram(call(), Program, plan.ProgramContent{
		DisplayName: "Azure", TimeZone: "America/Los_Angeles", CurrencyCodes: []string{"USD"}, Markets: []string{"US"}, HasPlans: true,
		FundTypes:            []plan.FundType{{ID: "coop", DisplayName: "Co-op"}},
		ActivityTypes:        []plan.ActivityType{{ID: "webinar", DisplayName: "Webinar"}},
		ReviewerEmailDomains: []string{"contoso.com"},
		ProgramYears: []plan.ProgramYear{{
			ID: "fy26", StartDate: plan.Date{Year: 2025, Month: time.July, Day: 1}, EndDate: plan.Date{Year: 2026, Month: time.June, Day: 30},
		}},
	})
}

func call() plan.Call {
	return plan.Call{Actor: plan.Actor{ID: "local", Local: true}, Now: created}
}

// newPlan takes a plan from its draft to where it shall stand.
func newPlan(name plan.Name, program *plan.Program, waits bool) (*plan.Enrollment, *plan.Plan, error) {
	admins := []string{"admin@" + name.Partner + ".example"}
	e, err := plan.NewEnrollment(call(), name.Partner, name.Program, plan.EnrollmentContent{AdminEmails: admins})
	if err != nil {
		return nil, nil, err
	}
	reviewer := OtherReviewer
	if waits {
		reviewer = Reviewer
	}
	p, err := plan.New(call(), name, program, plan.Content{
		DisplayName: "Spring and summer", Market: "US", CurrencyCode: "USD", ReviewerEmail: reviewer,
		RequestedLimit: money.New("USD", decimal.New(Limit, 0)),
	})
	if err != nil {
		return nil, nil, err
	}
	first, last := plan.Date{Year: 2025, Month: time.August, Day: 1}, plan.Date{Year: 2026, Month: time.May, Day: 31}
	if err := p.AddCampaign(call(), "spring", plan.CampaignContent{DisplayName: "Spring", StartDate: first, EndDate: last}); err != nil {
		return nil, nil, err
	}
	if err := p.AddActivity(call(), "spring", "webinar", plan.ActivityContent{
		DisplayName: "Webinar", ActivityType: "webinar", RegionCodes: []string{"US"}, StartDate: first, EndDate: last,
	}); err != nil {
		return nil, nil, err
	}
	confirmed := call()
	confirmed.Etag = p.Etag()
	if err := p.Submit(confirmed, program); err != nil || waits {
		return e, p, err
	}
	if err := p.StartReview(call()); err != nil {
		return nil, nil, err
	}
	err = p.Approve(call(), program, admins, money.Money{})
	return e, p, err
}
