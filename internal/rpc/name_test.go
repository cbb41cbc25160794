package rpc_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

func TestValidID(t *testing.T) {
	for _, test := range []struct {
		id   string
		want bool
	}{
		{"a", true},
		{"0", true},
		{"a-b", true},
		{"a--b", true},
		{strings.Repeat("x", 63), true},
		{"", false},
		{strings.Repeat("x", 64), false},
		{"-a", false},
		{"a-", false},
		{"-", false},
		{"A", false},
		{"a_b", false},
		{"a.b", false},
		{"a b", false},
		{"é", false},
		{"a\x00", false},
		{"a\n", false},
	} {
		if got := rpc.ValidID(test.id); got != test.want {
			t.Errorf("ValidID(%q) is %t, want %t", test.id, got, test.want)
		}
	}
}

func TestName(t *testing.T) {
	const plan = "partners/{mpn_id}/plans/{plan}"
	long := strings.Repeat("x", 63)
	for _, test := range []struct {
		name, pattern, text string
		want                []string // nil where it is malformed
	}{
		{"one id", "programs/{program}", "programs/azure", []string{"azure"}},
		{"the longest ids", plan, "partners/" + long + "/plans/" + long + "." + long + "." + long, []string{long, long + "." + long + "." + long}},
		{"an earning", plan + "/earnings/{earning}", "partners/a/plans/b.c.d/earnings/!-.0~:{}", []string{"a", "b.c.d", "!-.0~:{}"}},
		{"the longest earning", "earnings/{earning}", "earnings/" + strings.Repeat("~", 128), []string{strings.Repeat("~", 128)}},
		{"what others read", "runs/{pay_date}", "runs/when you like", []string{"when you like"}},
		{"any partner, any plan", "partners/{any_id}/plans/{any_plan}", "partners/-/plans/-", []string{"-", "-"}},
		{"a partner, a plan", "partners/{any_id}/plans/{any_plan}", "partners/a/plans/b.c.d", []string{"a", "b.c.d"}},
		{"a fixed part at the end", "a/{x}/b", "a/x/b", []string{"x"}},

		{"nothing", "programs/{program}", "", nil},
		{"no id", "programs/{program}", "programs/", nil},
		{"another collection", "programs/{program}", "program/azure", nil},
		{"too short", plan, "partners/a", nil},
		{"too long", "programs/{program}", "programs/azure/years", nil},
		{"a slash before", "programs/{program}", "/programs/azure", nil},
		{"a slash after", "programs/{program}", "programs/azure/", nil},
		{"another end", "a/{x}/b", "a/x/c", nil},
		{"the pattern itself", "programs/{program}", "programs/{program}", nil},
		{"capitals", "programs/{program}", "programs/Azure", nil},
		{"an id too long", "programs/{program}", "programs/" + long + "x", nil},
		{"any where one is wanted", plan, "partners/-/plans/-", nil},
		{"a plan of two parts", plan, "partners/a/plans/b.c", nil},
		{"a plan of four parts", plan, "partners/a/plans/b.c.d.e", nil},
		{"a plan with an empty part", plan, "partners/a/plans/b..d", nil},
		{"an earning with a space", "earnings/{earning}", "earnings/a b", nil},
		{"an earning beyond ASCII", "earnings/{earning}", "earnings/é", nil},
		{"an earning too long", "earnings/{earning}", "earnings/" + strings.Repeat("~", 129), nil},
		{"an earning that is empty", "earnings/{earning}", "earnings/", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v fault.Violations
			got := rpc.Name(&v, "name", test.pattern, test.text)
			if test.want != nil {
				if diff := cmp.Diff(test.want, got); diff != "" || v.Err() != nil {
					t.Errorf("%v; values (-want +got):\n%s", v.Err(), diff)
				}
				return
			}
			if wanted := strings.Count(test.pattern, "{"); len(got) != wanted || strings.Join(got, "") != "" {
				t.Errorf("values %q, want %d that are empty", got, wanted)
			}
			if list := v.List(); len(list) != 1 || list[0].Path != "name" {
				t.Errorf("violations %v, want one at name", list)
			}
		})
	}
}

func TestName_SaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct{ name, text, reason, message string }{
		{"nothing", "", "FIELD_REQUIRED", "is required: partners/{mpn_id}/plans/{plan}"},
		{"malformed", "partners/A/plans/b", "NAME_MALFORMED", `"partners/A/plans/b" is not a name in the form partners/{mpn_id}/plans/{plan}`},
		{
			"endless", strings.Repeat("é", 1<<20), "NAME_MALFORMED",
			`"` + strings.Repeat("é", 80) + `" is not a name in the form partners/{mpn_id}/plans/{plan}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var v fault.Violations
			rpc.Name(&v, "parent", "partners/{any_id}/plans/{any_plan}", test.text)
			want := []fault.Violation{{Path: "parent", Reason: test.reason, Message: test.message}}
			if diff := cmp.Diff(want, v.List()); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func FuzzName(f *testing.F) {
	patterns := []string{
		"programs/{program}",
		"partners/{mpn_id}/plans/{plan}",
		"partners/{mpn_id}/plans/{plan}/earnings/{earning}",
		"partners/{any_id}/plans/{any_plan}",
		"programs/{program}/payoutRuns/{pay_date}",
		"partners/{mpn_id}/plans/{plan}/events/{event}",
		"a/{x}/b",
	}
	f.Add("")
	f.Add("programs/azure")
	f.Add("partners/contoso/plans/azure.coop.fy26")
	f.Add("partners/contoso/plans/azure.coop.fy26/earnings/!~/")
	f.Add("partners/-/plans/-")
	f.Add("programs/azure/payoutRuns/2026-05-15")
	f.Add("a/b/c")
	f.Add("//////")
	f.Fuzz(func(t *testing.T, name string) {
		for _, pattern := range patterns {
			var v fault.Violations
			values := rpc.Name(&v, "name", pattern, name)
			if wanted := strings.Count(pattern, "{"); len(values) != wanted {
				t.Fatalf("%q by %s has %d values, want %d", name, pattern, len(values), wanted)
			}
			if v.Err() != nil {
				if strings.Join(values, "") != "" {
					t.Errorf("%q by %s is malformed, but has the values %q", name, pattern, values)
				}
				continue
			}
			if slices.Contains(values, "") {
				t.Errorf("%q by %s has the values %q, one of them empty", name, pattern, values)
			}
			if got := compose(pattern, values); got != name {
				t.Errorf("%q by %s has the values %q, which make %q", name, pattern, values, got)
			}
		}
	})
}

// compose puts values into a pattern.
func compose(pattern string, values []string) string {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			parts[i], values = values[0], values[1:]
		}
	}
	return strings.Join(parts, "/")
}

// A name may be as large as a message. To refuse it takes no memory beside, or a few callers could take all that there is.
func TestName_OfManyPartsTakesNoMemory(t *testing.T) {
	slashes, dots := strings.Repeat("/", 1<<20), strings.Repeat(".", 1<<20)
	result := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			var v fault.Violations
			rpc.Name(&v, "name", "partners/{mpn_id}/plans/{plan}", slashes)
			rpc.Name(&v, "name", "plans/{plan}", "plans/"+dots)
		}
	})
	if got := result.AllocedBytesPerOp(); got > 2<<20 { // the second name is made for each
		t.Errorf("names of 1 MiB take %d bytes, want little more than the one", got)
	}
}
