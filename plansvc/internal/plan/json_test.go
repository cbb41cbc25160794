package plan_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What is stored stays readable: another name of a field would lose its values.
func TestStoredForm(t *testing.T) {
	program := newProgram(t)
	p := newPlan(t, program, plan.Approved)
	must(t, p.RequestLimitChange(call(t, pia), program, "l1", plan.LimitChangeContent{NewLimit: usd(12000), Reason: "demand"}))
	c := call(t, rita)
	c.Comment = "well done"
	must(t, p.ApproveLimitChange(c, program, "l1", admins))
	bare, err := plan.New(call(t, pia), name, program, plan.Content{DisplayName: "x"})
	must(t, err)
	bare.RequestedLimit = money.Zero("JPY") // which is another than none
	for file, value := range map[string]any{
		"program.json":      program,
		"enrollment.json":   newEnrollment(t, admins...),
		"plan.json":         p,
		"draft.json":        bare,
		"event.json":        lastEvent(t, p),
		"notification.json": p.Pending.Notifications[1],
	} {
		t.Run(file, func(t *testing.T) {
			got, err := json.MarshalIndent(value, "", "  ")
			must(t, err)
			got = append(got, '\n')
			path := filepath.Join("testdata", file)
			if *update {
				must(t, os.WriteFile(path, got, 0o600))
			}
			want, err := os.ReadFile(path)
			must(t, err)
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("stored form (-want +got), -update writes it anew:\n%s", diff)
			}
		})
	}
	for _, stored := range []*plan.Plan{p, bare} {
		text, err := json.Marshal(stored)
		must(t, err)
		var read plan.Plan
		must(t, json.Unmarshal(text, &read))
		want := *stored
		want.Pending = plan.Pending{}
		if diff := cmp.Diff(want, read); diff != "" {
			t.Errorf("stored and read (-stored +read):\n%s", diff)
		}
	}
}
