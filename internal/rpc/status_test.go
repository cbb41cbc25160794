package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store"
)

// failing is a service whose call fails with what answer returns.
func failing(answer func() error) service {
	return service{call: func(context.Context, *bytesValue) (*bytesValue, error) { return nil, answer() }}
}

func retryInfo(err error) *errdetails.RetryInfo {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info
		}
	}
	return nil
}

func TestStatus_FaultSurvivesTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer error
		server := start(t, failing(func() error { return answer }))
		for _, test := range []struct {
			kind    fault.Kind
			code    codes.Code
			retried bool // the caller is told when to try again
		}{
			{fault.Invalid, codes.InvalidArgument, false},
			{fault.NotFound, codes.NotFound, false},
			{fault.Exists, codes.AlreadyExists, false},
			{fault.State, codes.FailedPrecondition, false},
			{fault.Conflict, codes.Aborted, false},
			{fault.Limit, codes.ResourceExhausted, false},
			{fault.Denied, codes.PermissionDenied, false},
			{fault.Unauthenticated, codes.Unauthenticated, false},
			{fault.Unavailable, codes.Unavailable, true},
		} {
			want := &fault.Error{
				Kind: test.kind, Reason: "SOME_REASON", Message: "é: what is wrong,\nin two lines",
				Fields: []fault.Violation{
					{Path: "plan.campaigns[0].start_date", Reason: "DATE_MALFORMED", Message: "is not a day"},
					{Path: "etag", Reason: "FIELD_REQUIRED", Message: "is required"},
				},
				Details: map[string]string{"state": "APPROVED", "plan": "partners/ä"},
			}
			answer = fmt.Errorf("the handler says: %w", want)
			if test.retried {
				want.RetryAfter = time.Second
			}
			err := server.call(t.Context(), nil)
			if got := status.Code(err); got != test.code {
				t.Errorf("kind %d: code %s, want %s", test.kind, got, test.code)
			}
			if diff := cmp.Diff(error(want), rpc.FromStatus(err)); diff != "" {
				t.Errorf("kind %d: what the caller gets (-want +got):\n%s", test.kind, diff)
			}
			if info := retryInfo(err); (info != nil) != test.retried || test.retried && info.GetRetryDelay().AsDuration() != time.Second {
				t.Errorf("kind %d: RetryInfo %v, want one second: %t", test.kind, info, test.retried)
			}
		}
		if lines := server.log.Lines("call failed"); lines != nil {
			t.Errorf("refusals were logged: %q, want none", lines)
		}
	})
}

func TestStatus_DefectIsHiddenAndLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "dsn=hunter2"
		var answer error
		server := start(t, failing(func() error { return answer }))
		for _, test := range []struct {
			name, reason string
			answer       error
			code         codes.Code
		}{
			{"any error", "INTERNAL", errors.New(secret), codes.Internal},
			{"a fault of no kind", "INTERNAL", &fault.Error{Reason: "FORGOTTEN", Message: secret, Details: map[string]string{"a": secret}}, codes.Internal},
			{"the store is out", "STORE_UNAVAILABLE", fmt.Errorf("%w: %s", store.ErrUnavailable, secret), codes.Unavailable},
			{"the store is closed", "STORE_UNAVAILABLE", fmt.Errorf("%w: %s", store.ErrClosed, secret), codes.Unavailable},
			{"a misuse of the store", "INTERNAL", fmt.Errorf("%w: %s", store.ErrInvalid, secret), codes.Internal},
		} {
			server.log.Clear()
			answer = test.answer
			s, hidden := rpc.Status(test.answer)
			if !hidden || s.Code() != test.code {
				t.Errorf("%s: Status is %s, hidden %t, want %s, hidden", test.name, s.Code(), hidden, test.code)
			}
			if test.code == codes.Internal {
				if err := server.call(t.Context(), nil); status.Code(err) != test.code {
					t.Errorf("%s: the caller gets %v, want %s", test.name, err, test.code)
				}
				if lines := server.log.Lines(secret); len(lines) != 1 || !strings.Contains(lines[0], callMethod) {
					t.Errorf("%s: logged %q, want one line with the error and the method", test.name, lines)
				}
			}
			if text := s.Proto().String(); strings.Contains(text, secret) || strings.Contains(text, "FORGOTTEN") {
				t.Errorf("%s: the caller gets %s, want nothing of the error", test.name, text)
			}
			if got := reasonOf(s); got != test.reason {
				t.Errorf("%s: reason %q, want %q", test.name, got, test.reason)
			}
		}
	})
}

