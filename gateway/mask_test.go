package gateway

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"google.golang.org/genproto/googleapis/type/date"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestMask(t *testing.T) {
	for _, test := range []struct {
		name, query, body string
		want              []string
	}{
		{"absent: what the body names", "", `{"displayName": "x", "requestedLimit": {"units": "1"}}`, []string{"display_name", "requested_limit"}},
		{"absent: in the names of the proto", "", `{"display_name": "x"}`, []string{"display_name"}},
		{"absent: null and empty values, too", "", `{"market": null, "description": "", "requestedLimit": {}}`, []string{"description", "market", "requested_limit"}},
		{"absent: not what is checked or only read", "", `{"name": "partners/contoso/plans/azure.coop.fy26", "etag": "e", "state": "EDITING", "campaigns": [], "market": "US"}`, []string{"market"}},
		{"absent: the body is empty", "", `{}`, nil},
		{"empty", "?updateMask=", `{"market": "US"}`, []string{"market"}},
		{"in JSON names", "?updateMask=displayName,requestedLimit.currencyCode", `{}`, []string{"display_name", "requested_limit.currency_code"}},
		{"in names of the proto", "?update_mask=display_name,market", `{}`, []string{"display_name", "market"}},
		{"with spaces", "?updateMask=displayName,+market", `{}`, []string{"display_name", "market"}},
		{"everything", "?updateMask=*", `{"market": "US"}`, []string{"*"}},
		{"less than the body", "?updateMask=market", `{"displayName": "x", "market": "US"}`, []string{"market"}},
		{"unknown names are left to the service", "?updateMask=nope,displayName.nope,campaigns.name,", `{}`, []string{"nope", "displayName.nope", "campaigns.name", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				if got := s.send(http.MethodPatch, onePlan+test.query, test.body); got.status != http.StatusOK {
					t.Fatalf("HTTP status %d, want 200: %s", got.status, got.body)
				}
				got := lastRequest[*planv1.UpdatePlanRequest](t, s.plans).GetUpdateMask().GetPaths()
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("the service got another mask (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestMask_Twice(t *testing.T) {
	for _, query := range []string{"?updateMask=market&updateMask=displayName", "?updateMask=market&update_mask=displayName", "?updateMask=&update_mask=market"} {
		t.Run(query, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.checkRefused(s.send(http.MethodPatch, onePlan+query, `{}`), http.StatusBadRequest, invalid("update_mask FIELD_REPEATED"))
			})
		})
	}
}

// A plan that was read and sent back whole is the same plan, and its mask names
// nothing that a client cannot set.
func TestMask_ReadAndSentBackWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		now := timestamppb.Now()
		plan := &planv1.Plan{
			Name: "partners/contoso/plans/azure.coop.fy26", Program: "programs/azure", FundType: "coop", ProgramYear: "fy26",
			DisplayName: "Spring", Description: "Ü", Market: "US", CurrencyCode: "USD", ReviewerEmail: "ana@contoso.com",
			RequestedLimit: dollars(10_000, 0), State: planv1.Plan_APPROVED,
			Limits:             []*planv1.Plan_Limit{{EffectiveMonth: "2025-07", Amount: dollars(10_000, 0)}},
			PendingLimitChange: &planv1.LimitChange{Name: "partners/contoso/plans/azure.coop.fy26/limitChanges/one", NewLimit: dollars(1, 0)},
			Campaigns:          []*planv1.Campaign{{DisplayName: "c", Activities: []*planv1.Activity{{RegionCodes: []string{"US"}}}}},
			CreateTime:         now, UpdateTime: now, FirstSubmitTime: now, SubmitTime: now, DecideTime: now,
			DecisionComment: "good", ResubmitDeadline: &date.Date{Year: 2026, Month: 9, Day: 28}, Etag: "e",
		}
		s.plans.answer = func(*received) (proto.Message, error) { return plan, nil }
		read := s.send(http.MethodGet, onePlan, "")
		if got := s.send(http.MethodPatch, onePlan, read.body); got.status != http.StatusOK {
			t.Fatalf("HTTP status %d, want 200: %s", got.status, got.body)
		}
		got := lastRequest[*planv1.UpdatePlanRequest](t, s.plans)
		if diff := cmp.Diff(plan, got.GetPlan(), protocmp.Transform()); diff != "" {
			t.Errorf("the service got another plan than was read (-want +got):\n%s", diff)
		}
		want := []string{
			"currency_code", "description", "display_name", "fund_type", "market", "program", "program_year", "requested_limit", "reviewer_email",
		}
		if diff := cmp.Diff(want, got.GetUpdateMask().GetPaths()); diff != "" {
			t.Errorf("the service got another mask (-want +got):\n%s", diff)
		}
	})
}

func TestMask_NameOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		got := s.send(http.MethodPatch, onePlan, `{"name": "partners/contoso/plans/azure.mdf.fy26", "market": "US"}`)
		s.checkRefused(got, http.StatusBadRequest, invalid("plan.name FIELD_MALFORMED"))
	})
}
