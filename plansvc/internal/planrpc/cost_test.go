package planrpc_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	"github.com/incentives-dev/incentives/plansvc/internal/planrpc"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
	stock "github.com/incentives-dev/incentives/plansvc/sample"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A cost is what was asked of a store.
type cost struct{ Gets, Keys, Scans, Entries, Commits, Bytes int }

// A counted store says what it was asked for.
type counted struct {
	store.DB

	mu   sync.Mutex
	cost cost
}

func (c *counted) Get(ctx context.Context, p store.Partition, keys ...store.Key) ([][]byte, error) {
	values, err := c.DB.Get(ctx, p, keys...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cost.Gets++
	c.cost.Keys += len(keys)
	for _, value := range values {
		c.cost.Bytes += len(value)
	}
	return values, err
}

func (c *counted) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	entries, err := c.DB.Scan(ctx, p, collection, from, limit)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cost.Scans++
	c.cost.Entries += len(entries)
	for _, entry := range entries {
		c.cost.Bytes += len(entry.Value)
	}
	return entries, err
}

func (c *counted) Commit(ctx context.Context, p store.Partition, b *store.Batch) error {
	c.mu.Lock()
	c.cost.Commits++
	c.mu.Unlock()
	return c.DB.Commit(ctx, p, b)
}

// A run asks for the terms of every plan that it pays. They cost what is asked for, however much else the store holds.
func TestBatchGetPlanTerms_CostsWhatIsAskedFor(t *testing.T) {
	const asked, others, partitions = 1000, 2000, 4
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Partitions: partitions})
	must(t, err)
	defer db.Close()
	must(t, stock.Write(t.Context(), db, stock.Plans{Count: asked, Waiting: asked}))
	request := &planv1.BatchGetPlanTermsRequest{}
	for i := range asked {
		request.Plans = append(request.Plans, stock.Name(i))
	}
	measure := func() (*planv1.BatchGetPlanTermsResponse, cost) {
		watched := &counted{DB: db}
		terms, err := planrpc.New(planstore.New(watched), time.Now).BatchGetPlanTerms(t.Context(), request)
		must(t, err)
		if len(terms.GetPlanTerms()) != asked {
			t.Fatalf("terms of %d plans, want %d", len(terms.GetPlanTerms()), asked)
		}
		return terms, watched.cost
	}

	before, fresh := measure()
	// One key a plan, those of a partition in one round trip; and the program.
	if want := (cost{Gets: partitions + 1, Keys: asked + 1, Bytes: fresh.Bytes}); fresh != want {
		t.Errorf("terms of %d plans cost %+v, want %+v", asked, fresh, want)
	}
	a := &archive{T: t, Store: planstore.New(db), partitions: partitions, now: moment(t, "2026-04-10T12:00:00Z")}
	a.addOthers(asked, others)
	a.review(asked)
	after, old := measure()
	if diff := cmp.Diff(fresh, old); diff != "" {
		t.Errorf("with history they cost something else (-without +with):\n%s", diff)
	}
	if !proto.Equal(after, before) {
		t.Error("with history the terms are others")
	}
}

// An archive is a store that gets a history.
type archive struct {
	*testing.T
	*planstore.Store
	partitions int
	now        time.Time
}

func (a *archive) call() plan.Call {
	return plan.Call{Actor: plan.Actor{ID: "local", Local: true}, Now: a.now, Comment: "Once more."}
}

// addOthers adds two programs with plans of the partners that there are, and other partners with plans of all programs.
func (a *archive) addOthers(partners, others int) {
	a.Helper()
	azure, err := a.Program(a.Context(), stock.Program)
	must(a.T, err)
	programs := []*plan.Program{azure}
	for _, id := range []string{"office", "windows"} {
		program, err := plan.NewProgram(a.call(), id, azure.ProgramContent)
		must(a.T, err)
		must(a.T, a.CreateProgram(a.Context(), program))
		programs = append(programs, program)
	}
	loads := make([]planstore.Load, a.partitions)
	add := func(partner string, program *plan.Program) {
		e, p := a.draft(partner, program)
		load := &loads[store.PartitionOf(partner, a.partitions)]
		load.Enrollments, load.Plans = append(load.Enrollments, e), append(load.Plans, p)
	}
	for i := range partners {
		name, err := plan.ParseName(stock.Name(i))
		must(a.T, err)
		for _, program := range programs[1:] {
			add(name.Partner, program)
		}
	}
	for i := range others {
		for _, program := range programs {
			add(fmt.Sprintf("p%07d-other", i), program) // it sorts between the others
		}
	}
	for _, load := range loads {
		must(a.T, a.Load(a.Context(), load))
	}
}

func (a *archive) draft(partner string, program *plan.Program) (*plan.Enrollment, *plan.Plan) {
	e, err := plan.NewEnrollment(a.call(), partner, program.ID, plan.EnrollmentContent{AdminEmails: []string{"admin@partner.example"}})
	must(a.T, err)
	name := plan.Name{Partner: partner, Program: program.ID, FundType: "coop", ProgramYear: "fy26"}
	p, err := plan.New(a.call(), name, program, plan.Content{DisplayName: "Spring", Market: "US", CurrencyCode: "USD", ReviewerEmail: stock.Reviewer})
	must(a.T, err)
	return e, p
}

// review sends the first plans back and forth, so that each has events and campaigns, and stands where it stood.
func (a *archive) review(plans int) {
	a.Helper()
	azure, err := a.Program(a.Context(), stock.Program)
	must(a.T, err)
	var group errgroup.Group
	group.SetLimit(8) // so that commits are synced together
	for i := range plans {
		group.Go(func() error {
			name, err := plan.ParseName(stock.Name(i))
			if err != nil {
				return err
			}
			_, err = a.UpdatePlan(a.Context(), name, func(p *plan.Plan, e *plan.Enrollment) error {
				for round := range 3 {
					if err := a.sendBack(p, e, azure, round); err != nil {
						return err
					}
				}
				return nil
			})
			return err
		})
	}
	must(a.T, group.Wait())
}

// sendBack is one round of it.
func (a *archive) sendBack(p *plan.Plan, e *plan.Enrollment, azure *plan.Program, round int) error {
	year, campaign := azure.ProgramYears[0], fmt.Sprint("more", round)
	for _, step := range []func(plan.Call) error{
		p.StartReview,
		func(c plan.Call) error { return p.RequestAction(c, e.AdminEmails) },
		func(c plan.Call) error { return p.Reopen(c, azure) },
		func(c plan.Call) error {
			return p.AddCampaign(c, campaign, plan.CampaignContent{DisplayName: "More", StartDate: year.StartDate, EndDate: year.EndDate})
		},
		func(c plan.Call) error {
			return p.AddActivity(c, campaign, "webinar", plan.ActivityContent{
				DisplayName: "Webinar", ActivityType: "webinar", RegionCodes: []string{"US"}, StartDate: year.StartDate, EndDate: year.EndDate,
			})
		},
		func(c plan.Call) error {
			c.Etag = p.Etag()
			return p.Submit(c, azure)
		},
	} {
		if err := step(a.call()); err != nil {
			return err
		}
	}
	return nil
}
