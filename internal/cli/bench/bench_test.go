package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/bench"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A service answers as a test wants it.
type service struct {
	payoutv1.UnimplementedPayoutServiceServer
	stream  func(payoutv1.PayoutService_StreamEarningsServer) error
	runs    map[string]*payoutv1.PayoutRun // that there are
	created int                            // calls of CreatePayoutRun
	ended   *payoutv1.PayoutRun            // how a run ends that is created
}

func (s *service) StreamEarnings(stream payoutv1.PayoutService_StreamEarningsServer) error {
	return s.stream(stream)
}

func (s *service) GetPayoutRun(_ context.Context, request *payoutv1.GetPayoutRunRequest) (*payoutv1.PayoutRun, error) {
	if run := s.runs[request.GetName()]; run != nil {
		return run, nil
	}
	return nil, refuse(fault.New(fault.NotFound, "PAYOUT_RUN_NOT_FOUND", "there is no such run"))
}

func (s *service) CreatePayoutRun(context.Context, *payoutv1.CreatePayoutRunRequest) (*payoutv1.PayoutRun, error) {
	s.created++
	return &payoutv1.PayoutRun{Name: may, State: payoutv1.PayoutRun_RUNNING}, nil
}

func (s *service) WatchPayoutRun(_ *payoutv1.WatchPayoutRunRequest, stream payoutv1.PayoutService_WatchPayoutRunServer) error {
	return stream.Send(s.ended)
}

func refuse(err error) error {
	s, _ := rpc.Status(err)
	return s.Err()
}

const may = "programs/azure/payoutRuns/2026-05-15"

// A result is what a command did.
type result struct {
	status   int
	out, err string
}

func (s *service) do(t *testing.T, args ...string) result {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	payoutv1.RegisterPayoutServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	var grammar struct {
		Bench bench.Bench `cmd:""`
	}
	var out, errs bytes.Buffer
	args = append([]string{"bench"}, append(args, "--payoutsvc", listener.Addr().String())...)
	status := cli.Run(t.Context(), &grammar, args, &cli.Console{In: strings.NewReader(""), Out: &out, Err: &errs})
	return result{status: status, out: out.String(), err: errs.String()}
}

// measured is what a command has printed with --json.
func (r result) measured(t *testing.T) bench.Result {
	t.Helper()
	var measured bench.Result
	if err := json.Unmarshal([]byte(r.out), &measured); err != nil {
		t.Fatalf("%v: %+v", err, r)
	}
	return measured
}

// each answers every batch with the outcomes that a function makes of it.
func each(outcomes func(batch int, earnings []*payoutv1.Earning) []*payoutv1.EarningOutcome) func(payoutv1.PayoutService_StreamEarningsServer) error {
	return func(stream payoutv1.PayoutService_StreamEarningsServer) error {
		for batch := 0; ; batch++ {
			request, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := stream.Send(&payoutv1.StreamEarningsResponse{Outcomes: outcomes(batch, request.GetEarnings())}); err != nil {
				return err
			}
		}
	}
}

// all makes the same outcome of every earning.
func all(earnings []*payoutv1.Earning, state payoutv1.EarningOutcome_State, why error) []*payoutv1.EarningOutcome {
	outcomes := make([]*payoutv1.EarningOutcome, len(earnings))
	for i := range outcomes {
		outcomes[i] = &payoutv1.EarningOutcome{State: state}
		if why != nil {
			s, _ := rpc.Status(why)
			outcomes[i].Status = s.Proto()
		}
	}
	return outcomes
}

var (
	unknown = fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is no such plan")
	late    = fault.New(fault.State, "WINDOW_CLOSED", "it is too late")
)

// Each kind of outcome is counted, and a rejected earning neither ends the stream nor counts as done.
func TestIngestTellsOutcomesApart(t *testing.T) {
	t.Parallel()
	s := &service{stream: each(func(batch int, earnings []*payoutv1.Earning) []*payoutv1.EarningOutcome {
		switch batch {
		case 0:
			return all(earnings, payoutv1.EarningOutcome_REJECTED, unknown)
		case 1:
			return all(earnings, payoutv1.EarningOutcome_DUPLICATE, nil)
		case 2:
			return all(earnings, payoutv1.EarningOutcome_REJECTED, late)
		}
		return all(earnings, payoutv1.EarningOutcome_RECORDED, nil)
	})}
	args := []string{"ingest", "--count", "45", "--batch", "10", "--streams", "1", "--plans", "3"}
	got := s.do(t, append(args, "--json")...)
	want := &bench.Outcomes{Recorded: 15, Duplicates: 10, Rejected: 20, Reasons: map[string]int64{"PLAN_NOT_FOUND": 10, "WINDOW_CLOSED": 10}}
	r := got.measured(t)
	if diff := cmp.Diff(want, r.Outcomes, cmpopts.IgnoreUnexported(bench.Outcomes{})); diff != "" || r.Count != 25 {
		t.Errorf("%d counted, want 25; outcomes (-want +got):\n%s", r.Count, diff)
	}
	if got.status != cli.StatusPartial || got.err != "" {
		t.Errorf("status %d, %q; want %d, for some were rejected", got.status, got.err, cli.StatusPartial)
	}
	text := s.do(t, args...).out
	for _, want := range []string{"ingest: 25 in ", "15 recorded, 10 duplicates, 20 rejected\n", "  PLAN_NOT_FOUND: 10, such as: there is no such plan\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("printed is %q, want %q in it", text, want)
		}
	}
}

