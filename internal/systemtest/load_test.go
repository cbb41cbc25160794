package systemtest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A load is senders of earnings and editors of plans who go on whatever happens, and keep book of what was acknowledged to them.
type load struct {
	s       *server
	senders []*sender
	editors []*editor
	ending  atomic.Bool
	group   sync.WaitGroup
}

// steps gets something, without waiting, whenever its owner has got on.
type steps chan struct{}

func (s steps) tick() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// A sender sends batches of earnings of a dollar, and each until it is acknowledged.
type sender struct {
	steps
	plan    example
	batches int // that were acknowledged: 0 to batches-1
}

// An editor gives its plan one name after another, and looks at it where it was not told what became of that.
type editor struct {
	steps
	plan  example
	names int // that were acknowledged
	lost  int // that were acknowledged, and are not there
}

const batchSize = 20

// put a load on a server: a sender and an editor for each of n new partners.
func put(s *server, n int) *load {
	s.Helper()
	l := &load{s: s}
	for _, plan := range partners(s, n) {
		work := &sender{steps: make(steps, 1), plan: plan}
		l.senders = append(l.senders, work)
		l.group.Go(func() { l.send(work) })
	}
	for i := range n {
		work := &editor{steps: make(steps, 1), plan: partner(n + i)}
		work.plan.create(s) // and not submitted: only a draft can be edited
		l.editors = append(l.editors, work)
		l.group.Go(func() { l.edit(work) })
	}
	return l
}

func (w *sender) batch(number int) *payoutv1.BatchRecordEarningsRequest {
	request := &payoutv1.BatchRecordEarningsRequest{}
	for i := range batchSize {
		name := fmt.Sprintf("%s/earnings/%d", w.plan.plan()[len("/v1/"):], number*batchSize+i)
		request.Earnings = append(request.Earnings, dollar(name, clock.Add(-time.Hour)))
	}
	return request
}

// dollar is an earning of a dollar.
func dollar(name string, earned time.Time) *payoutv1.Earning {
	return &payoutv1.Earning{Name: name, Amount: &moneypb.Money{CurrencyCode: "USD", Units: 1}, EarnTime: timestamppb.New(earned)}
}

// send sends one batch after another. Each outcome that is refused for now is asked for again with its batch.
func (l *load) send(w *sender) {
	client := payoutv1.NewPayoutServiceClient(l.s.payouts)
	for !l.ending.Load() {
		answer, err := inTime(l, client.BatchRecordEarnings, w.batch(w.batches))
		if !l.tolerates(err) {
			return
		}
		whole := err == nil
		for _, outcome := range answer.GetOutcomes() {
			if outcome.GetState() == payoutv1.EarningOutcome_REJECTED {
				whole = false
				if !l.tolerates(status.FromProto(outcome.GetStatus()).Err()) {
					return
				}
			}
		}
		if whole {
			w.batches++
			w.tick()
		}
	}
}

// longest is how long a call may take, whatever is out: the services give up earlier than their clients do.
const longest = patience / 2

// inTime makes a call, and reports one that takes too long.
func inTime[Q, A any](l *load, call func(context.Context, Q, ...grpc.CallOption) (A, error), request Q) (A, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	answer, err := call(ctx, request)
	if took := time.Since(began); took > longest {
		l.s.Errorf("a %T took %s (%v), want at most %s", request, took, err, longest)
	}
	return answer, err
}

// tolerates tells whether a call has succeeded, or failed with an outage. It reports whatever else it has failed with.
func (l *load) tolerates(err error) bool {
	if err != nil && status.Code(err) != codes.Unavailable {
		l.s.Errorf("an outage is told as %v, want UNAVAILABLE", err)
		return false
	}
	return true
}

func (w *editor) title(number int) string { return fmt.Sprintf("Name %d", number) }

func (l *load) edit(w *editor) {
	client := planv1.NewPlanServiceClient(l.s.plans)
	name := w.plan.plan()[len("/v1/"):]
	for !l.ending.Load() {
		next := w.names + 1
		_, err := inTime(l, client.UpdatePlan, &planv1.UpdatePlanRequest{
			Plan: &planv1.Plan{Name: name, DisplayName: w.title(next)}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
		})
		if !l.tolerates(err) {
			return
		}
		for err != nil && !l.ending.Load() { // was it done?
			var now *planv1.Plan
			now, err = inTime(l, client.GetPlan, &planv1.GetPlanRequest{Name: name})
			if !l.tolerates(err) {
				return
			}
			if err == nil {
				next = w.settle(now.GetDisplayName(), next)
			}
		}
		if err == nil {
			w.names = next
			w.tick()
		}
	}
}

// settle returns the number of the name that a plan has. It has the last acknowledged one, or the one that may have become it.
func (w *editor) settle(has string, perhaps int) int {
	switch {
	case has == w.title(perhaps):
		return perhaps
	case w.names == 0, has == w.title(w.names):
		return w.names
	}
	w.lost++
	return w.names
}

// await waits until every sender and editor has got on.
func (l *load) await() {
	l.s.Helper()
	limit := time.After(2 * patience)
	for _, each := range l.all() {
		for range 5 {
			select {
			case <-each:
			case <-limit:
				l.s.Fatalf("the load has not got on for %s", 2*patience)
			}
		}
	}
}

func (l *load) all() []steps {
	var all []steps
	for _, w := range l.senders {
		all = append(all, w.steps)
	}
	for _, w := range l.editors {
		all = append(all, w.steps)
	}
	return all
}

// stop ends a load, and checks that what was acknowledged is there, once.
func (l *load) stop() {
	l.s.Helper()
	l.ending.Store(true)
	l.group.Wait()
	acknowledged, lost := 0, 0
	for _, w := range l.senders {
		client := payoutv1.NewPayoutServiceClient(l.s.payouts)
		earned := w.batches * batchSize
		acknowledged += earned
		for number := range w.batches + 1 { // the last one may be there, or not; now it is
			answer, err := inTime(l, client.BatchRecordEarnings, w.batch(number))
			if err != nil {
				l.s.Fatal(err)
			}
			for _, outcome := range answer.GetOutcomes() {
				if number < w.batches && outcome.GetState() != payoutv1.EarningOutcome_DUPLICATE {
					lost++
				}
			}
		}
		w.plan.statement(l.s, "2026-05", map[string]string{"earned": fmt.Sprint(earned + batchSize)})
	}
	for _, w := range l.editors {
		acknowledged += w.names
		has := l.s.must(http.MethodGet, w.plan.plan(), nil).text("displayName")
		w.settle(has, w.names+1)
		if w.names == 0 {
			l.s.Errorf("%s: never changed", w.plan.Name)
		}
		lost += w.lost
	}
	l.s.Logf("%d earnings and changes of plans were acknowledged, %d of them are lost", acknowledged, lost)
	if lost > 0 {
		l.s.Errorf("E2: %d of %d acknowledged writes are lost", lost, acknowledged)
	}
}

func (l *load) run(t *testing.T, rounds int, outage func()) {
	t.Helper()
	for range rounds {
		l.await()
		outage()
	}
	l.await()
	l.stop()
}
