package gateway

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// What a service refuses passes whole, with all its details.
func TestFailure_PassesWhole(t *testing.T) {
	for _, test := range []struct {
		kind       fault.Kind
		httpStatus int
	}{
		{fault.Invalid, http.StatusBadRequest},
		{fault.NotFound, http.StatusNotFound},
		{fault.Exists, http.StatusConflict},
		{fault.State, http.StatusBadRequest},
		{fault.Conflict, http.StatusConflict},
		{fault.Limit, http.StatusTooManyRequests},
		{fault.Denied, http.StatusForbidden},
		{fault.Unauthenticated, http.StatusUnauthorized},
		{fault.Unavailable, http.StatusServiceUnavailable},
	} {
		refused := fault.New(test.kind, "ITS_REASON", "what it says about %s", "ü").With("state", "APPROVED")
		refused.Fields = []fault.Violation{{Path: "plan.market", Reason: "MARKET_UNKNOWN", Message: "is not a market"}}
		want, _ := rpc.Status(refused)
		t.Run(want.Code().String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.plans.refuse(refused)
				got := s.send(http.MethodGet, onePlan, "")
				if got.status != test.httpStatus || got.header.Get("Content-Type") != "application/json" {
					t.Errorf("HTTP status %d of type %q, want %d as JSON", got.status, got.header.Get("Content-Type"), test.httpStatus)
				}
				if diff := cmp.Diff(want.Proto(), statusOf(t, got.body).Proto(), protocmp.Transform()); diff != "" {
					t.Errorf("another status than the service's (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// What has no reason was made by gRPC or by a defect: it gets one, and its text is not for the caller.
func TestFailure_WithoutReason(t *testing.T) {
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		t.Run(c.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.plans.answer = func(*received) (proto.Message, error) { return nil, status.Error(c, "dial 10.0.0.7: secret") }
				got := s.send(http.MethodGet, onePlan, "")
				want := refusal{Code: c, Reason: code.Code(c).String()}
				if diff := cmp.Diff(want, refusalOf(t, statusOf(t, got.body))); diff != "" {
					t.Errorf("the answer (-want +got):\n%s", diff)
				}
				if got.status < 400 || strings.Contains(got.body, "secret") {
					t.Errorf("HTTP status %d: %s, want an error that hides the text", got.status, got.body)
				}
				if !strings.Contains(s.log.String(), "secret") {
					t.Errorf("the log says %q, want the text", s.log)
				}
			})
		})
	}
}

// A detail that JSON can't show takes nothing else with it.
func TestFailure_UnknownDetail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		known, err := anypb.New(&errdetails.ErrorInfo{Reason: "PLAN_NOT_EDITING", Domain: rpc.ErrorDomain})
		if err != nil {
			t.Fatal(err)
		}
		unknown := &anypb.Any{TypeUrl: "type.googleapis.com/later.Detail", Value: []byte{8, 1}}
		refused := &statuspb.Status{Code: int32(codes.FailedPrecondition), Message: "m", Details: []*anypb.Any{unknown, known}}
		s.plans.answer = func(*received) (proto.Message, error) { return nil, status.FromProto(refused).Err() }
		got := s.send(http.MethodGet, onePlan, "")
		want := &statuspb.Status{Code: int32(codes.FailedPrecondition), Message: "m", Details: []*anypb.Any{known}}
		if diff := cmp.Diff(want, statusOf(t, got.body).Proto(), protocmp.Transform()); diff != "" || got.status != http.StatusBadRequest {
			t.Errorf("HTTP status %d, want 400; another status than the service's (-want +got):\n%s", got.status, diff)
		}
	})
}

func TestFailure_ServiceDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.plans.server.Stop()
		for _, target := range []string{onePlan, "/v1/programs"} {
			got := s.send(http.MethodGet, target, "")
			s.checkRefused(got, http.StatusServiceUnavailable, refusal{Code: codes.Unavailable, Reason: "UNAVAILABLE"})
		}
		if got := s.send(http.MethodGet, onePlan+"/payouts", ""); got.status != http.StatusOK {
			t.Errorf("the other service: HTTP status %d, want 200: %s", got.status, got.body)
		}
	})
}

// A caller of a service that is out is told when to come back.
func TestFailure_RetryInfo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.plans.refuse(fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "the store can't be reached now"))
		got := s.send(http.MethodGet, onePlan, "")
		if got.status != http.StatusServiceUnavailable {
			t.Errorf("HTTP status %d, want 503", got.status)
		}
		var delay time.Duration
		for _, detail := range statusOf(t, got.body).Details() {
			if info, ok := detail.(*errdetails.RetryInfo); ok {
				delay = info.GetRetryDelay().AsDuration()
			}
		}
		if delay <= 0 {
			t.Errorf("no RetryInfo in %s", got.body)
		}
	})
}

