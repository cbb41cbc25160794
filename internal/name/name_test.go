package name_test

import (
	"testing"

	"github.com/incentives-dev/incentives/internal/name"
)

func TestNames(t *testing.T) {
	const plan = "partners/contoso/plans/azure.coop.fy26"
	for _, test := range []struct {
		name      string
		read      func(string) string
		typed     string
		want      string
		wantShort string // of want, as tables print it; "" where that is not asked
	}{
		{"plan in short", name.Plan, "contoso/azure.coop.fy26", plan, "contoso/azure.coop.fy26"},
		{"plan in full", name.Plan, plan, plan, "contoso/azure.coop.fy26"},
		{"plan without a partner", name.Plan, "azure.coop.fy26", "azure.coop.fy26", "azure.coop.fy26"},
		{"plan with too many parts", name.Plan, "contoso/azure/coop", "contoso/azure/coop", "contoso/azure/coop"},
		{"nothing", name.Plan, "", "", ""},
		{"partner in short", name.Partner, "contoso", "partners/contoso", ""},
		{"partner in full", name.Partner, "partners/contoso", "partners/contoso", ""},
		{"all partners", name.Partner, "-", "partners/-", ""},
		{"program in short", name.Program, "azure", "programs/azure", ""},
		{"program in full", name.Program, "programs/azure", "programs/azure", ""},
		{"plan of a payout", name.ShortPlan, plan + "/payouts/2026-05-15", "contoso/azure.coop.fy26", ""},
		{"plan of an earning with slashes", name.ShortPlan, plan + "/earnings/a/b", "contoso/azure.coop.fy26", ""},
		{"plan of what is in none", name.ShortPlan, "programs/azure/payoutRuns/2026-05-15", "programs/azure/payoutRuns/2026-05-15", ""},
		{"program of a run", name.ProgramOf, "programs/azure/payoutRuns/2026-05-15", "azure", ""},
		{"id of a statement", name.ID, plan + "/statements/2026-04", "2026-04", ""},
		{"id of an id", name.ID, "2026-04", "2026-04", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.read(test.typed)
			if got != test.want {
				t.Errorf("%q is read as %q, want %q", test.typed, got, test.want)
			}
			if short := name.ShortPlan(got); test.wantShort != "" && short != test.wantShort {
				t.Errorf("%q is printed as %q, want %q", got, short, test.wantShort)
			}
		})
	}
}
