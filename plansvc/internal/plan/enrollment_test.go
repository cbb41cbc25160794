package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func newEnrollment(t testing.TB, emails ...string) *plan.Enrollment {
	t.Helper()
	e, err := plan.NewEnrollment(call(t, rita), "1001", "azure", plan.EnrollmentContent{AdminEmails: emails})
	must(t, err)
	return e
}

func TestL2_NotEnrolledIsNotFound(t *testing.T) {
	enrolled := newEnrollment(t)
	if err := plan.CheckEnrolled(enrolled, "azure"); err != nil {
		t.Errorf("enrolled: %v, want no error", err)
	}
	for what, err := range map[string]error{
		"not enrolled":                plan.CheckEnrolled(nil, "azure"),
		"enrolled in another program": plan.CheckEnrolled(enrolled, "office"),
	} {
		if fault.KindOf(err) != fault.NotFound || fault.ReasonOf(err) != "PROGRAM_NOT_FOUND" {
			t.Errorf("%s: %v, want PROGRAM_NOT_FOUND", what, err)
		}
		id := map[string]string{"not enrolled": "azure", "enrolled in another program": "office"}[what]
		if diff := cmp.Diff(error(plan.NoProgram(id)), err); diff != "" {
			t.Errorf("%s differs from a program that does not exist (-want +got):\n%s", what, diff)
		}
	}
}

func TestEnrollment_AdminEmails(t *testing.T) {
	many := make([]string, 101)
	for i := range many {
		many[i] = fmt.Sprintf("a%d@x.example", i)
	}
	for _, test := range []struct {
		name   string
		emails []string
		want   []string
	}{
		{"none", nil, nil},
		{"100", many[:100], nil},
		{"of all kinds", []string{"a@b", "first.last+tag@sub.contoso.com", "ü@exämple.de", strings.Repeat("x", 318) + "@b"}, nil},
		{"101", many, []string{"enrollment.admin_emails TOO_MANY"}},
		{"malformed", []string{"", "ada", "ada@", "@b", "Ada <a@b>", "<a@b>", "a@b, c@d", " a@b", "a@b (x)", "a@b\r\nBcc: c@d"}, func() (want []string) {
			for i := range 10 {
				want = append(want, fmt.Sprintf("enrollment.admin_emails[%d] EMAIL_MALFORMED", i))
			}
			return want
		}()},
		{"too long", []string{strings.Repeat("x", 319) + "@b"}, []string{"enrollment.admin_emails[0] FIELD_TOO_LONG"}},
		{"twice, but for the case", []string{"a@b", "c@d", "A@B"}, []string{"enrollment.admin_emails[2] DUPLICATE"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			content := plan.EnrollmentContent{AdminEmails: test.emails}
			_, err := plan.NewEnrollment(plan.Call{}, "1001", "azure", content)
			if diff := cmp.Diff(test.want, violations(err)); diff != "" {
				t.Errorf("create: violations (-want +got):\n%s", diff)
			}
			if test.want == nil {
				must(t, newEnrollment(t).Update(plan.Call{}, content))
				return
			}
			e := newEnrollment(t)
			violated(t, e, test.want, func() error { return e.Update(plan.Call{}, content) })
		})
	}
}

func TestEnrollment_Update(t *testing.T) {
	e, later := newEnrollment(t, "a@b"), at(t, "2025-09-01T00:00:00Z")
	etag := e.Etag()
	must(t, e.Update(plan.Call{Now: later, Etag: etag}, plan.EnrollmentContent{AdminEmails: admins}))
	if !cmp.Equal(e.AdminEmails, admins) || e.UpdateTime != later || e.Etag() == etag {
		t.Errorf("after the update: %+v with etag %s, want the new addresses at %v and another etag than %s", e, e.Etag(), later, etag)
	}
	must(t, e.MayDelete(plan.Call{Etag: e.Etag()}))
}

func TestL2_SeenByEnrollment(t *testing.T) {
	mine := []string{"1001", "1002"}
	for _, test := range []struct {
		name   string
		want   plan.Sight
		needed bool
	}{
		{"programs/azure", plan.Sight{Partners: mine, Program: "azure"}, true},
		{"partners/1001/plans/azure.coop.fy26", plan.Sight{Partners: []string{"1001"}, Program: "azure"}, true},
		{"partners/1001/plans/azure.coop.fy26/campaigns/c/activities/a", plan.Sight{Partners: []string{"1001"}, Program: "azure"}, true},
		{"partners/1003/plans/office.coop.fy26", plan.Sight{Partners: []string{"1003"}, Program: "office"}, true},
		{"partners/1001/plans/azure", plan.Sight{Partners: []string{"1001"}, Program: "azure"}, true},
		{"partners/1001/plans/", plan.Sight{Partners: []string{"1001"}}, true},
		{"", plan.Sight{Partners: mine}, true},
		{"azure", plan.Sight{Partners: mine}, true},
		{"programs/azure/other", plan.Sight{Partners: mine, Program: "azure/other"}, true},
		{"partners/1001", plan.Sight{}, false},
		{"partners/1001/plans", plan.Sight{}, false},
		{"partners/1001/enrollments/azure", plan.Sight{}, false},
	} {
		got, needed := plan.SeenBy(test.name, mine)
		if diff := cmp.Diff(test.want, got); diff != "" || needed != test.needed {
			t.Errorf("%s: needed %v, want %v (-want +got):\n%s", test.name, needed, test.needed, diff)
		}
	}
}