func TestIngestFailsWhereNothingIsDone(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		stream func(payoutv1.PayoutService_StreamEarningsServer) error
		want   string
	}{
		{"all are rejected", each(func(_ int, earnings []*payoutv1.Earning) []*payoutv1.EarningOutcome {
			return all(earnings, payoutv1.EarningOutcome_REJECTED, unknown)
		}), "all 30 earnings were rejected, such as: PLAN_NOT_FOUND: there is no such plan"},
		{"the stream ends early", func(payoutv1.PayoutService_StreamEarningsServer) error { return nil }, "0 of its 30 earnings were answered"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := (&service{stream: test.stream}).do(t, "ingest", "--count", "30", "--batch", "10", "--streams", "1")
			if got.status != cli.StatusFailed || !strings.Contains(got.err, test.want) {
				t.Errorf("status %d, %q; want %d, %q", got.status, got.err, cli.StatusFailed, test.want)
			}
		})
	}
}

// Of eight batches the first four are held up: the fifth waits for room as long, and is answered at once when it is sent.
func TestIngestTimesWhatIsSent(t *testing.T) {
	t.Parallel()
	const held = time.Second
	s := &service{stream: func(stream payoutv1.PayoutService_StreamEarningsServer) error {
		for range 4 {
			if _, err := stream.Recv(); err != nil {
				return err
			}
		}
		<-time.After(held)
		recorded := all(make([]*payoutv1.Earning, 10), payoutv1.EarningOutcome_RECORDED, nil)
		for range 4 {
			if err := stream.Send(&payoutv1.StreamEarningsResponse{Outcomes: recorded}); err != nil {
				return err
			}
		}
		return each(func(int, []*payoutv1.Earning) []*payoutv1.EarningOutcome { return recorded })(stream)
	}}
	r := s.do(t, "ingest", "--count", "80", "--batch", "10", "--streams", "1", "--json").measured(t)
	if millis := float64(held.Milliseconds()); r.P50 >= millis/2 || r.P95 < millis {
		t.Errorf("the median is %.0f ms and the 95th percentile %.0f ms; want %.0f ms in 4 of 8, and next to nothing in the others", r.P50, r.P95, millis)
	}
}

// What counts is what the run has done since it was started, and the service's time, not how often it is looked at.
func TestRunGoesByTheService(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, time.May, 14, 12, 0, 0, 0, time.UTC)
	s := &service{ended: &payoutv1.PayoutRun{
		Name: may, State: payoutv1.PayoutRun_SUCCEEDED, PlansTotal: 1000, PlansDone: 900, PayoutsCount: 5000,
		StartTime: timestamppb.New(start), FinishTime: timestamppb.New(start.Add(90 * time.Millisecond)),
	}}
	got := s.do(t, "run", "2026-05-15", "--json")
	if r := got.measured(t); got.status != cli.StatusDone || r.Count != 900 || r.Seconds != 0.09 || r.PerSecond != 10_000 || r.Max < 89 || r.Max > 91 {
		t.Errorf("%+v, want 900 plans in 0.09 s", got)
	}
}

func TestRunIsMeasuredOnce(t *testing.T) {
	t.Parallel()
	for _, state := range []payoutv1.PayoutRun_State{payoutv1.PayoutRun_SUCCEEDED, payoutv1.PayoutRun_FAILED, payoutv1.PayoutRun_RUNNING} {
		t.Run(state.String(), func(t *testing.T) {
			t.Parallel()
			s := &service{runs: map[string]*payoutv1.PayoutRun{may: {Name: may, State: state, PlansDone: 1000}}}
			got := s.do(t, "run", "2026-05-15", "--json")
			if want := "the run of 2026-05-15 exists already, and is " + state.String(); got.status != cli.StatusFailed || !strings.Contains(got.err, want) {
				t.Errorf("%+v, want status %d, %q", got, cli.StatusFailed, want)
			}
			if got.out != "" || s.created > 0 {
				t.Errorf("printed %q, and started it %d times; want neither", got.out, s.created)
			}
		})
	}
}
