package planstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
)

// A factory opens an empty store of one engine, and closes it with the test.
type factory func(t testing.TB) store.DB

// onEachEngine runs a test on every engine; another one is one more line.
func onEachEngine(t *testing.T, test func(t *testing.T, open factory)) {
	t.Helper()
	for engine, open := range map[string]factory{"pebble": openPebble} {
		t.Run(engine, func(t *testing.T) { test(t, open) })
	}
}

// openPebble opens a store with a few partitions, so that some hold several partners.
func openPebble(t testing.TB) store.DB {
	t.Helper()
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Partitions: 5})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// A spy is a store that remembers which keys were ever written and how often
// it was asked to commit. It does not commit where refuse returns an error.
type spy struct {
	store.DB
	refuse func() error

	mu      sync.Mutex
	commits int
	written map[store.Partition]map[store.Key]bool
}

func (s *spy) Commit(ctx context.Context, p store.Partition, b *store.Batch) error {
	s.mu.Lock()
	s.commits++
	for _, w := range b.Writes() {
		if s.written[p] == nil {
			s.written[p] = map[store.Key]bool{}
		}
		s.written[p][w.Key] = true
	}
	refuse := s.refuse
	s.mu.Unlock()
	if refuse != nil {
		if err := refuse(); err != nil {
			return err
		}
	}
	return s.DB.Commit(ctx, p, b)
}

// content is everything in the store, by collection and id.
func (s *spy) content(t rapid.TB) map[store.Key]string {
	t.Helper()
	all := map[store.Key]string{}
	for p, keys := range s.written {
		for key := range keys {
			values, err := s.Get(context.Background(), p, key)
			if err != nil {
				t.Fatal(err)
			}
			if values[0] != nil {
				all[key] = string(values[0])
			}
		}
	}
	return all
}

// wipe deletes everything in the store.
func (s *spy) wipe(t rapid.TB) {
	t.Helper()
	for p, keys := range s.written {
		var b store.Batch
		for key := range keys {
			b.Delete(key)
		}
		if err := s.DB.Commit(context.Background(), p, &b); err != nil {
			t.Fatal(err)
		}
	}
	s.written = map[store.Partition]map[store.Key]bool{}
}

// A world is a store with the program azure in it, and a clock that a test moves.
type world struct {
	*planstore.Store
	db      *spy
	program *plan.Program
	now     time.Time
}

func newWorld(t testing.TB, open factory) *world {
	t.Helper()
	db := &spy{DB: open(t), written: map[store.Partition]map[store.Key]bool{}}
	w := &world{Store: planstore.New(db), db: db, now: time.Date(2025, time.July, 1, 12, 0, 0, 0, time.UTC)}
	w.populate(t)
	return w
}

// populate creates the program, with every partner enrolled.
func (w *world) populate(t rapid.TB) {
	t.Helper()
	w.program = newProgram(t, w.call(), "azure")
	must(t, w.CreateProgram(context.Background(), w.program))
	for _, partner := range partners {
		w.enroll(t, partner)
	}
}

// partners have ids that sort in another order with what follows than alone.
var partners = []string{"p1", "p1-a", "p10", "p2"}

func (w *world) enroll(t rapid.TB, partner string) {
	t.Helper()
	e, err := plan.NewEnrollment(w.call(), partner, "azure", plan.EnrollmentContent{AdminEmails: []string{"admin@" + partner + ".example"}})
	must(t, err)
	must(t, w.CreateEnrollment(context.Background(), e))
}

// call is a call now, by the one who is partner and reviewer in one person.
func (w *world) call() plan.Call {
	return plan.Call{Actor: plan.Actor{ID: "local", Local: true}, Now: w.now, Comment: "so"}
}

