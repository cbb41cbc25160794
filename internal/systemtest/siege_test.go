package systemtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/types/known/timestamppb"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

const (
	honestPace     = 100         // calls a second of each kind
	honestDeadline = time.Second // of each call
	honestLeast    = 0.8         // of their rate while there is abuse
)

// honest makes calls of each kind at their pace for a while, and returns how many a second of those begun in it were answered in time. Each one that
// was not is an error.
func (a *attacked) honest(d, deadline time.Duration) (perSecond map[string]float64) {
	ctx, cancel := context.WithTimeout(a.Context(), d)
	defer cancel()
	kinds := a.kinds()
	done := make(map[string]*atomic.Int64, len(kinds))
	var all sync.WaitGroup
	for name, call := range kinds {
		pace, count := rate.NewLimiter(honestPace, 1), &atomic.Int64{}
		done[name] = count
		for range honestPace { // in line for the pace, so that slow answers do not slow it
			all.Go(func() {
				for pace.Wait(ctx) == nil {
					limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
					got, err := call(limited)
					cancel()
					if err != nil || got != "OK " {
						a.Errorf("%s: %s, %v", name, got, err)
						continue
					}
					count.Add(1)
				}
			})
		}
	}
	all.Wait()
	perSecond = map[string]float64{}
	for name, count := range done {
		perSecond[name] = float64(count.Load()) / d.Seconds()
	}
	return perSecond
}

// kinds are the calls of those who mean well; each returns "OK " where it has succeeded.
func (a *attacked) kinds() map[string]func(context.Context) (string, error) {
	payouts := payoutv1.NewPayoutServiceClient(a.payouts)
	return map[string]func(context.Context) (string, error){
		"reading over gRPC": func(ctx context.Context) (string, error) { return a.get(ctx, a.ann) },
		"reading over JSON": func(ctx context.Context) (string, error) {
			httpStatus, answer, err := a.http(ctx, http.MethodGet, a.plan, "", "Authorization", "Bearer "+a.ann)
			if httpStatus == http.StatusOK {
				return "OK ", err
			}
			return string(answer), err
		},
		"recording one": func(ctx context.Context) (string, error) {
			_, err := payouts.RecordEarning(bearing(ctx, a.writer), &payoutv1.RecordEarningRequest{Earning: &payoutv1.Earning{
				Amount: &money.Money{CurrencyCode: "USD", Units: 1}, EarnTime: timestamppb.Now(),
			}, Parent: strings.TrimPrefix(a.plan, "/v1/"), EarningId: strconv.FormatInt(a.recorded.Add(1), 10)})
			return "OK ", err
		},
		"recording ten": func(ctx context.Context) (string, error) {
			answer, err := payouts.BatchRecordEarnings(bearing(ctx, a.writer), &payoutv1.BatchRecordEarningsRequest{Earnings: a.batchOf(10)})
			for _, outcome := range answer.GetOutcomes() {
				if outcome.GetState() != payoutv1.EarningOutcome_RECORDED {
					return outcome.String(), err
				}
			}
			return "OK ", err
		},
	}
}

// besieged measures honest calls before something is done to the server, for a while during it, and after, and wants each kind of them to
// have kept its rate.
func (a *attacked) besieged(deadline time.Duration, what string, do func(ctx context.Context) string) {
	a.Helper()
	const quiet = 2 * time.Second
	before := a.honest(quiet, deadline)
	ctx, cancel := context.WithCancel(a.Context())
	defer cancel()
	said := make(chan string, 1)
	go func() { said <- do(ctx) }()
	during := a.honest(3*quiet, deadline)
	cancel()
	about := <-said
	after := a.honest(quiet, deadline)
	for kind, under := range during {
		usual := (before[kind] + after[kind]) / 2
		a.Logf("%s: %.0f a second before, %.0f %s (%s), %.0f after: %.2f of their rate", kind, before[kind], under, what, about, after[kind], under/usual)
		if under < honestLeast*usual {
			a.Errorf("%s kept %.2f of its rate, want %.2f", kind, under/usual, honestLeast)
		}
		if usual < honestLeast*honestPace {
			a.Errorf("%s had a rate of %.0f without abuse, want about %d", kind, usual, honestPace)
		}
	}
}

// abusePace is how many times a second each abuse is committed, if it can be: all together are several times what honest callers do. Those who
// abuse have the same two cores as the server here, so more would measure them.
const abusePace = 40

// abuse commits all abuses until ctx is done, and returns how many there were.
func (a *attacked) abuse(ctx context.Context, abuses []abuse) int64 {
	var all sync.WaitGroup
	var done atomic.Int64
	for _, b := range abuses {
		pace := rate.NewLimiter(abusePace, 1)
		all.Go(func() {
			for pace.Wait(ctx) == nil {
				got, err := b.do(ctx)
				switch {
				case ctx.Err() != nil:
				case err != nil:
					a.Errorf("%s: %v", b.name, err)
					return
				case !b.isRefused(got, true):
					a.Errorf("%s: %s, want %s", b.name, got, b.want)
					return
				default:
					done.Add(1)
				}
			}
		})
	}
	all.Wait()
	return done.Load()
}

// hold opens connections to a server from addresses of this machine, and says nothing on them until the test is over.
func hold(t *testing.T, address string, n int) {
	t.Helper()
	for i := range n {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%10))}, Timeout: patience}
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		t.Cleanup(func() { conn.Close() })
	}
}

// mayOpen is how many connections the test may open, which has to have room for others.
func mayOpen(t *testing.T, wanted int) int {
	t.Helper()
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	return min(wanted, int(files.Cur)-1000)
}

// While a server is abused in every way, and has 10,000 idle connections, honest callers keep their rate, and are answered in time.
func TestAbuseSlowsNobody(t *testing.T) {
	if testing.Short() {
		t.Skip("it measures, and the race detector slows what is measured")
	}
	a := startAttacked(t)
	abuses := a.abuses()
	idle := mayOpen(t, 10_000)
	a.besieged(honestDeadline, "while there was abuse", func(ctx context.Context) string {
		for _, address := range []string{strings.TrimPrefix(a.gateway, "http://"), a.plansvc} {
			hold(t, address, idle/2)
		}
		began := time.Now()
		refused := a.abuse(ctx, abuses)
		return fmt.Sprintf("%.0f times a second, and %d idle connections", float64(refused)/time.Since(began).Seconds(), idle)
	})
	a.stop()
}
