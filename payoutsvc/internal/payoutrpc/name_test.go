package payoutrpc

import (
	"testing"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// Every earning of a batch goes through splitEarning, all other names through
// rpc.Name: an earning's name must mean the same to both.
func FuzzSplitEarning(f *testing.F) {
	for _, name := range []string{
		"", "partners/a/plans/b.c.d/earnings/e", "partners/a/plans/b.c.d/earnings/", "partners/a/plans/b.c.d/earnings/e/f",
		"partners/a/plans/b.c.d/earnings/ ", "partners/a/plans/b.c/earnings/e", "partners/a/plans/b.c.d.e/earnings/e",
		"partners/a/plans/b.c.d/earnings/x/earnings/y", "partners/a/plans/b/plans/c.d.e/earnings/f", "partners/-/plans/b.c.d/earnings/e",
		"partners//plans/b.c.d/earnings/e", "/partners/a/plans/b.c.d/earnings/e", "partners/a/plans/b.c.d", "partners/A/plans/b.c.d/earnings/é",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		plan, id, ok := splitEarning(name)
		var v fault.Violations
		values := rpc.Name(&v, "name", earningPattern, name)
		valid := v.Err() == nil
		switch {
		case !ok && (plan != "" || id != ""):
			t.Errorf("%q is split into %q and %q, want nothing of what is malformed", name, plan, id)
		case !ok && valid:
			t.Errorf("%q is not split, though it is the name of an earning", name)
		case ok && earningName(plan, id) != name:
			t.Errorf("%q is split into %q and %q, which make %q", name, plan, id, earningName(plan, id))
		case ok && valid && (plan != planName(values[0], values[1]) || id != values[2]):
			t.Errorf("%q is split into %q and %q, want %q", name, plan, id, values)
		case ok:
			var of fault.Violations
			rpc.Name(&of, "parent", planPattern, plan)
			if of.Err() != nil {
				t.Errorf("%q is split into %q, which is no plan: %v", name, plan, of.Err())
			}
		}
	})
}

func TestProgramOf(t *testing.T) {
	if got := programOf("partners/contoso/plans/azure.coop.fy26"); got != "programs/azure" {
		t.Errorf("the program of a plan is %q, want programs/azure", got)
	}
}
