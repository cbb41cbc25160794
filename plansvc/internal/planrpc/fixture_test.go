package planrpc_test

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/plansvc/internal/planrpc"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A world is a running service with a store of its own, and the clock that it reads.
type world struct {
	planv1.PlanServiceClient
	conn *grpc.ClientConn
	db   *troubled

	mu  sync.Mutex
	now time.Time
}

// newWorld starts a service on a connection in memory, on 10 April 2026.
func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Partitions: 4})
	must(t, err)
	w := &world{db: &troubled{DB: db}, now: moment(t, "2026-04-10T12:00:00Z")}
	listener := bufconn.Listen(1 << 20)
	ctx, stop := context.WithCancel(context.Background())
	plans := planstore.New(w.db)
	service := planrpc.New(plans, w.clock)
	guard, err := auth.Settings{}.Guard(slog.New(slog.DiscardHandler), service.Visible)
	must(t, err)
	server := rpc.Server{
		Name: "plansvc", Listener: listener, Guard: guard, Register: service.Register, Ready: plans.Ready,
		Drain: make(chan struct{}), Deadline: time.Minute, Log: slog.New(slog.DiscardHandler),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	w.conn, err = rpc.Dial("passthrough:///plansvc", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return listener.DialContext(ctx)
	}), grpc.WithDisableRetry())
	must(t, err)
	t.Cleanup(func() {
		w.conn.Close()
		stop()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		db.Close()
	})
	w.PlanServiceClient = planv1.NewPlanServiceClient(w.conn)
	return w
}

// clock is the service's: it goes on by a millisecond each time it is read.
func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Millisecond)
	return w.now
}

// at sets the clock.
func (w *world) at(t *testing.T, text string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = moment(t, text)
}

// A troubled store fails, or lets something happen first, where it is told to.
type troubled struct {
	store.DB
	mu     sync.Mutex
	get    func(store.Key) error
	scan   func() error
	commit func() error
}

// trouble sets what happens before the store is asked; nil for nothing.
func (d *troubled) trouble(get func(store.Key) error, scan, commit func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.get, d.scan, d.commit = get, scan, commit
}

func (d *troubled) troubles() (get func(store.Key) error, scan, commit func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.get, d.scan, d.commit
}

func (d *troubled) Get(ctx context.Context, p store.Partition, keys ...store.Key) ([][]byte, error) {
	get, _, _ := d.troubles()
	for _, key := range keys {
		if get == nil {
			break
		}
		if err := get(key); err != nil {
			return nil, err
		}
	}
	return d.DB.Get(ctx, p, keys...)
}

func (d *troubled) Scan(ctx context.Context, p store.Partition, collection, from string, limit int) ([]store.Entry, error) {
	if _, scan, _ := d.troubles(); scan != nil {
		if err := scan(); err != nil {
			return nil, err
		}
	}
	return d.DB.Scan(ctx, p, collection, from, limit)
}

func (d *troubled) Commit(ctx context.Context, p store.Partition, b *store.Batch) error {
	if _, _, commit := d.troubles(); commit != nil {
		if err := commit(); err != nil {
			return err
		}
	}
	return d.DB.Commit(ctx, p, b)
}

// beforePlan lets something happen right before the next time that a plan is
// read: in a call of the service, so that fn must not end the test.
func (d *troubled) beforePlan(fn func()) {
	d.trouble(func(key store.Key) error {
		if key.Collection == "plans" {
			d.trouble(nil, nil, nil)
			fn()
		}
		return nil
	}, nil, nil)
}

// beforeCommit lets something happen right before the next commit, likewise.
func (d *troubled) beforeCommit(fn func()) {
	d.trouble(nil, nil, func() error {
		d.trouble(nil, nil, nil)
		fn()
		return nil
	})
}

const (
	program    = "programs/azure"
	partner    = "partners/contoso"
	enrollment = "partners/contoso/enrollments/azure"
	coop       = "partners/contoso/plans/azure.coop.fy26"
	spring     = coop + "/campaigns/spring"
	webinar    = spring + "/activities/webinar"
)

func azure() *planv1.Program {
	return &planv1.Program{
		DisplayName: "Azure", TimeZone: "America/Los_Angeles", CurrencyCodes: []string{"USD", "JPY"}, Markets: []string{"US", "JP"}, HasPlans: true,
		FundTypes:            []*planv1.Program_FundType{{Id: "coop", DisplayName: "Co-op"}, {Id: "mdf", DisplayName: "MDF"}},
		ActivityTypes:        []*planv1.Program_ActivityType{{Id: "webinar", DisplayName: "Webinar"}},
		ReviewerEmailDomains: []string{"contoso.com"},
		ProgramYears: []*planv1.Program_Year{
			{Id: "fy25", StartDate: day(2024, 7, 1), EndDate: day(2025, 6, 30)},
			{Id: "fy26", StartDate: day(2025, 7, 1), EndDate: day(2026, 6, 30)},
		},
	}
}

func draft() *planv1.Plan {
	return &planv1.Plan{
		Program: program, FundType: "coop", ProgramYear: "fy26", DisplayName: "Spring", Description: "All of it", Market: "US", CurrencyCode: "USD",
		ReviewerEmail: "ana@contoso.com", RequestedLimit: usd(10_000, 0),
	}
}

