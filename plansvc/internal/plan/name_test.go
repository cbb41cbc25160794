package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestL1_NameIsMadeOfPartnerProgramFundTypeAndYear(t *testing.T) {
	text := "partners/1001/plans/azure.coop.fy26"
	if got := name.String(); got != text {
		t.Errorf("String() = %q, want %q", got, text)
	}
	got, err := plan.ParseName(text)
	must(t, err)
	if diff := cmp.Diff(name, got); diff != "" {
		t.Errorf("ParseName(%q) (-want +got):\n%s", text, diff)
	}
	for what, pair := range map[string][2]string{
		"campaign":     {name.Campaign("c1"), text + "/campaigns/c1"},
		"activity":     {name.Activity("c1", "a1"), text + "/campaigns/c1/activities/a1"},
		"limit change": {name.LimitChange("l1"), text + "/limitChanges/l1"},
		"event":        {name.Event(12), text + "/events/00000012"},
		"program":      {(&plan.Program{ID: "azure"}).Name(), "programs/azure"},
		"enrollment":   {(&plan.Enrollment{Partner: "1001", Program: "azure"}).Name(), "partners/1001/enrollments/azure"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("name of the %s: %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestParseName_Malformed(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, text := range []string{
		"", "partners", "partners/1001/plans", "partners/1001/plans/", "partners/1001/plans/a.b", "partners/1001/plans/a.b.c.d",
		"partners/1001/plans/a..c", "partners/1001/plans/a.B.c", "partners/1001/plans/a.-b.c", "partners/1001/plans/a.b-.c",
		"partners/1001/plans/a.b.c/", "/partners/1001/plans/a.b.c", "partners//plans/a.b.c", "partners/-/plans/a.b.c",
		"partners/10 01/plans/a.b.c", "partner/1001/plans/a.b.c", "partners/1001/plan/a.b.c", "partners/1001/plans/" + long + ".b.c",
		"partners/1001/plans/ä.b.c",
	} {
		if got, err := plan.ParseName(text); err == nil {
			t.Errorf("ParseName(%q) = %v, want an error", text, got)
		}
	}
}

func TestCheckID(t *testing.T) {
	for _, test := range []struct{ id, want string }{
		{"a", ""},
		{"0", ""},
		{"a-b", ""},
		{strings.Repeat("a", 63), ""},
		{"", "FIELD_REQUIRED"},
		{strings.Repeat("a", 64), "ID_MALFORMED"},
		{"-", "ID_MALFORMED"},
		{"-a", "ID_MALFORMED"},
		{"a-", "ID_MALFORMED"},
		{"A", "ID_MALFORMED"},
		{"a.b", "ID_MALFORMED"},
		{"a/b", "ID_MALFORMED"},
		{"a\n", "ID_MALFORMED"},
		{"é", "ID_MALFORMED"},
	} {
		var v fault.Violations
		passed := plan.CheckID(&v, "id", test.id)
		if got := fault.ReasonOf(v.Err()); got != test.want || passed != (test.want == "") {
			t.Errorf("CheckID(%q) = %v with reason %q, want reason %q", test.id, passed, got, test.want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("partners/1001/plans/azure.coop.fy26")
	f.Add("partners/-/plans/a.b.c")
	f.Add("partners/1001/plans/a.b.c/campaigns/d")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := plan.ParseName(text)
		if err != nil {
			if parsed != (plan.Name{}) {
				t.Errorf("ParseName(%q) = %v beside an error, want none", text, parsed)
			}
			return
		}
		if got := parsed.String(); got != text {
			t.Errorf("ParseName(%q).String() = %q, want what was read", text, got)
		}
		if again, err := plan.NameOf(parsed.Partner, parsed.ID()); err != nil || again != parsed {
			t.Errorf("NameOf(%q, %q) = %v, %v, want %v", parsed.Partner, parsed.ID(), again, err, parsed)
		}
	})
}
