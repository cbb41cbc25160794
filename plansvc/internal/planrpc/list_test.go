package planrpc_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// crowded makes plans of both fund types for three partners, one after another,
// and submits the partner's own.
func (w *world) crowded(t *testing.T) {
	t.Helper()
	w.drafted(t)
	for _, other := range []string{"partners/adatum", "partners/fabrikam", partner} {
		if other != partner {
			_, err := w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: other, EnrollmentId: "azure"})
			must(t, err)
			_, err = w.createPlan(t, other)
			must(t, err)
		}
		_, err := w.createPlan(t, other, func(p *planv1.Plan) { p.FundType, p.Market = "mdf", "JP" })
		must(t, err)
	}
	w.bring(t, planv1.Plan_SUBMITTED)
}

// list is all pages of a list, two a page, by partner and fund type.
func (w *world) list(t *testing.T, request *planv1.ListPlansRequest) string {
	t.Helper()
	var found []string
	request.PageSize = 2
	for {
		page, err := w.ListPlans(t.Context(), request)
		must(t, err)
		for _, p := range page.GetPlans() {
			found = append(found, strings.Split(p.GetName(), "/")[1]+"."+p.GetFundType())
		}
		if request.PageToken = page.GetNextPageToken(); request.GetPageToken() == "" {
			return strings.Join(found, " ")
		}
	}
}

func TestListPlans(t *testing.T) {
	w := newWorld(t)
	w.crowded(t)
	for _, test := range []struct{ parent, filter, orderBy, want string }{
		{partner, "", "", "contoso.coop contoso.mdf"},
		{"partners/nobody", "", "", ""},
		{"partners/-", "", "", "adatum.coop adatum.mdf contoso.coop contoso.mdf fabrikam.coop fabrikam.mdf"},
		{"partners/-", "", "name desc", "fabrikam.mdf fabrikam.coop contoso.mdf contoso.coop adatum.mdf adatum.coop"},
		{"partners/-", "", "create_time", "contoso.coop adatum.coop adatum.mdf fabrikam.coop fabrikam.mdf contoso.mdf"},
		{"partners/-", "", "update_time desc", "contoso.coop contoso.mdf fabrikam.mdf fabrikam.coop adatum.mdf adatum.coop"},
		{"partners/-", "", "submit_time desc", "contoso.coop adatum.coop adatum.mdf contoso.mdf fabrikam.coop fabrikam.mdf"},
		{"partners/-", `state="SUBMITTED"`, "", "contoso.coop"},
		{"partners/-", `state=EDITING AND reviewer_email="ana@contoso.com" AND market!="US"`, "", "adatum.mdf contoso.mdf fabrikam.mdf"},
		{"partners/-", `program="programs/azure" fund_type="coop"`, "create_time desc", "fabrikam.coop adatum.coop contoso.coop"},
		{"partners/-", `submit_time>"2026-04-10T00:00:00Z"`, "", "contoso.coop"},
		{partner, `NOT state=SUBMITTED`, "", "contoso.mdf"},
	} {
		if got := w.list(t, &planv1.ListPlansRequest{Parent: test.parent, Filter: test.filter, OrderBy: test.orderBy}); got != test.want {
			t.Errorf("%s with %q by %q lists\n\t%s\nwant\n\t%s", test.parent, test.filter, test.orderBy, got, test.want)
		}
	}
	page, err := w.ListPlans(t.Context(), &planv1.ListPlansRequest{Parent: partner, PageSize: 5000})
	must(t, err)
	equal(t, "a plan in a list", page.GetPlans()[0], w.plan(t))
}

func TestListPlans_AllViolationsAtOnce(t *testing.T) {
	w := newWorld(t)
	_, err := w.ListPlans(t.Context(), &planv1.ListPlansRequest{Parent: "partners", Filter: `nope="x"`, OrderBy: "display_name", PageSize: -1, PageToken: "x"})
	refused(t, "everything wrong", err, as{codes.InvalidArgument, "INVALID_FIELDS"}, "parent NAME_MALFORMED", "filter FILTER_INVALID", "order_by ORDER_BY_INVALID",
		"page_size PAGE_SIZE_NEGATIVE", "page_token PAGE_TOKEN_INVALID")
	for _, filter := range []string{`state="SUBMITTED/contoso"`, `state="submitted"`, `state=DONE`, `create_time>"2026-13-01T00:00:00Z"`, strings.Repeat("(", 2001)} {
		_, err := w.ListPlans(t.Context(), &planv1.ListPlansRequest{Parent: "partners/-", Filter: filter})
		refused(t, fmt.Sprintf("the filter %.40s", filter), err, as{codes.InvalidArgument, "FILTER_INVALID"}, "filter")
	}
}

