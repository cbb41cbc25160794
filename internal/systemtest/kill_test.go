package systemtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/types/known/timestamppb"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// E2: whatever the server acknowledged before it was killed is there, once;
// and once the client has sent the rest again, the totals are exact.
func TestE2_KilledInTheMiddleOfAStream(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		const batches, size = 12, 200
		data := in.empty(t)
		s := serve(t, data, clock)
		plans := partners(s, 8)
		earned := make([]int64, len(plans))
		torn := 0
		for round := range rounds(in) {
			requests := make([]*payoutv1.StreamEarningsRequest, batches)
			for b := range requests {
				requests[b] = &payoutv1.StreamEarningsRequest{}
				for i := range size {
					plan, units := rand.IntN(len(plans)), rand.Int64N(50)+1
					earned[plan] += units
					requests[b].Earnings = append(requests[b].Earnings, &payoutv1.Earning{
						Name:   fmt.Sprintf("partners/%s/plans/azure.coop.fy26/earnings/r%d-b%d-%d", plans[plan].Name, round, b, i),
						Amount: &moneypb.Money{CurrencyCode: "USD", Units: units}, EarnTime: timestamppb.New(clock.Add(-time.Hour)),
					})
				}
			}
			acknowledged := s.streamAndKill(requests, rand.IntN(batches))
			if acknowledged < batches {
				torn++
			}
			s = serve(t, data, clock)
			s.sendAgain(requests, acknowledged)
		}
		for i, plan := range plans {
			plan.statement(s, "2026-05", map[string]string{"earned": fmt.Sprint(earned[i])})
		}
		if torn == 0 {
			t.Error("no stream was torn: the test has shown nothing")
		}
		t.Logf("%d of %d streams were torn before their last acknowledgement", torn, rounds(in))
		s.stop()
	})
}

// streamAndKill sends all requests without waiting, kills the server when some
// were acknowledged, and returns how many were in the end.
func (s *server) streamAndKill(requests []*payoutv1.StreamEarningsRequest, after int) (acknowledged int) {
	s.Helper()
	stream, err := payoutv1.NewPayoutServiceClient(s.payouts).StreamEarnings(within(s.T))
	if err != nil {
		s.Fatal(err)
	}
	go func() {
		for _, request := range requests {
			if stream.Send(request) != nil {
				return // it is killed
			}
		}
	}()
	for acknowledged < len(requests) {
		if acknowledged == after {
			go s.kill()
		}
		answer, err := stream.Recv()
		if err != nil {
			break
		}
		for i, outcome := range answer.GetOutcomes() {
			if outcome.GetState() != payoutv1.EarningOutcome_RECORDED {
				s.Fatalf("batch %d, earning %d: %v, want RECORDED", acknowledged, i, outcome)
			}
		}
		acknowledged++
	}
	s.kill()
	return acknowledged
}

// sendAgain sends all requests, and checks that the acknowledged ones were stored.
func (s *server) sendAgain(requests []*payoutv1.StreamEarningsRequest, acknowledged int) {
	s.Helper()
	for b, request := range requests {
		answer, err := payoutv1.NewPayoutServiceClient(s.payouts).BatchRecordEarnings(within(s.T),
			&payoutv1.BatchRecordEarningsRequest{Earnings: request.GetEarnings()})
		if err != nil {
			s.Fatal(err)
		}
		for i, outcome := range answer.GetOutcomes() {
			state := outcome.GetState()
			if b < acknowledged && state != payoutv1.EarningOutcome_DUPLICATE {
				s.Fatalf("E2: batch %d was acknowledged, and its earning %d is %v when sent again", b, i, outcome)
			}
			if state == payoutv1.EarningOutcome_REJECTED {
				s.Fatalf("batch %d, earning %d: %v", b, i, outcome)
			}
		}
	}
}

// R2: a run that is killed goes on when the server is back, and pays everybody once.
func TestR2_KilledInTheMiddleOfARun(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		original := allDue(t)
		took := time.Duration(0)
		torn := 0
		for round := range rounds(in) {
			data := in.copied(t, original)
			s := serve(t, data, clock)
			if round == 0 { // not killed, to learn how long a run takes
				began := time.Now()
				runPayouts(s, "2026-05-15")
				took = time.Since(began)
			} else {
				go postQuietly(s.gateway + "/v1/programs/azure/payoutRuns?payoutRunId=2026-05-15")
				<-time.After(rand.N(took))
				s.kill()
				s = serve(t, data, clock)
				if n := countPayouts(s); n > 0 && n < dueCount {
					torn++
				}
				runPayouts(s, "2026-05-15")
			}
			checkEverybodyPaidOnce(s, dueCount)
			for _, i := range []int{0, rand.IntN(dueCount), dueCount - 1} {
				partner(i).statement(s, "2026-04", map[string]string{"earned": "12000", "payable": "10000", "paid": "10000", "withheldOverLimit": "2000"})
			}
			s.kill()
		}
		t.Logf("%d of %d runs were seen half done after the kill; one run takes %s", torn, rounds(in)-1, took)
	})
}

func postQuietly(target string) {
	answer, err := http.Post(target, "application/json", nil) //nolint:noctx // it is cut off by the kill
	if err == nil {
		answer.Body.Close()
	}
}

func countPayouts(s *server) int {
	s.Helper()
	return len(s.must(http.MethodGet, "/v1/partners/-/plans/-/payouts?pageSize=1000", nil).list("payouts"))
}

func checkEverybodyPaidOnce(s *server, count int) {
	s.Helper()
	run := s.must(http.MethodGet, "/v1/programs/azure/payoutRuns/2026-05-15", nil)
	if got, want := run.text("payoutsCount"), fmt.Sprint(count); got != want {
		s.Errorf("the run counts %s payouts, want %s", got, want)
	}
	if totals := run.list("paidTotals"); len(totals) != 1 || totals[0].text("units") != fmt.Sprint(count*10_000) {
		s.Errorf("the run has paid %v, want USD %d", totals, count*10_000)
	}
	paid := map[string]bool{}
	for _, payout := range s.must(http.MethodGet, "/v1/partners/-/plans/-/payouts?pageSize=1000", nil).list("payouts") {
		if payout.text("amount.units") != "10000" || paid[payout.text("name")] {
			s.Errorf("payout %v, want one of USD 10,000 for each plan", payout)
		}
		paid[payout.text("name")] = true
	}
	if len(paid) != count {
		s.Errorf("%d payouts, want %d", len(paid), count)
	}
}
