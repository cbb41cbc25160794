package planrpc_test

import (
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc/codes"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestL10_LimitOnApproval(t *testing.T) {
	for _, test := range []struct {
		name   string
		given  *money.Money
		want   *money.Money
		reason string
	}{
		{"by default the requested one", nil, usd(10_000, 0), ""},
		{"less", usd(1, 10_000_000), usd(1, 10_000_000), ""},
		{"more", usd(20_000, 0), usd(20_000, 0), ""},
		{"nothing", usd(0, 0), nil, "AMOUNT_NOT_POSITIVE"},
		{"below zero", usd(-1, 0), nil, "AMOUNT_NOT_POSITIVE"},
		{"finer than a cent", usd(1, 1), nil, "AMOUNT_TOO_PRECISE"},
		{"another currency", &money.Money{CurrencyCode: "JPY", Units: 1}, nil, "CURRENCY_MISMATCH"},
		{"no currency", &money.Money{Units: 1}, nil, "CURRENCY_REQUIRED"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.drafted(t)
			before := w.bring(t, planv1.Plan_UNDER_REVIEW)
			got, err := w.ApprovePlan(t.Context(), &planv1.ApprovePlanRequest{Name: coop, ApprovedLimit: test.given})
			if test.reason != "" {
				refused(t, "approving", err, as{codes.InvalidArgument, test.reason}, "approved_limit")
				equal(t, "the plan after that", w.plan(t), before)
				return
			}
			must(t, err)
			if len(got.GetLimits()) != 1 {
				t.Fatalf("limits %v, want one", got.GetLimits())
			}
			equal(t, "the limit", got.GetLimits()[0], &planv1.Plan_Limit{EffectiveMonth: "2025-07", Amount: test.want})
		})
	}
}