func newProgram(t rapid.TB, c plan.Call, id string) *plan.Program {
	t.Helper()
	program, err := plan.NewProgram(c, id, plan.ProgramContent{
		DisplayName: "Azure", TimeZone: "America/Los_Angeles", CurrencyCodes: []string{"USD", "JPY"}, Markets: []string{"US", "DE"}, HasPlans: true,
		FundTypes:     []plan.FundType{{ID: "coop", DisplayName: "Co-op"}, {ID: "mdf", DisplayName: "MDF"}},
		ActivityTypes: []plan.ActivityType{{ID: "webinar", DisplayName: "Webinar"}}, ReviewerEmailDomains: []string{"contoso.com"},
		ProgramYears: []plan.ProgramYear{
			{ID: "fy26", StartDate: day(2025, time.July, 1), EndDate: day(2026, time.June, 30)},
			{ID: "fy27", StartDate: day(2026, time.July, 1), EndDate: day(2027, time.June, 30)},
		},
	})
	must(t, err)
	return program
}

func day(year int, month time.Month, d int) plan.Date {
	return plan.Date{Year: year, Month: month, Day: d}
}

func usd(amount int64) money.Money { return money.New("USD", decimal.New(amount, 0)) }

// coop is the plan that most tests are about.
var coop = plan.Name{Partner: "p1", Program: "azure", FundType: "coop", ProgramYear: "fy26"}

func content() plan.Content {
	return plan.Content{DisplayName: "Spring", Market: "US", CurrencyCode: "USD", ReviewerEmail: "ana@contoso.com", RequestedLimit: usd(10_000)}
}

// create creates a plan, and adds what it needs to be submitted.
func (w *world) create(name plan.Name, c plan.Content) (*plan.Plan, error) {
	return w.CreatePlan(context.Background(), name, func() (*plan.Plan, error) {
		p, err := plan.New(w.call(), name, w.program, c)
		if err != nil {
			return nil, err
		}
		return p, fill(w.call(), p, w.program)
	})
}

// fill adds a campaign and an activity.
func fill(c plan.Call, p *plan.Plan, program *plan.Program) error {
	year, _ := program.Year(p.Name.ProgramYear)
	if err := p.AddCampaign(c, "c1", plan.CampaignContent{DisplayName: "Spring", StartDate: year.StartDate, EndDate: year.EndDate}); err != nil {
		return err
	}
	return p.AddActivity(c, "c1", "a1", plan.ActivityContent{
		DisplayName: "Webinar", ActivityType: "webinar", RegionCodes: []string{"US"}, StartDate: year.StartDate, EndDate: year.EndDate,
	})
}

// A change is what is done to a plan.
type change func(c plan.Call, p *plan.Plan, e *plan.Enrollment) error

// change changes a plan.
func (w *world) change(name plan.Name, fn change) (*plan.Plan, error) {
	return w.UpdatePlan(context.Background(), name, func(p *plan.Plan, e *plan.Enrollment) error { return fn(w.call(), p, e) })
}

func (w *world) submit(c plan.Call, p *plan.Plan, _ *plan.Enrollment) error {
	c.Etag = p.Etag()
	return p.Submit(c, w.program)
}

func (w *world) reopen(c plan.Call, p *plan.Plan, _ *plan.Enrollment) error {
	return p.Reopen(c, w.program)
}

func (w *world) approve(c plan.Call, p *plan.Plan, e *plan.Enrollment) error {
	return p.Approve(c, w.program, e.AdminEmails, money.Money{})
}

func review(c plan.Call, p *plan.Plan, _ *plan.Enrollment) error { return p.StartReview(c) }

func requestAction(c plan.Call, p *plan.Plan, e *plan.Enrollment) error {
	return p.RequestAction(c, e.AdminEmails)
}

func reject(c plan.Call, p *plan.Plan, e *plan.Enrollment) error { return p.Reject(c, e.AdminEmails) }

// askForLimit asks for a limit change with a number.
func (w *world) askForLimit(number int) change {
	return func(c plan.Call, p *plan.Plan, _ *plan.Enrollment) error {
		return p.RequestLimitChange(c, w.program, fmt.Sprint("l", number), plan.LimitChangeContent{NewLimit: usd(int64(20_000 + number))})
	}
}

func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// same compares what is stored, which is all but what is pending.
func same(t rapid.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(plan.Plan{}, "Pending"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// refused fails where err is not a refusal of a kind with a reason.
func refused(t *testing.T, what string, err error, kind fault.Kind, reason string) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.ReasonOf(err) != reason {
		t.Errorf("%s: %v (%s), want %s", what, err, fault.ReasonOf(err), reason)
	}
}
