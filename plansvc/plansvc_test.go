package plansvc_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/plansvc"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// start runs the service on a free port and a store of its own.
func start(t *testing.T) planv1.PlanServiceClient {
	t.Helper()
	client, stop := run(t, "pebble:"+filepath.Join(t.TempDir(), "plans"))
	t.Cleanup(stop)
	return client
}

// run runs the service on a free port until stop.
func run(t testing.TB, storeURL string) (client planv1.PlanServiceClient, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	address, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		done <- plansvc.Run(ctx, plansvc.Config{
			Listen: "127.0.0.1:0", Store: storeURL, ShutdownTimeout: 10 * time.Second,
			Clock:    func() time.Time { return time.Date(2026, time.April, 10, 12, 0, 0, 0, time.UTC) },
			OnListen: func(a net.Addr) { address <- a }, Log: slog.New(slog.DiscardHandler),
		})
	}()
	select {
	case a := <-address:
		conn, err := rpc.Dial(a.String())
		if err != nil {
			t.Fatal(err)
		}
		return planv1.NewPlanServiceClient(conn), func() {
			conn.Close()
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v, want nil after its context is done", err)
			}
		}
	case err := <-done:
		cancel()
		t.Fatal(err)
		return nil, nil
	}
}

func TestRun_KeepsWhatItWasToldWhenItStartsAgain(t *testing.T) {
	url := "pebble:" + filepath.Join(t.TempDir(), "plans")
	client, stop := run(t, url)
	enroll(t, client)
	if err := create(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	want, err := client.GetPlan(t.Context(), &planv1.GetPlanRequest{Name: planName})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	client, stop = run(t, url)
	defer stop()
	got, err := client.GetPlan(t.Context(), &planv1.GetPlanRequest{Name: planName})
	if err != nil || !proto.Equal(got, want) {
		t.Errorf("after a restart the plan is %v, %v; want %v", got, err, want)
	}
}

// Whoever stops the service need not wait for a call that does not end, and the store is not closed under it.
func TestRun_GivesUpWhatDoesNotEnd(t *testing.T) {
	url := "pebble:" + filepath.Join(t.TempDir(), "plans")
	begun, end := make(chan struct{}), make(chan struct{})
	defer close(end)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	address, done := make(chan net.Addr, 1), make(chan error, 1)
	config := plansvc.Config{
		Listen: "127.0.0.1:0", Store: url, ShutdownTimeout: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		OnListen: func(a net.Addr) { address <- a },
		Clock: func() time.Time {
			close(begun)
			<-end
			return time.Date(2026, time.April, 10, 12, 0, 0, 0, time.UTC)
		},
	}
	go func() { done <- plansvc.Run(ctx, config) }()
	conn, err := rpc.Dial((<-address).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() {
		_, _ = planv1.NewPlanServiceClient(conn).CreateEnrollment(ctx, &planv1.CreateEnrollmentRequest{Parent: "partners/contoso", EnrollmentId: "azure"})
	}()
	<-begun
	cancel()
	if err := <-done; !errors.Is(err, rpc.ErrAtWork) || !strings.Contains(err.Error(), "/CreateEnrollment") {
		t.Errorf("Run: %v, want ErrAtWork, and the call", err)
	}
	second, enough := context.WithTimeout(t.Context(), time.Second)
	defer enough()
	if err := plansvc.Run(second, config); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second one can use the store that a call works on: %v", err)
	}
}

// What keeps the service from starting is one line for an operator, and nothing is left running.
func TestRun_Refused(t *testing.T) {
	var listen net.ListenConfig
	taken, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	folder := filepath.Join(t.TempDir(), "plans")
	_, stop := run(t, "pebble:"+folder)
	defer stop()
	for _, test := range []struct{ name, listen, store, want string }{
		{"an address that is taken", taken.Addr().String(), "pebble:" + filepath.Join(t.TempDir(), "plans"), "in use"},
		{"an address that is none", "nowhere", "pebble:" + filepath.Join(t.TempDir(), "plans"), "nowhere"},
		{"a store that is none", "127.0.0.1:0", "paper:folder", "paper"},
		{"a store that is in use", "127.0.0.1:0", "pebble:" + folder, "in use"},
	} {
		err := plansvc.Run(t.Context(), plansvc.Config{Listen: test.listen, Store: test.store, Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.HasPrefix(err.Error(), "plansvc: ") || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", test.name, err, test.want)
		}
	}
}

const planName = "partners/contoso/plans/azure.coop.fy26"

// enroll makes a program with a partner in it.
func enroll(t *testing.T, client planv1.PlanServiceClient) {
	t.Helper()
	if _, err := client.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: "azure", Program: &planv1.Program{
		DisplayName: "Azure", TimeZone: "America/Los_Angeles", CurrencyCodes: []string{"USD"}, Markets: []string{"US"}, HasPlans: true,
		FundTypes:            []*planv1.Program_FundType{{Id: "coop", DisplayName: "Co-op"}},
		ActivityTypes:        []*planv1.Program_ActivityType{{Id: "webinar", DisplayName: "Webinar"}},
		ReviewerEmailDomains: []string{"contoso.com"},
		ProgramYears: []*planv1.Program_Year{{
			Id: "fy26", StartDate: &date.Date{Year: 2025, Month: 7, Day: 1}, EndDate: &date.Date{Year: 2026, Month: 6, Day: 30},
		}},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: "partners/contoso", EnrollmentId: "azure"}); err != nil {
		t.Fatal(err)
	}
}

func create(ctx context.Context, client planv1.PlanServiceClient) error {
	_, err := client.CreatePlan(ctx, &planv1.CreatePlanRequest{Parent: "partners/contoso", Plan: &planv1.Plan{
		Program: "programs/azure", FundType: "coop", ProgramYear: "fy26", DisplayName: "Spring", Market: "US", CurrencyCode: "USD",
		ReviewerEmail: "ana@contoso.com", RequestedLimit: &money.Money{CurrencyCode: "USD", Units: 10_000},
	}})
	return err
}

func TestL1_32ClientsCreateOnePlan(t *testing.T) {
	client := start(t)
	enroll(t, client)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			switch err := create(t.Context(), client); status.Code(err) {
			case codes.OK:
				won.Add(1)
			case codes.AlreadyExists:
			default:
				t.Errorf("create: %v, want OK or ALREADY_EXISTS", err)
			}
		})
	}
	wg.Wait()
	if got := won.Load(); got != 1 {
		t.Errorf("%d of 32 clients created the plan, want 1", got)
	}
}