func TestL11_LimitChanges(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	w.bring(t, planv1.Plan_APPROVED)
	w.at(t, "2026-04-30T12:00:00Z")
	asked := w.changeLimit(t, "l1", 20_000)
	equal(t, "the limit change", asked, &planv1.LimitChange{
		Name: coop + "/limitChanges/l1", NewLimit: usd(20_000, 0), Reason: "Demand.", State: planv1.LimitChange_PENDING, CreateTime: asked.GetCreateTime(), Etag: asked.GetEtag(),
	})
	equal(t, "the pending one", w.plan(t).GetPendingLimitChange(), asked)
	ask := func(request *planv1.CreateLimitChangeRequest) error {
		request.Parent = coop
		_, err := w.CreateLimitChange(t.Context(), request)
		return err
	}
	refused(t, "a second that is pending", ask(&planv1.CreateLimitChangeRequest{LimitChange: &planv1.LimitChange{NewLimit: usd(1, 0)}}),
		as{codes.FailedPrecondition, "LIMIT_CHANGE_PENDING"})

	w.at(t, "2026-05-01T06:59:59Z") // April in Los Angeles
	approved, err := w.ApproveLimitChange(t.Context(), &planv1.ApproveLimitChangeRequest{Name: asked.GetName(), Comment: "Fine."})
	must(t, err)
	if approved.GetState() != planv1.LimitChange_APPROVED || approved.GetEffectiveMonth() != "2026-05" || approved.GetDecisionComment() != "Fine." ||
		!approved.GetDecideTime().IsValid() || approved.GetEtag() == asked.GetEtag() {
		t.Errorf("approved: %v", approved)
	}
	_, err = w.ApproveLimitChange(t.Context(), &planv1.ApproveLimitChangeRequest{Name: asked.GetName()})
	refused(t, "approving it again", err, as{codes.FailedPrecondition, "LIMIT_CHANGE_NOT_PENDING"})
	_, err = w.RejectLimitChange(t.Context(), &planv1.RejectLimitChangeRequest{Name: asked.GetName()})
	refused(t, "rejecting it then", err, as{codes.FailedPrecondition, "LIMIT_CHANGE_NOT_PENDING"})

	for _, test := range []struct {
		name, reason string
		request      *planv1.CreateLimitChangeRequest
		fields       []string
	}{
		{"none", "FIELD_REQUIRED", &planv1.CreateLimitChangeRequest{}, []string{"limit_change.new_limit"}},
		{"the limit that it has", "LIMIT_UNCHANGED", &planv1.CreateLimitChangeRequest{LimitChange: &planv1.LimitChange{NewLimit: usd(20_000, 0)}}, []string{"limit_change.new_limit"}},
		{"another currency", "CURRENCY_MISMATCH", &planv1.CreateLimitChangeRequest{LimitChange: &planv1.LimitChange{NewLimit: &money.Money{CurrencyCode: "JPY", Units: 1}}}, []string{"limit_change.new_limit"}},
		{"nothing", "AMOUNT_NOT_POSITIVE", &planv1.CreateLimitChangeRequest{LimitChange: &planv1.LimitChange{NewLimit: usd(0, 0)}}, []string{"limit_change.new_limit"}},
		{
			"all wrong", "INVALID_FIELDS", &planv1.CreateLimitChangeRequest{LimitChangeId: "L", LimitChange: &planv1.LimitChange{NewLimit: usd(0, 1), Reason: strings.Repeat("x", 2001)}},
			[]string{"limit_change_id ID_MALFORMED", "limit_change.new_limit AMOUNT_TOO_PRECISE", "limit_change.reason FIELD_TOO_LONG"},
		},
	} {
		refused(t, test.name, ask(test.request), as{codes.InvalidArgument, test.reason}, test.fields...)
	}
	refused(t, "an id that is taken", ask(&planv1.CreateLimitChangeRequest{LimitChangeId: "l1", LimitChange: &planv1.LimitChange{NewLimit: usd(5, 0)}}),
		as{codes.AlreadyExists, "LIMIT_CHANGE_EXISTS"})

	w.changeLimit(t, "l2", 5)
	rejected, err := w.RejectLimitChange(t.Context(), &planv1.RejectLimitChangeRequest{Name: coop + "/limitChanges/l2", Comment: "No."})
	must(t, err)
	if rejected.GetState() != planv1.LimitChange_REJECTED || rejected.GetEffectiveMonth() != "" {
		t.Errorf("rejected: %v", rejected)
	}
	p := w.plan(t)
	if p.GetPendingLimitChange() != nil || len(p.GetLimits()) != 2 {
		t.Fatalf("the plan has the limits %v and %v pending, want two and none", p.GetLimits(), p.GetPendingLimitChange())
	}
	equal(t, "the limit in force", p.GetLimits()[1], &planv1.Plan_Limit{EffectiveMonth: "2026-05", Amount: usd(20_000, 0)})

	listed, err := w.ListLimitChanges(t.Context(), &planv1.ListLimitChangesRequest{Parent: coop, PageSize: 1})
	must(t, err)
	equal(t, "the first limit change", listed.GetLimitChanges()[0], approved)
	listed, err = w.ListLimitChanges(t.Context(), &planv1.ListLimitChangesRequest{Parent: coop, PageToken: listed.GetNextPageToken()})
	must(t, err)
	equal(t, "the second limit change", listed.GetLimitChanges()[0], rejected)
	got, err := w.GetLimitChange(t.Context(), &planv1.GetLimitChangeRequest{Name: rejected.GetName()})
	must(t, err)
	equal(t, "the limit change that was read", got, rejected)
}

func TestL11_NoMonthLeft(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	w.bring(t, planv1.Plan_APPROVED)
	w.at(t, "2026-06-01T06:59:50Z") // the last seconds of May in Los Angeles
	asked := w.changeLimit(t, "", 20_000)
	if !strings.HasPrefix(asked.GetName(), coop+"/limitChanges/") || len(asked.GetName()) < len(coop+"/limitChanges/")+8 {
		t.Errorf("without an id it is named %s, want one of the service's making", asked.GetName())
	}
	w.at(t, "2026-06-01T07:00:00Z")
	_, err := w.ApproveLimitChange(t.Context(), &planv1.ApproveLimitChangeRequest{Name: asked.GetName()})
	refused(t, "approving it in the last month", err, as{codes.FailedPrecondition, "NO_MONTH_LEFT"})
	_, err = w.RejectLimitChange(t.Context(), &planv1.RejectLimitChangeRequest{Name: asked.GetName()})
	must(t, err)
	_, err = w.CreateLimitChange(t.Context(), &planv1.CreateLimitChangeRequest{Parent: coop, LimitChange: &planv1.LimitChange{NewLimit: usd(1, 0)}})
	refused(t, "asking in the last month", err, as{codes.FailedPrecondition, "NO_MONTH_LEFT"})
}