func TestFailure_MessageTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.plans.refuse(fault.New(fault.Limit, "MESSAGE_TOO_LARGE", "m"))
		if got := s.send(http.MethodPost, plans, `{}`); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("refused by the service: HTTP status %d, want 413: %s", got.status, got.body)
		}
		s.plans.last(t)
		large := &planv1.Plan{Description: string(bytes.Repeat([]byte("x"), 17<<20))}
		s.plans.answer = func(*received) (proto.Message, error) { return large, nil }
		got := s.send(http.MethodGet, onePlan, "")
		s.plans.last(t)
		s.checkRefused(got, http.StatusTooManyRequests, refusal{Code: codes.ResourceExhausted, Reason: "RESOURCE_EXHAUSTED"})
	})
}

func TestHeader_OfTheServiceStaysInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		for _, refused := range []error{nil, fault.New(fault.NotFound, "PLAN_NOT_FOUND", "m")} {
			if refused != nil {
				s.plans.refuse(refused)
			}
			got := s.send(http.MethodGet, onePlan, "", "TE", "trailers")
			var names []string
			for name := range got.header {
				names = append(names, name)
			}
			slices.Sort(names)
			want := []string{"Cache-Control", "Content-Length", "Content-Security-Policy", "Content-Type", "Date", "Referrer-Policy", "Vary", "X-Content-Type-Options"}
			if diff := cmp.Diff(want, names); diff != "" {
				t.Errorf("the answer's headers where the service's error is %v (-want +got):\n%s", refused, diff)
			}
		}
	})
}

func TestHeader_AuthorizationReachesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.send(http.MethodGet, onePlan, "", "Authorization", "Bearer it", "Grpc-Metadata-Authorization", "Bearer other")
		if got := s.plans.last(t).metadata.Get("authorization"); !slices.Equal(got, []string{"Bearer it"}) {
			t.Errorf("the service got the authorization %q, want %q alone", got, "Bearer it")
		}
	})
}

func TestHeader_MalformedTimeout(t *testing.T) {
	for _, target := range []string{onePlan, "/v1/programs/azure/payoutRuns/2026-05-15:watch"} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				got := s.send(http.MethodGet, target, "", "Grpc-Timeout", "soon")
				s.checkRefused(got, http.StatusBadRequest, refusal{Code: codes.InvalidArgument, Reason: "REQUEST_MALFORMED"})
			})
		})
	}
}

// What gRPC can't carry does not make a call fail inside.
func TestHeader_NotASCII(t *testing.T) {
	for _, name := range []string{"Authorization", "User-Agent", "X-Forwarded-Host", "X-Forwarded-For", "Cookie"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				if got := s.send(http.MethodGet, onePlan, "", name, "M\xfcller"); got.status != http.StatusOK {
					t.Errorf("HTTP status %d, want 200: %s", got.status, got.body)
				}
			})
		})
	}
}

func TestCall_Deadline(t *testing.T) {
	for header, want := range map[string]time.Duration{"3S": 3 * time.Second, "2000000H": 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			s := start(t)
			s.plans.answer = func(got *received) (proto.Message, error) {
				<-got.done
				return nil, status.Error(codes.DeadlineExceeded, "too late")
			}
			began := time.Now()
			got := s.send(http.MethodGet, onePlan, "", "Grpc-Timeout", header)
			s.plans.last(t)
			s.checkRefused(got, http.StatusGatewayTimeout, refusal{Code: codes.DeadlineExceeded, Reason: "DEADLINE_EXCEEDED"})
			if took := time.Since(began); took != want {
				t.Errorf("%s: it took %s, want %s", header, took, want)
			}
		})
	}
}

func TestCall_ClientGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ctx, leave := context.WithCancel(t.Context())
		cancelled := make(chan struct{})
		s.plans.answer = func(got *received) (proto.Message, error) {
			leave()
			<-got.done
			close(cancelled)
			return nil, status.Error(codes.Canceled, "nobody listens")
		}
		if response, err := s.client.Do(s.request(http.MethodGet, onePlan, nil).WithContext(ctx)); err == nil {
			response.Body.Close()
			t.Errorf("HTTP status %d, want no answer", response.StatusCode)
		}
		<-cancelled
	})
}
