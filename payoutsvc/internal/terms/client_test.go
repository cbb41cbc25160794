package terms_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
)

// What plansvc fails with means something else to callers of payoutsvc.
func TestClient_WhatPlansvcFailsWith(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want fault.Kind // zero: a defect
	}{
		{"its store is out", out, fault.Unavailable},
		{"nobody is there", status.Error(codes.Unavailable, "connection refused"), fault.Unavailable},
		{"it has too much to do", fault.New(fault.Limit, "TOO_MUCH", "later"), fault.Unavailable},
		{"it knows no such thing", fault.New(fault.NotFound, "PROGRAM_NOT_FOUND", "there is none"), fault.NotFound},
		{"it finds the question wrong", fault.New(fault.Invalid, "NAME_MALFORMED", "no name"), 0},
		{"it does not let this service ask", fault.New(fault.Denied, "ROLE_MISSING", "not for you"), fault.Unavailable},
		{"it lets this service see nothing", fault.New(fault.NotFound, auth.Unseen, "not for you"), fault.Unavailable},
		{"it does not know this service", fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "who are you"), fault.Unavailable},
		{"it has a defect", errors.New("nil pointer"), 0},
		{"it does not know the call", status.Error(codes.Unimplemented, "unknown method"), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			d.plansvc.Fail(test.err)
			for use, ask := range asks(d) {
				err := ask(t.Context())
				if err == nil || fault.KindOf(err) != test.want {
					t.Errorf("%s: %v is of kind %d, want %d", use, err, fault.KindOf(err), test.want)
				}
				if test.want == fault.Unavailable && !strings.HasPrefix(fault.ReasonOf(err), "PLANSVC_") {
					t.Errorf("%s: %v does not say that plansvc is what is missing", use, err)
				}
				if test.want == 0 && !strings.Contains(err.Error(), "plansvc") {
					t.Errorf("%s: %v does not say whose defect it is", use, err)
				}
				if _, isStatus := status.FromError(err); isStatus {
					t.Errorf("%s: %v is a status, which would be passed on as it is", use, err)
				}
			}
		})
	}
}

func TestClient_GivenUp(t *testing.T) {
	d := newDesk(t)
	ctx, cancel := context.WithCancel(t.Context())
	d.plansvc.Before(func(ctx context.Context) error { cancel(); <-ctx.Done(); return ctx.Err() })
	for use, ask := range asks(d) {
		if err := ask(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, by a caller that gave up: %v, want context.Canceled", use, err)
		}
	}
}
