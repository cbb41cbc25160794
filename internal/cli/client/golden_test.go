package client_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/cli"
	"github.com/incentives-dev/incentives/internal/cli/client"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// grammar is what of the command line is tested here.
type grammar struct {
	Earnings  client.Earnings  `cmd:""`
	Payouts   client.Payouts   `cmd:""`
	Plans     client.Plans     `cmd:""`
	Statement client.Statement `cmd:""`
}

// A result is what a command did.
type result struct {
	status   int
	out, err string
}

// execute runs a command line against the fakes.
func execute(t *testing.T, payouts *fakePayouts, stdin string, args ...string) result {
	t.Helper()
	address := serve(t, func(server *grpc.Server) {
		planv1.RegisterPlanServiceServer(server, fakePlans{})
		payoutv1.RegisterPayoutServiceServer(server, payouts)
	})
	t.Setenv("INCENTIVES_PLANSVC", address)
	t.Setenv("INCENTIVES_PAYOUTSVC", address)
	var out, err bytes.Buffer
	status := cli.Run(t.Context(), &grammar{}, args, &cli.Console{In: strings.NewReader(stdin), Out: &out, Err: &err})
	return result{
		status: status, out: strings.ReplaceAll(out.String(), address, "ADDRESS"), err: strings.ReplaceAll(err.String(), address, "ADDRESS"),
	}
}

func newPayouts() *fakePayouts { return &fakePayouts{earnings: map[string]*payoutv1.Earning{}} }

func TestCommands(t *testing.T) {
	tests := []struct {
		name string // of the golden file
		args []string
	}{
		{"plans-list", []string{"plans", "list"}},
		{"plans-list-json", []string{"plans", "list", "--partner", "contoso", "--json"}},
		{"plans-list-cut", []string{"plans", "list", "--limit", "1"}},
		{"plans-list-nothing", []string{"plans", "list", "--partner", "nobody"}},
		{"plans-list-wrong", []string{"plans", "list", "--filter", "(", "--order-by", "nonsense"}},
		{"plans-show", []string{"plans", "show", "contoso/azure.coop.fy26"}},
		{"plans-show-rejected", []string{"plans", "show", "fabrikam/azure.coop.fy26"}},
		{"plans-show-json", []string{"plans", "show", contoso, "--json"}},
		{"plans-show-unknown", []string{"plans", "show", "contoso/nothing"}},
		{"plans-show-no-argument", []string{"plans", "show"}},
		{"plans-show-help", []string{"plans", "show", "--help"}},
		{"statement", []string{"statement", "contoso/azure.coop.fy26"}},
		{"statement-unapproved", []string{"statement", "fabrikam/azure.coop.fy26"}},
		{"statement-month-json", []string{"statement", contoso, "2026-04", "--json"}},
		{"statement-wrong-month", []string{"statement", contoso, "April"}},
		{"statement-nothing", []string{"statement", "nobody/azure.coop.fy26"}},
		{"payouts-preview", []string{"payouts", "preview", "azure", "2026-05-15"}},
		{"payouts-preview-cut", []string{"payouts", "preview", "programs/azure", "2026-05-15", "--limit", "1"}},
		{"payouts-preview-json", []string{"payouts", "preview", "azure", "2026-05-15", "--json"}},
		{"payouts-preview-plan", []string{"payouts", "preview", "azure", "2026-05-15", "--plan", "contoso/azure.coop.fy26"}},
		{"payouts-preview-nothing", []string{"payouts", "preview", "azure", "2026-05-15", "--plan", fabrikam}},
		{"payouts-preview-wrong-date", []string{"payouts", "preview", "azure", "2026-02-31"}},
		{"payouts-run-failures", []string{"payouts", "run", "azure", "2026-06-15"}},
		{"payouts-run-json", []string{"payouts", "run", "azure", "2026-06-15", "--json"}},
		{"payouts-run-watched", []string{"payouts", "run", "azure", "2026-05-15"}},
		{"payouts-run-lost", []string{"payouts", "run", "azure", "2026-07-15"}},
		{"payouts-run-too-early", []string{"payouts", "run", "azure", "2026-08-15"}},
		{"payouts-list", []string{"payouts", "list"}},
		{"payouts-list-partner", []string{"payouts", "list", "--partner", "contoso"}},
		{"payouts-list-plan-json", []string{"payouts", "list", "--plan", "contoso/azure.coop.fy26", "--json"}},
		{"payouts-confirm", []string{"payouts", "confirm", "contoso/azure.coop.fy26", "2026-05-15", "--reference", "wire-4711"}},
		{"payouts-confirm-late", []string{"payouts", "confirm", contoso, "2026-05-15", "--reference", "late"}},
		{"payouts-fail-json", []string{"payouts", "fail", contoso, "2026-05-15", "--reason", "account closed", "--json"}},
		{"payouts-retry", []string{"payouts", "retry", contoso, "2026-05-15"}},
		{"nobody-there", []string{"statement", contoso, "--payoutsvc", "127.0.0.1:1"}},
		{"no-address", []string{"statement", contoso, "--payoutsvc", "http://localhost:9002"}},
		{"unknown-flag", []string{"statement", contoso, "--mouth", "2026-04"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := execute(t, newPayouts(), "", test.args...)
			golden(t, test.name, fmt.Sprintf("$ incentives %s\nstatus %d\n--- stdout\n%s--- stderr\n%s", strings.Join(test.args, " "), got.status, got.out, got.err))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; -update writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
	}
}
