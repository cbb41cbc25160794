package terms_test

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms/termstest"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const (
	planA = "partners/contoso/plans/azure.coop.fy26"
	planB = "partners/fabrikam/plans/azure.coop.fy26"
	planC = "partners/tailspin/plans/azure.coop.fy26"
)

// A desk is a client of a plansvc, with a clock that a test sets.
type desk struct {
	*terms.Client
	plansvc *termstest.Plansvc
	now     time.Time
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{plansvc: &termstest.Plansvc{}, now: time.Date(2026, time.April, 10, 12, 0, 0, 0, time.UTC)}
	client, err := terms.New(d.plansvc.Client(), func() time.Time { return d.now })
	if err != nil {
		t.Fatal(err)
	}
	d.Client = client
	return d
}

// approved are the terms of an approved plan with a limit of USD 10,000, in Los Angeles.
func approved(plan string) *planv1.PlanTerms {
	return &planv1.PlanTerms{
		Plan: plan, Program: "programs/azure", State: planv1.Plan_APPROVED, CurrencyCode: "USD", TimeZone: "America/Los_Angeles",
		StartDate: &date.Date{Year: 2025, Month: 7, Day: 1}, EndDate: &date.Date{Year: 2026, Month: 6, Day: 30}, LateEarningDays: 90,
		FirstSubmitTime: &timestamppb.Timestamp{Seconds: 1_750_000_000},
		Limits:          []*planv1.Plan_Limit{{EffectiveMonth: "2025-07", Amount: &money.Money{CurrencyCode: "USD", Units: 10_000}}},
	}
}

// draft are the terms of a plan that was never submitted, and has no currency yet.
func draft(plan string) *planv1.PlanTerms {
	terms := approved(plan)
	terms.State, terms.CurrencyCode, terms.FirstSubmitTime, terms.Limits = planv1.Plan_EDITING, "", nil, nil
	return terms
}

// out is what plansvc fails with when its store is out.
var out = fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "the store can't be reached now")