// Whatever 32 clients do to one plan at once, its history is a path through L3
// without a gap, and ends where the plan is.
func TestL3_L12_32ClientsWorkOnOnePlan(t *testing.T) {
	client := start(t)
	enroll(t, client)
	if err := create(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	addActivity(t, client)
	var wg sync.WaitGroup
	for n := range 32 {
		wg.Go(func() { work(t, client, n) })
	}
	wg.Wait()
	checkHistory(t, client)
}

func addActivity(t *testing.T, client planv1.PlanServiceClient) {
	t.Helper()
	from, to := &date.Date{Year: 2026, Month: 3, Day: 1}, &date.Date{Year: 2026, Month: 5, Day: 31}
	if _, err := client.CreateCampaign(t.Context(), &planv1.CreateCampaignRequest{
		Parent: planName, CampaignId: "spring", Campaign: &planv1.Campaign{DisplayName: "Spring", StartDate: from, EndDate: to},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateActivity(t.Context(), &planv1.CreateActivityRequest{Parent: planName + "/campaigns/spring", Activity: &planv1.Activity{
		DisplayName: "Webinar", ActivityType: "webinar", RegionCodes: []string{"US"}, StartDate: from, EndDate: to,
	}}); err != nil {
		t.Fatal(err)
	}
}

// work makes one client's calls; refusals by the state, or by another who was faster, are part of the game.
func work(t *testing.T, client planv1.PlanServiceClient, n int) {
	t.Helper()
	ctx := t.Context()
	for round := range 8 {
		p, err := client.GetPlan(ctx, &planv1.GetPlanRequest{Name: planName})
		if err != nil {
			t.Error(err)
			return
		}
		calls := []func() error{
			func() error {
				_, err := client.UpdatePlan(ctx, &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: planName, Description: fmt.Sprint(n, round), Etag: p.GetEtag()}})
				return err
			},
			func() error {
				_, err := client.SubmitPlan(ctx, &planv1.SubmitPlanRequest{Name: planName, Etag: p.GetEtag()})
				return err
			},
			func() error {
				_, err := client.StartReview(ctx, &planv1.StartReviewRequest{Name: planName})
				return err
			},
			func() error {
				_, err := client.RequestAction(ctx, &planv1.RequestActionRequest{Name: planName, Comment: "Again."})
				return err
			},
			func() error {
				_, err := client.ReopenPlan(ctx, &planv1.ReopenPlanRequest{Name: planName})
				return err
			},
		}
		switch err := calls[(n+round)%len(calls)](); status.Code(err) {
		case codes.OK, codes.FailedPrecondition, codes.Aborted:
		default:
			t.Errorf("client %d, round %d: %v", n, round, err)
		}
	}
}

func checkHistory(t *testing.T, client planv1.PlanServiceClient) {
	t.Helper()
	history, err := client.ListPlanEvents(t.Context(), &planv1.ListPlanEventsRequest{Parent: planName, PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	moves := map[planv1.PlanEvent_Action][2]planv1.Plan_State{
		planv1.PlanEvent_CREATE_PLAN:    {planv1.Plan_STATE_UNSPECIFIED, planv1.Plan_EDITING},
		planv1.PlanEvent_SUBMIT_PLAN:    {planv1.Plan_EDITING, planv1.Plan_SUBMITTED},
		planv1.PlanEvent_START_REVIEW:   {planv1.Plan_SUBMITTED, planv1.Plan_UNDER_REVIEW},
		planv1.PlanEvent_REQUEST_ACTION: {planv1.Plan_UNDER_REVIEW, planv1.Plan_ACTION_REQUIRED},
		planv1.PlanEvent_REOPEN_PLAN:    {planv1.Plan_ACTION_REQUIRED, planv1.Plan_EDITING},
	}
	at := planv1.Plan_STATE_UNSPECIFIED
	for i, event := range history.GetPlanEvents() {
		move := moves[event.GetAction()]
		if event.GetFromState() != at || move != [2]planv1.Plan_State{event.GetFromState(), event.GetToState()} {
			t.Errorf("event %d is %s from %s to %s, after %s", i+1, event.GetAction(), event.GetFromState(), event.GetToState(), at)
		}
		if want := fmt.Sprintf("%s/events/%08d", planName, i+1); event.GetName() != want {
			t.Errorf("event %d is named %s, want %s: a gap", i+1, event.GetName(), want)
		}
		at = event.GetToState()
	}
	p, err := client.GetPlan(t.Context(), &planv1.GetPlanRequest{Name: planName})
	if err != nil {
		t.Fatal(err)
	}
	if p.GetState() != at || len(history.GetPlanEvents()) < 2 {
		t.Errorf("the plan is %s, and its %d events end in %s", p.GetState(), len(history.GetPlanEvents()), at)
	}
}
