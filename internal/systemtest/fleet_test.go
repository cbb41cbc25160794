package systemtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	datepb "google.golang.org/genproto/googleapis/type/date"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/internal/store/storeurl"
	"github.com/incentives-dev/incentives/plansvc/sample"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A fleet is one plansvc and several payoutsvc, each a process of its own, on one store.
type fleet struct {
	*testing.T
	plansvc *process
	members []member
	args    []string // of a member
}

// A member is one of the payoutsvc.
type member struct {
	*process
	payoutv1.PayoutServiceClient
}

// muster starts a fleet of n, its clocks at a moment. Extra are flags of the payoutsvc.
func muster(t *testing.T, n int, url string, at time.Time, extra ...string) *fleet {
	t.Helper()
	common := []string{"--listen", anyPort, "--store", url, "--at", at.Format(time.RFC3339)}
	plansvc, where, _ := alone(t, append([]string{"plansvc"}, common...)...)
	f := &fleet{T: t, plansvc: plansvc, args: slices.Concat([]string{"payoutsvc", "--plansvc", where}, common, extra)}
	for range n {
		f.join()
	}
	return f
}

// join starts one more member.
func (f *fleet) join() {
	f.Helper()
	p, _, conn := alone(f.T, f.args...)
	f.members = append(f.members, member{p, payoutv1.NewPayoutServiceClient(conn)})
}

// alone starts one service, and returns when it listens: its calls wait for what it needs.
func alone(t *testing.T, args ...string) (p *process, where string, conn *grpc.ClientConn) {
	t.Helper()
	p = launch(t, args, func(line string) bool {
		_, where = heard(line)
		return where != ""
	})
	return p, where, dial(t, where)
}

func (f *fleet) stop() {
	f.Helper()
	for _, m := range f.members {
		m.stop(f.T)
	}
	f.plansvc.stop(f.T)
}

// R2: several payoutsvc share out a run of many plans, one of them is killed in the middle, and everybody is paid once,
// to the cent. Each round is another month of the same plans.
func TestR2_OneOfSeveralIsKilledInTheMiddleOfARun(t *testing.T) {
	endures(t)
	t.Parallel()
	const instances = 3
	rounds, plans := scale(5, 11), scale(2_000, 20_000) // the first is not disturbed
	redis := redistest.Standalone(t, redistest.Options{})
	seed(t, redis.URL(), plans)
	var took time.Duration
	torn := 0
	for round := range rounds {
		payDate := time.Date(2025, time.August+time.Month(round), 15, 0, 0, 0, 0, time.UTC)
		f := muster(t, instances, redis.URL(), payDate.Add(-36*time.Hour)) // before the scheduler starts it
		f.earn(plans, payDate)
		f.startRun(payDate)
		began := time.Now()
		dead := -1
		if round > 0 {
			<-time.After(rand.N(took * 3 / 4)) // the rest is its end
			dead = rand.IntN(instances)
			f.members[dead].kill()
		}
		alive := f.members[(dead+1)%instances]
		done := f.awaitRun(alive, payDate)
		if round == 0 {
			took = time.Since(began)
		}
		if dead >= 0 && done < int64(plans) {
			torn++
		}
		f.checkPaidOnce(alive, plans, payDate)
		if dead >= 0 {
			f.members = append(f.members[:dead], f.members[dead+1:]...)
		}
		f.stop()
	}
	if torn == 0 {
		t.Error("no run was seen half done: the test has shown nothing")
	}
	t.Logf("%d of %d runs of %d plans were seen half done after the kill; one that nobody kills takes %s", torn, rounds-1, plans, took)
}