// A token is good for the call that it came from, and no other: neither of
// another list, nor of the same with another parent, filter or order.
func TestPageTokens_AreOfOneList(t *testing.T) {
	w := newWorld(t)
	w.crowded(t)
	w.bring(t, planv1.Plan_REJECTED)
	for _, p := range []string{"adatum", "fabrikam"} {
		_, err := w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: p, Program: azure()})
		must(t, err)
	}
	lists := map[string]proto.Message{
		"programs":               &planv1.ListProgramsRequest{},
		"enrollments":            &planv1.ListEnrollmentsRequest{Parent: "partners/-"},
		"plans":                  &planv1.ListPlansRequest{Parent: "partners/-"},
		"plans of a partner":     &planv1.ListPlansRequest{Parent: partner},
		"plans with a filter":    &planv1.ListPlansRequest{Parent: "partners/-", Filter: "state=EDITING"},
		"plans in another order": &planv1.ListPlansRequest{Parent: "partners/-", OrderBy: "create_time"},
		"events":                 &planv1.ListPlanEventsRequest{Parent: coop},
		"campaigns":              &planv1.ListCampaignsRequest{Parent: coop},
		"limit changes":          &planv1.ListLimitChangesRequest{Parent: coop},
		"activities":             &planv1.ListActivitiesRequest{Parent: spring},
	}
	with := func(request proto.Message, size int32, token string) proto.Message {
		m := proto.Clone(request).ProtoReflect()
		m.Set(m.Descriptor().Fields().ByName("page_size"), protoreflect.ValueOfInt32(size))
		m.Set(m.Descriptor().Fields().ByName("page_token"), protoreflect.ValueOfString(token))
		return m.Interface()
	}
	tokens := map[string]string{}
	for what, request := range lists {
		answer, err := w.do(t, with(request, 1, ""))
		must(t, err)
		if token := nextPage(answer); token != "" {
			tokens[what] = token
		}
	}
	if len(tokens) < 7 {
		t.Fatalf("only %d lists have a second page", len(tokens))
	}
	for from, token := range tokens {
		for to, request := range lists {
			_, err := w.do(t, with(request, 1, token))
			if from == to {
				must(t, err)
				continue
			}
			refused(t, fmt.Sprintf("a token of %s for %s", from, to), err, as{codes.InvalidArgument, "PAGE_TOKEN_INVALID"}, "page_token")
		}
	}
}

// nextPage is the token of the page after an answer.
func nextPage(answer proto.Message) string {
	m := answer.ProtoReflect()
	return m.Get(m.Descriptor().Fields().ByName("next_page_token")).String()
}

// Plans that are created, changed and deleted between two pages are no reason to
// skip or repeat another.
func TestListPlans_PagesAreStable(t *testing.T) {
	w := newWorld(t)
	w.crowded(t)
	for _, orderBy := range []string{"", "name desc", "create_time", "create_time desc"} {
		request := &planv1.ListPlansRequest{Parent: "partners/-", Filter: `fund_type="coop"`, OrderBy: orderBy, PageSize: 1}
		var found []string
		for number := 0; ; number++ {
			page, err := w.ListPlans(t.Context(), request)
			must(t, err)
			for _, p := range page.GetPlans() {
				found = append(found, p.GetName())
			}
			if request.PageToken = page.GetNextPageToken(); request.GetPageToken() == "" {
				break
			}
			if number == 0 {
				w.stir(t)
			}
		}
		for _, other := range []string{"adatum", "contoso", "fabrikam"} {
			name := strings.ReplaceAll(coop, "contoso", other)
			if n := len(slices.DeleteFunc(slices.Clone(found), func(f string) bool { return f != name })); n != 1 {
				t.Errorf("by %q %s is listed %d times, want once", orderBy, name, n)
			}
		}
	}
}

// stir creates a plan before and behind the others or deletes them, and changes one in between.
func (w *world) stir(t *testing.T) {
	t.Helper()
	for _, other := range []string{"partners/aaa", "partners/zzz"} {
		name := strings.ReplaceAll(coop, partner, other)
		if _, err := w.DeletePlan(t.Context(), &planv1.DeletePlanRequest{Name: name}); err == nil {
			continue
		}
		_, _ = w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: other, EnrollmentId: "azure"}) // once is enough
		_, err := w.createPlan(t, other)
		must(t, err)
	}
	_, err := w.UpdatePlan(t.Context(), &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: strings.ReplaceAll(coop, "contoso", "fabrikam"), Description: "Stirred"}})
	must(t, err)
}
