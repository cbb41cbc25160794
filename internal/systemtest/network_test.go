package systemtest

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	serving "github.com/incentives-dev/incentives/internal/cli/serve"
	moving "github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// A trouble is what a network can do to its connections, as toxiproxy calls it; without one, it refuses new ones and
// ends those that are there.
type trouble struct {
	name  string
	toxic string // JSON
	stops bool   // nothing gets through meanwhile
}

var troubles = []trouble{
	{"latency", `{"name": "trouble", "type": "latency", "attributes": {"latency": 300, "jitter": 200}}`, false},
	{"a thin line", `{"name": "trouble", "type": "bandwidth", "attributes": {"rate": 20}}`, false},
	{"pieces", `{"name": "trouble", "type": "slicer", "attributes": {"average_size": 7, "size_variation": 5, "delay": 50}}`, false},
	{"resets", `{"name": "trouble", "type": "reset_peer", "attributes": {"timeout": 5}}`, true},
	{"a black hole", `{"name": "trouble", "type": "timeout", "attributes": {"timeout": 0}}`, true},
	{"answers into a black hole", `{"name": "trouble", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`, true},
	{"answers cut off", `{"name": "trouble", "type": "limit_data", "stream": "downstream", "attributes": {"bytes": 100}}`, true},
	{"a cut", "", true},
}

// E2: whatever the network between the services and Redis does, every call ends in time, nothing that was acknowledged
// is lost or counted twice, all goes on by itself when it is over, and neither goroutines nor connections are left behind.
func TestE2_TheNetworkIsSlowOrCut(t *testing.T) {
	endures(t)
	const (
		pool        = 20            // connections of a service
		connections = 50            // two pools, and our own
		workers     = 256           // that the two services keep for calls, 128 each
		goroutines  = 400 + workers // 5 for each connection through the proxy, and what works
	)
	redis := redistest.Standalone(t, redistest.Options{})
	zerolog.SetGlobalLevel(zerolog.Disabled)
	if !*whole {
		t.Parallel() // and goroutines can't be told from those of other tests
	}
	before := runtime.NumGoroutine()
	func() {
		proxy := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop()),
			"redis", anyPort, redis.Addr)
		if err := proxy.Start(); err != nil {
			t.Fatal(err)
		}
		defer proxy.Stop()
		s, stop := inProcess(t, fmt.Sprintf("redis://%s?pool_size=%d", proxy.Listen, pool))
		defer stop()
		l := put(s, 3)
		for _, trouble := range slices.Repeat(troubles, scale(1, 3)) {
			l.await()
			trouble.begin(t, proxy)
			if trouble.stops {
				s.awaitOut()
			} else {
				l.await()
			}
			trouble.end(t, proxy)
			l.await()
			s.awaitReady()
			if n := runtime.NumGoroutine(); *whole && n > goroutines {
				t.Errorf("after %s there are %d goroutines, want at most %d", trouble.name, n, goroutines)
			}
			if list := redis.Client(t).ClientList(t.Context()).Val(); strings.Count(list, "\n") > connections {
				t.Errorf("after %s Redis has more than %d connections:\n%s", trouble.name, connections, list)
			}
		}
		l.stop()
	}()
	if *whole {
		await(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before+5 })
	}
}

func (tr trouble) begin(t *testing.T, proxy *toxiproxy.Proxy) {
	t.Helper()
	if tr.toxic == "" {
		proxy.Stop()
		return
	}
	if _, err := proxy.Toxics.AddToxicJson(strings.NewReader(tr.toxic)); err != nil {
		t.Fatal(err)
	}
}

func (tr trouble) end(t *testing.T, proxy *toxiproxy.Proxy) {
	t.Helper()
	if tr.toxic == "" {
		if err := proxy.Start(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := proxy.Toxics.RemoveToxic(t.Context(), "trouble"); err != nil {
		t.Fatal(err)
	}
}

// inProcess serves in the process of the test, whose goroutines can be counted.
func inProcess(t *testing.T, url string) (s *server, stop func()) {
	t.Helper()
	at, end := running(t, url, url, slog.New(slog.DiscardHandler))
	s = &server{T: t, gateway: "http://" + at.Gateway, plansvc: at.Plansvc, paysvc: at.Payoutsvc}
	s.plans, s.payouts = dial(t, s.plansvc), dial(t, s.paysvc)
	return s, func() {
		s.plans.Close()
		s.payouts.Close()
		end()
	}
}

// running runs the whole system in this process until stop is called.
func running(t testing.TB, planStore, payoutStore string, log *slog.Logger) (at serving.Addresses, stop func()) {
	t.Helper()
	ready, ended := make(chan serving.Addresses, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		ended <- serving.System{
			Listen: anyPort, Plansvc: anyPort, Payoutsvc: anyPort, PlanStore: planStore, PayoutStore: payoutStore, ShutdownTimeout: 3 * time.Second,
			Clock: moving.StartingAt(clock), Log: log, Listening: func(string, string) {},
			Ready: func(at serving.Addresses) { ready <- at },
		}.Run(ctx)
	}()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serving: %v", err)
		}
	}
	select {
	case at = <-ready:
		return at, stop
	case err := <-ended:
		cancel()
		t.Fatal(err)
	case <-time.After(patience):
		cancel()
		t.Fatal("not ready")
	}
	return at, stop
}