func day(year, month, d int32) *date.Date { return &date.Date{Year: year, Month: month, Day: d} }

func usd(units int64, nanos int32) *money.Money {
	return &money.Money{CurrencyCode: "USD", Units: units, Nanos: nanos}
}

// found makes the program, with the partner in it.
func (w *world) found(t *testing.T) {
	t.Helper()
	_, err := w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: "azure", Program: azure()})
	must(t, err)
	_, err = w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{
		Parent: partner, EnrollmentId: "azure", Enrollment: &planv1.Enrollment{AdminEmails: []string{"admin@partner.example"}},
	})
	must(t, err)
}

// drafted makes a plan that can be submitted, in a program of its own making.
func (w *world) drafted(t *testing.T) *planv1.Plan {
	t.Helper()
	w.found(t)
	_, err := w.CreatePlan(t.Context(), &planv1.CreatePlanRequest{Parent: partner, Plan: draft()})
	must(t, err)
	_, err = w.CreateCampaign(t.Context(), &planv1.CreateCampaignRequest{Parent: coop, CampaignId: "spring", Campaign: &planv1.Campaign{
		DisplayName: "Spring", Objective: "Be known", StartDate: day(2026, 3, 1), EndDate: day(2026, 6, 30),
	}})
	must(t, err)
	_, err = w.CreateActivity(t.Context(), &planv1.CreateActivityRequest{Parent: spring, ActivityId: "webinar", Activity: &planv1.Activity{
		DisplayName: "Webinar", ActivityType: "webinar", RegionCodes: []string{"US", "CA"}, StartDate: day(2026, 3, 1), EndDate: day(2026, 3, 31),
		PlannedCost: usd(500, 0), Description: "One hour",
	}})
	must(t, err)
	return w.plan(t)
}

// plan reads the plan.
func (w *world) plan(t *testing.T) *planv1.Plan {
	t.Helper()
	p, err := w.GetPlan(t.Context(), &planv1.GetPlanRequest{Name: coop})
	must(t, err)
	return p
}

// bring takes the plan along to a state, from wherever it is before it.
func (w *world) bring(t *testing.T, to planv1.Plan_State) *planv1.Plan {
	t.Helper()
	for range 6 {
		p := w.plan(t)
		if p.GetState() == to {
			return p
		}
		must(t, w.advance(t.Context(), p, to))
	}
	t.Fatalf("the plan does not get %s", to)
	return nil
}

// advance makes the next move towards a state.
func (w *world) advance(ctx context.Context, p *planv1.Plan, to planv1.Plan_State) (err error) {
	switch p.GetState() {
	case planv1.Plan_EDITING:
		_, err = w.SubmitPlan(ctx, &planv1.SubmitPlanRequest{Name: coop, Etag: p.GetEtag()})
	case planv1.Plan_SUBMITTED:
		_, err = w.StartReview(ctx, &planv1.StartReviewRequest{Name: coop})
	case planv1.Plan_ACTION_REQUIRED, planv1.Plan_REJECTED:
		_, err = w.ReopenPlan(ctx, &planv1.ReopenPlanRequest{Name: coop})
	default:
		switch to {
		case planv1.Plan_ACTION_REQUIRED:
			_, err = w.RequestAction(ctx, &planv1.RequestActionRequest{Name: coop, Comment: "More regions."})
		case planv1.Plan_REJECTED:
			_, err = w.RejectPlan(ctx, &planv1.RejectPlanRequest{Name: coop, Comment: "No."})
		default:
			_, err = w.ApprovePlan(ctx, &planv1.ApprovePlanRequest{Name: coop})
		}
	}
	return err
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	m, err := time.Parse(time.RFC3339, text)
	must(t, err)
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An as is how a call is refused.
type as struct {
	code   codes.Code
	reason string
}

// refused fails where err is not a status of a code with a reason. Fields are
// all its violations: the path and the reason of each, or of a single one, whose
// reason is the error's, the path.
func refused(t *testing.T, what string, err error, want as, fields ...string) {
	t.Helper()
	got, found := explain(err)
	if status.Code(err) != want.code || got != want.reason {
		t.Errorf("%s: %v (reason %q), want %s (reason %q)", what, err, got, want.code, want.reason)
		return
	}
	if len(fields) == 1 && !strings.Contains(fields[0], " ") {
		fields[0] += " " + want.reason
	}
	if fields != nil && !slices.Equal(sorted(found), sorted(fields)) {
		t.Errorf("%s: violations\n\t%s\nwant\n\t%s", what, strings.Join(sorted(found), "\n\t"), strings.Join(sorted(fields), "\n\t"))
	}
}

// explain returns the reason of an error, and the path and the reason of each violation.
func explain(err error) (reason string, fields []string) {
	for _, detail := range status.Convert(err).Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, f := range d.GetFieldViolations() {
				fields = append(fields, f.GetField()+" "+f.GetReason())
			}
		}
	}
	return reason, fields
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// worked reports an error, and does not end the test.
func worked(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// equal fails where two messages differ.
func equal(t *testing.T, what string, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("%s is\n\t%v\nwant\n\t%v", what, got, want)
	}
}
