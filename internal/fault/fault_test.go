package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
)

func TestViolations(t *testing.T) {
	var v fault.Violations
	if err := v.Err(); err != nil {
		t.Fatalf("no violation: Err() = %v, want nil", err)
	}
	plan := v.In("plan")
	plan.At("campaigns", 2).Add("start_date", "DATE_OUTSIDE_YEAR", "is before %s", "2025-07-01")
	one := v.Err()
	if got, want := fault.ReasonOf(one), "DATE_OUTSIDE_YEAR"; got != want {
		t.Errorf("one violation: reason %q, want its own, %q", got, want)
	}
	v.Add("etag", "FIELD_REQUIRED", "is required")
	err := v.Err()
	if got, want := fault.ReasonOf(err), fault.InvalidFields; got != want {
		t.Errorf("two violations: reason %q, want %q", got, want)
	}
	want := []fault.Violation{
		{Path: "plan.campaigns[2].start_date", Reason: "DATE_OUTSIDE_YEAR", Message: "is before 2025-07-01"},
		{Path: "etag", Reason: "FIELD_REQUIRED", Message: "is required"},
	}
	if diff := cmp.Diff(want, v.List()); diff != "" {
		t.Errorf("List() (-want +got):\n%s", diff)
	}
	if got, want := err.Error(), "plan.campaigns[2].start_date: is before 2025-07-01; etag: is required"; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}

// A request of some megabytes can be wrong in a million places, and must not fill memory with them.
func TestViolationsAreBounded(t *testing.T) {
	var v fault.Violations
	for i := range 2 * fault.MostViolations {
		v.At("paths", i).Add("", "FIELD_UNKNOWN", "is not a field")
	}
	if n := len(v.List()); n != fault.MostViolations || v.List()[n-1].Path != fmt.Sprintf("paths[%d]", n-1) {
		t.Errorf("%d violations are kept, want the first %d", n, fault.MostViolations)
	}
}

func TestKindAndReasonThroughWrapping(t *testing.T) {
	err := fmt.Errorf("outer: %w", fault.New(fault.State, "PLAN_NOT_EDITING", "the plan is %s", "APPROVED").With("state", "APPROVED"))
	if got := fault.KindOf(err); got != fault.State {
		t.Errorf("KindOf = %v, want State", got)
	}
	if got := fault.ReasonOf(err); got != "PLAN_NOT_EDITING" {
		t.Errorf("ReasonOf = %q, want PLAN_NOT_EDITING", got)
	}
	if k, r := fault.KindOf(errors.New("disk")), fault.ReasonOf(errors.New("disk")); k != 0 || r != "" {
		t.Errorf("of a foreign error: %v %q, want none", k, r)
	}
}

func TestRecovered(t *testing.T) {
	interrupted := func(fn func() error) (err error) {
		defer fault.Recovered(&err, "counting")
		return fn()
	}
	err := interrupted(func() error { panic("a defect") })
	if !fault.IsDefect(fmt.Errorf("outer: %w", err)) || !strings.HasPrefix(err.Error(), "counting was interrupted by a defect: a defect\n") {
		t.Errorf("a panic: %v", err)
	}
	plain := errors.New("disk")
	if err := interrupted(func() error { return plain }); !errors.Is(err, plain) || fault.IsDefect(err) || fault.IsDefect(nil) {
		t.Errorf("no panic: %v, a defect: %t", err, fault.IsDefect(err))
	}
}
