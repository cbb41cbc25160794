package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/reflect/protoreflect"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const (
	serving    = grpc_health_v1.HealthCheckResponse_SERVING
	notServing = grpc_health_v1.HealthCheckResponse_NOT_SERVING
)

// setReady says whether the services can work.
func (s *system) setReady(plans, payouts grpc_health_v1.HealthCheckResponse_ServingStatus) {
	s.plans.health.SetServingStatus(planv1.PlanService_ServiceDesc.ServiceName, plans)
	s.payouts.health.SetServingStatus(payoutv1.PayoutService_ServiceDesc.ServiceName, payouts)
}

func (s *system) checkState(target string, httpStatus int, want map[string]string) {
	s.Helper()
	answer := httptest.NewRecorder()
	s.mux.ServeHTTP(answer, httptest.NewRequestWithContext(s.Context(), http.MethodGet, target, nil))
	var got map[string]string
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		s.Fatalf("%v: %s", err, answer.Body)
	}
	if diff := cmp.Diff(want, got); diff != "" || answer.Code != httpStatus {
		s.Errorf("%s: HTTP status %d, want %d (-want +got):\n%s", target, answer.Code, httpStatus, diff)
	}
}

func TestReady(t *testing.T) {
	for _, test := range []struct {
		name string
		set  func(s *system)
		http int
		want map[string]string
	}{
		{"both ready", func(s *system) { s.setReady(serving, serving) }, http.StatusOK, map[string]string{
			"plansvc": "ready", "payoutsvc": "ready", "status": "ready",
		}},
		{"plansvc not ready", func(s *system) { s.setReady(notServing, serving) }, http.StatusServiceUnavailable, map[string]string{
			"plansvc": "not ready", "payoutsvc": "ready", "status": "not ready",
		}},
		{"payoutsvc not ready", func(s *system) { s.setReady(serving, notServing) }, http.StatusServiceUnavailable, map[string]string{
			"plansvc": "ready", "payoutsvc": "not ready", "status": "not ready",
		}},
		{"plansvc down", func(s *system) {
			s.setReady(serving, serving)
			s.plans.server.Stop()
		}, http.StatusServiceUnavailable, map[string]string{
			"plansvc": "can't be reached", "payoutsvc": "ready", "status": "not ready",
		}},
		{"payoutsvc down", func(s *system) {
			s.setReady(serving, serving)
			s.payouts.server.Stop()
		}, http.StatusServiceUnavailable, map[string]string{
			"plansvc": "ready", "payoutsvc": "can't be reached", "status": "not ready",
		}},
		{"stopping", func(s *system) {
			s.setReady(serving, serving)
			s.stop()
		}, http.StatusServiceUnavailable, map[string]string{
			"plansvc": "ready", "payoutsvc": "ready", "status": "stopping",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				test.set(s)
				synctest.Wait()
				began := time.Now()
				s.checkState("/readyz", test.http, test.want)
				if took := time.Since(began); took > readyTime {
					t.Errorf("it took %s to say, want at most %s", took, readyTime)
				}
				s.checkState("/healthz", http.StatusOK, map[string]string{"status": "alive"})
			})
		})
	}
}

// A service that comes back is ready again.
func TestReady_ComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		for range 2 {
			s.setReady(notServing, serving)
			if got := s.send(http.MethodGet, "/readyz", ""); got.status != http.StatusServiceUnavailable {
				t.Errorf("HTTP status %d, want 503: %s", got.status, got.body)
			}
			s.setReady(serving, serving)
			if got := s.send(http.MethodGet, "/readyz", ""); got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("HTTP status %d, want 200 as JSON: %s", got.status, got.body)
			}
		}
		if got := s.send(http.MethodHead, "/readyz", ""); got.status != http.StatusOK || got.body != "" {
			t.Errorf("HEAD: HTTP status %d and %q, want 200 and no body", got.status, got.body)
		}
	})
}

// everyBinding is every call of both services.
func everyBinding(t *testing.T) []*binding {
	t.Helper()
	var all []*binding
	for _, file := range []protoreflect.FileDescriptor{
		planv1.File_incentives_plan_v1_plan_service_proto, payoutv1.File_incentives_payout_v1_payout_service_proto,
	} {
		methods := file.Services().Get(0).Methods()
		for i := range methods.Len() {
			b, err := bind(methods.Get(i), nil)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
	}
	return all
}

var (
	variable  = regexp.MustCompile(`\{[a-z_.]+=([^}]+)\}`)
	parameter = regexp.MustCompile(`\{[a-zA-Z]+\}`)
)

func TestOpenAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		got := s.send(http.MethodGet, "/openapi.json", "")
		var document struct {
			Swagger string
			Paths   map[string]map[string]struct {
				Parameters []struct{ Name, In string }
			}
		}
		if err := json.Unmarshal([]byte(got.body), &document); err != nil || document.Swagger == "" || got.header.Get("Content-Type") != "application/json" {
			t.Fatalf("no OpenAPI document, but %v in %.200s", err, got.body)
		}
		type operation struct{ queries []string }
		described := map[string]operation{}
		for path, verbs := range document.Paths {
			for verb, call := range verbs {
				var o operation
				for _, p := range call.Parameters {
					if p.In == "query" {
						o.queries = append(o.queries, p.Name)
					}
				}
				described[strings.ToUpper(verb)+" "+parameter.ReplaceAllString(path, "*")] = o
			}
		}
		for _, b := range everyBinding(t) {
			call := b.verb + " " + variable.ReplaceAllString(b.path, "$1")
			o, ok := described[call]
			if !ok {
				t.Errorf("%s is not in the document", call)
			}
			for _, query := range o.queries {
				if _, field := resolve(b.method.Input(), query); field == nil {
					t.Errorf("%s: the document has a query parameter %s, which the call does not know", call, query)
				}
			}
			delete(described, call)
		}
		for call := range described {
			t.Errorf("%s is in the document, but is no call", call)
		}
	})
}

// Every call is found by its verb and path, whatever other calls look like it.
func TestEveryCallIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		for _, b := range everyBinding(t) {
			if b.streams() {
				continue // has tests of its own
			}
			target := strings.ReplaceAll(variable.ReplaceAllString(b.path, "$1"), "*", "x")
			service := s.plans
			if strings.Contains(b.name, "payout") {
				service = s.payouts
			}
			if got := s.send(b.verb, target, ""); got.status != http.StatusOK {
				t.Errorf("%s %s: HTTP status %d, want 200: %s", b.verb, target, got.status, got.body)
				continue
			}
			if got := service.last(t).method; got != string(b.method.Name()) {
				t.Errorf("%s %s is the call %s, want %s", b.verb, target, got, b.method.Name())
			}
		}
	})
}