// reasonOf is the reason in a status's ErrorInfo.
func reasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func TestStatus_WhatIsKnownKeepsItsCode(t *testing.T) {
	for _, test := range []struct {
		name   string
		err    error
		code   codes.Code
		reason string
	}{
		{"the caller gave up", fmt.Errorf("scan: %w", context.Canceled), codes.Canceled, ""},
		{"the caller's time is over", fmt.Errorf("scan: %w", context.DeadlineExceeded), codes.DeadlineExceeded, ""},
		{"a status in other words", fmt.Errorf("secret: %w", status.Error(codes.Unimplemented, "no such call")), codes.Unimplemented, ""},
		{"a status", status.Error(codes.Unimplemented, "no such call"), codes.Unimplemented, ""},
		{"too much contention", fmt.Errorf("commit: %w", store.ErrConflict), codes.Aborted, "TOO_MUCH_CONTENTION"},
		{"a stopping server", rpc.Draining(), codes.Unavailable, "SERVER_STOPPING"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, hidden := rpc.Status(test.err)
			if s.Code() != test.code || hidden {
				t.Errorf("%s, hidden %t, want %s, not hidden", s.Code(), hidden, test.code)
			}
			if got := reasonOf(s); got != test.reason {
				t.Errorf("reason %q, want %q", got, test.reason)
			}
			if strings.Contains(s.Message(), "secret") {
				t.Errorf("message %q, want nothing of what was said around it", s.Message())
			}
		})
	}
}

// A text that is no UTF-8 can't be marshalled: it must not take the reason with it.
func TestStatus_TextThatIsNoUTF8(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const broken = "a\xffb"
		var answer error
		server := start(t, failing(func() error { return answer }))
		for _, test := range []struct {
			name  string
			fault fault.Error
		}{
			{"message", fault.Error{Message: broken}},
			{"detail", fault.Error{Details: map[string]string{"plan": broken}}},
			{"path", fault.Error{Fields: []fault.Violation{{Path: broken}}}},
			{"violation", fault.Error{Fields: []fault.Violation{{Message: broken}}}},
		} {
			test.fault.Kind, test.fault.Reason = fault.Invalid, "SOME_REASON"
			answer = &test.fault
			got, ok := errors.AsType[*fault.Error](rpc.FromStatus(server.call(t.Context(), nil)))
			if !ok || got.Kind != fault.Invalid || got.Reason != "SOME_REASON" {
				t.Fatalf("%s: the caller gets %#v, want SOME_REASON", test.name, got)
			}
			if text := fmt.Sprint(got.Message, got.Fields, got.Details); !strings.Contains(text, "a\uFFFDb") {
				t.Errorf("%s: the caller gets %s, want a mark where the text is broken", test.name, text)
			}
		}
	})
}

// However large a request is, what is said of it fits into headers: else the connection would break, and with it
// whatever else it carries.
func TestStatus_IsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := strings.Repeat("é", 4<<20)
		answer := &fault.Error{Kind: fault.Invalid, Reason: "SOME_REASON", Message: long, Details: map[string]string{"plan": long}}
		for range 100_000 {
			answer.Fields = append(answer.Fields, fault.Violation{Path: long, Reason: "FIELD_TOO_LONG", Message: long})
		}
		server := start(t, failing(func() error { return answer }))
		got, ok := errors.AsType[*fault.Error](rpc.FromStatus(server.call(t.Context(), nil)))
		if !ok || got.Reason != answer.Reason || got.Kind != answer.Kind {
			t.Fatalf("the caller gets %.200v, want SOME_REASON", got)
		}
		cut := strings.Repeat("é", 500) + "…"
		if want := strings.Repeat("é", 4000) + "… (99000 more are not listed)"; got.Message != want {
			t.Errorf("the message has %d bytes and ends %q, want %d that end %q", len(got.Message), got.Message[max(0, len(got.Message)-50):], len(want), want[len(want)-50:])
		}
		if len(got.Fields) != 1000 || got.Fields[999] != (fault.Violation{Path: cut, Reason: "FIELD_TOO_LONG", Message: cut}) || got.Details["plan"] != cut {
			t.Errorf("the caller gets %d violations, the last of %.50q, want 1000 with texts of 1000 bytes", len(got.Fields), got.Fields[len(got.Fields)-1].Path)
		}
	})
}

func TestFromStatus_WhatIsNoRefusal(t *testing.T) {
	for _, want := range []error{
		nil,
		errors.New("no status"),
		status.Error(codes.Internal, "a defect"),
		status.Error(codes.Unknown, "a defect"),
		status.Error(codes.Canceled, "given up"),
		status.Error(codes.DeadlineExceeded, "too late"),
	} {
		if got := rpc.FromStatus(want); any(got) != any(want) { // the very same
			t.Errorf("FromStatus(%v) is %v, want it as it was", want, got)
		}
	}
	// Such as gRPC's own, when nobody is there.
	got := rpc.FromStatus(status.Error(codes.Unavailable, "connection refused"))
	if fault.KindOf(got) != fault.Unavailable || fault.ReasonOf(got) != "" || got.Error() != "connection refused" {
		t.Errorf("a status without details is %#v, want Unavailable with its message and no reason", got)
	}
}
