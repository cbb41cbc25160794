package systemtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/store/redistest"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// E2: Redis is killed under load, again and again. What was acknowledged is there, once; meanwhile the services say that
// they can't work, and when to ask again; and they come back by themselves.
func TestE2_RedisIsKilledUnderLoad(t *testing.T) {
	endures(t)
	t.Parallel()
	redis := redistest.Standalone(t, redistest.Options{})
	s := serve(t, redis.URL(), clock)
	put(s, 4).run(t, scale(3, 10), func() {
		redis.Kill(t)
		s.awaitOut()
		redis.Restart(t)
		s.awaitReady()
	})
	s.stop()
}

// E2: a master of the Cluster is killed under load, again and again, and starts again when its replica has taken its
// place, as one that is looked after does. What was acknowledged is there, once.
func TestE2_AMasterOfTheClusterIsKilledUnderLoad(t *testing.T) {
	endures(t)
	t.Parallel()
	cluster := redistest.NewCluster(t, redistest.Options{})
	s := serve(t, cluster.URL()+"?min_replicas=1", clock)
	put(s, 4).run(t, scale(3, 10), func() {
		key := fmt.Sprint(rand.Int())
		master := cluster.MasterOf(t, key)
		master.Kill(t)
		cluster.AwaitOther(t, key, master)
		master.Restart(t)
		cluster.AwaitReady(t)
	})
	s.stop()
}

// awaitOut waits until everybody who asks is told of the outage.
func (s *server) awaitOut() {
	s.Helper()
	await(s.T, "the gateway is not ready", func() bool { return s.readiness() == http.StatusServiceUnavailable })
	for name, health := range s.health() {
		await(s.T, name+" does not serve", func() bool { return health() == grpc_health_v1.HealthCheckResponse_NOT_SERVING })
	}
	_, err := planv1.NewPlanServiceClient(s.plans).GetProgram(within(s.T), &planv1.GetProgramRequest{Name: "programs/azure"})
	told := status.Convert(err)
	var after time.Duration
	for _, detail := range told.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			after = retry.GetRetryDelay().AsDuration()
		}
	}
	if told.Code() != codes.Unavailable || after <= 0 {
		s.Errorf("while Redis is out: %v, retry after %s; want UNAVAILABLE with a delay", told, after)
	}
}

// awaitReady waits until everybody who asks is told that all can work.
func (s *server) awaitReady() {
	s.Helper()
	await(s.T, "the gateway is ready", func() bool { return s.readiness() == http.StatusOK })
	for name, health := range s.health() {
		await(s.T, name+" serves", func() bool { return health() == grpc_health_v1.HealthCheckResponse_SERVING })
	}
}

func (s *server) readiness() int {
	answer, err := http.Get(s.gateway + "/readyz") //nolint:noctx // it answers in a moment, whatever is out
	if err != nil {
		s.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func (s *server) health() map[string]func() grpc_health_v1.HealthCheckResponse_ServingStatus {
	of := func(client grpc_health_v1.HealthClient) func() grpc_health_v1.HealthCheckResponse_ServingStatus {
		return func() grpc_health_v1.HealthCheckResponse_ServingStatus {
			answer, err := client.Check(within(s.T), &grpc_health_v1.HealthCheckRequest{})
			if err != nil {
				s.Fatal(err)
			}
			return answer.GetStatus()
		}
	}
	return map[string]func() grpc_health_v1.HealthCheckResponse_ServingStatus{
		"plansvc": of(grpc_health_v1.NewHealthClient(s.plans)), "payoutsvc": of(grpc_health_v1.NewHealthClient(s.payouts)),
	}
}

var errNotYet = errors.New("not yet")

// await waits until something is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	redistest.Await(t, what, func(context.Context) error {
		if so() {
			return nil
		}
		return errNotYet
	})
}
