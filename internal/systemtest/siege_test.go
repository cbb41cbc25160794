package systemtest

import (
	"context"
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

// honest makes calls of all kinds at their pace for a while, and returns how many a second were answered in time. Each one that
// was not is in failed.
func (a *attacked) honest(d time.Duration, failed func(string, ...any)) (perSecond float64) {
	ctx, cancel := context.WithTimeout(a.Context(), d)
	defer cancel()
	var done atomic.Int64
	var all sync.WaitGroup
	record := payoutv1.NewPayoutServiceClient(a.payouts).RecordEarning
	for name, call := range map[string]func(context.Context) (string, error){
		"reading over gRPC": func(ctx context.Context) (string, error) { return a.get(ctx, a.ann) },
		"reading over JSON": func(ctx context.Context) (string, error) {
			httpStatus, answer, err := a.http(ctx, http.MethodGet, a.plan, "", "Authorization", "Bearer "+a.ann)
			if httpStatus == http.StatusOK {
				return "OK ", err
			}
			return string(answer), err
		},
		"recording": func(ctx context.Context) (string, error) {
			_, err := record(bearing(ctx, a.writer), &payoutv1.RecordEarningRequest{Earning: &payoutv1.Earning{
				Amount: &money.Money{CurrencyCode: "USD", Units: 1}, EarnTime: timestamppb.Now(),
			}, Parent: strings.TrimPrefix(a.plan, "/v1/"), EarningId: strconv.FormatInt(a.recorded.Add(1), 10)})
			return "OK ", err
		},
	} {
		pace := rate.NewLimiter(honestPace, 1)
		for range 32 { // in line for the pace, so that slow answers do not slow it
			all.Go(func() {
				for pace.Wait(ctx) == nil {
					limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), honestDeadline)
					got, err := call(limited)
					cancel()
					if err != nil || got != "OK " {
						failed("%s: %s, %v", name, got, err)
						continue
					}
					done.Add(1)
				}
			})
		}
	}
	began := time.Now()
	all.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
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
	quiet := 2 * time.Second
	during := 3 * quiet
	before := a.honest(quiet, t.Errorf)
	idle := mayOpen(t, 10_000)
	for _, address := range []string{strings.TrimPrefix(a.gateway, "http://"), a.plansvc} {
		hold(t, address, idle/2)
	}
	ctx, cancel := context.WithCancel(t.Context())
	counted := make(chan int64, 1)
	go func() { counted <- a.abuse(ctx, abuses) }()
	under := a.honest(during, t.Errorf)
	cancel()
	refused := <-counted
	after := a.honest(quiet, t.Errorf)
	usual := (before + after) / 2
	t.Logf("honest calls: %.0f a second before, %.0f while there were %.0f abuses a second and %d idle connections, %.0f after: %.2f of their rate",
		before, under, float64(refused)/during.Seconds(), idle, after, under/usual)
	if under < honestLeast*usual {
		t.Errorf("honest calls kept %.2f of their rate, want %.2f", under/usual, honestLeast)
	}
	if pace := 3.0 * honestPace; usual < honestLeast*pace {
		t.Errorf("honest calls had a rate of %.0f without abuse, want about %.0f", usual, pace)
	}
	a.stop()
}