func seed(t *testing.T, url string, plans int) {
	t.Helper()
	db, err := storeurl.Open(url, storeurl.Options{Name: "plansvc"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := sample.Write(t.Context(), db, sample.Plans{Count: plans}); err != nil {
		t.Fatal(err)
	}
}

// earned is what the i-th plan earns in each month, in dollars: some above their limit, some below.
func earnedBy(i int) int64 { return int64(i%15+1) * 1000 }

func paidTo(i int) int64 { return min(earnedBy(i), sample.Limit) }

// earn has each plan earn in the month before a pay date.
func (f *fleet) earn(plans int, payDate time.Time) {
	f.Helper()
	const batch = 1000
	for first := 0; first < plans; first += batch {
		request := &payoutv1.BatchRecordEarningsRequest{}
		for i := first; i < min(plans, first+batch); i++ {
			request.Earnings = append(request.Earnings, &payoutv1.Earning{
				Name:   fmt.Sprintf("%s/earnings/%s", sample.Name(i), payDate.Format(time.DateOnly)),
				Amount: &moneypb.Money{CurrencyCode: "USD", Units: earnedBy(i)}, EarnTime: timestamppb.New(payDate.AddDate(0, 0, -20)),
			})
		}
		answer, err := f.members[first/batch%len(f.members)].BatchRecordEarnings(within(f.T), request)
		if err != nil {
			f.Fatal(err)
		}
		for _, outcome := range answer.GetOutcomes() {
			if outcome.GetState() != payoutv1.EarningOutcome_RECORDED {
				f.Fatal(outcome)
			}
		}
	}
}

func runName(payDate time.Time) string {
	return fmt.Sprintf("programs/%s/payoutRuns/%s", sample.Program, payDate.Format(time.DateOnly))
}

// startRun starts a run, and returns when it has begun.
func (f *fleet) startRun(payDate time.Time) {
	f.Helper()
	client, ctx := f.members[rand.IntN(len(f.members))], within(f.T)
	go func() {
		_, _ = client.CreatePayoutRun(ctx, &payoutv1.CreatePayoutRunRequest{ // the run itself says what came of it
			Parent: "programs/" + sample.Program, PayoutRunId: payDate.Format(time.DateOnly),
		})
	}()
	await(f.T, "the run has begun", func() bool {
		_, err := f.members[0].GetPayoutRun(ctx, &payoutv1.GetPayoutRunRequest{Name: runName(payDate)})
		return err == nil
	})
}

// awaitRun waits for the end of a run, and returns how many plans were done when any were first seen to be.
func (f *fleet) awaitRun(from member, payDate time.Time) (first int64) {
	f.Helper()
	for limit := time.Now().Add(2 * patience); ; {
		run, err := from.GetPayoutRun(within(f.T), &payoutv1.GetPayoutRunRequest{Name: runName(payDate)})
		if err != nil {
			f.Fatalf("asking for the run: %v", err)
		}
		if time.Now().After(limit) {
			f.Fatalf("the run has not ended after %s: %v", 2*patience, run)
		}
		if first == 0 {
			first = run.GetPlansDone()
		}
		if run.GetState() == payoutv1.PayoutRun_SUCCEEDED {
			return first
		}
		<-time.After(20 * time.Millisecond)
	}
}

// checkPaidOnce checks every payout of a pay date, and what the run says of them all.
func (f *fleet) checkPaidOnce(from member, plans int, payDate time.Time) {
	f.Helper()
	want := map[string]int64{}
	var total int64
	for i := range plans {
		want[sample.Name(i)+"/payouts/"+payDate.Format(time.DateOnly)] = paidTo(i)
		total += paidTo(i)
	}
	run, err := from.GetPayoutRun(within(f.T), &payoutv1.GetPayoutRunRequest{Name: runName(payDate)})
	if err != nil {
		f.Fatal(err)
	}
	if totals := run.GetPaidTotals(); run.GetPayoutsCount() != int64(plans) || len(totals) != 1 || totals[0].GetUnits() != total || totals[0].GetNanos() != 0 {
		f.Errorf("%s: the run has paid %v to %d plans, want USD %d to %d", run.GetName(), totals, run.GetPayoutsCount(), total, plans)
	}
	request := &payoutv1.ListPayoutsRequest{
		Parent: "partners/-/plans/-", PageSize: 1000, Filter: fmt.Sprintf("pay_date = %q", payDate.Format(time.DateOnly)),
	}
	for {
		page, err := from.ListPayouts(within(f.T), request)
		if err != nil {
			f.Fatal(err)
		}
		for _, payout := range page.GetPayouts() {
			amount, due := want[payout.GetName()]
			if !due || payout.GetAmount().GetUnits() != amount || !sameDay(payout.GetPayDate(), payDate) {
				f.Errorf("R2: payout %v, want one of USD %d", payout, amount)
			}
			delete(want, payout.GetName())
		}
		if request.PageToken = page.GetNextPageToken(); request.GetPageToken() == "" {
			break
		}
	}
	if len(want) > 0 {
		f.Errorf("R2: %d of %d plans were not paid on %s", len(want), plans, payDate.Format(time.DateOnly))
	}
}

func sameDay(d *datepb.Date, t time.Time) bool {
	return int(d.GetYear()) == t.Year() && time.Month(d.GetMonth()) == t.Month() && int(d.GetDay()) == t.Day()
}
