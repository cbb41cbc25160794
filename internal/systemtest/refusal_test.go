package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// clientCommands are one command line for each command that calls a service.
var clientCommands = []string{
	"earnings import earned.csv",
	"payouts preview azure 2026-05-15",
	"payouts run azure 2026-05-15",
	"payouts list",
	"payouts confirm p0000/azure.coop.fy26 2026-05-15 --reference wire-1",
	"payouts fail p0000/azure.coop.fy26 2026-05-15 --reason closed",
	"payouts retry p0000/azure.coop.fy26 2026-05-15",
	"plans list",
	"plans show p0000/azure.coop.fy26",
	"statement p0000/azure.coop.fy26",
	"statement p0000/azure.coop.fy26 2026-04",
}

// Where no service is, or something else, each command says so in one line, and what to do.
func TestCommandsSayThatTheServiceIsDown(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), beforePayDay)
	folder := t.TempDir()
	write(t, folder, "earned.csv", earned)
	swapped := *s
	swapped.plansvc, swapped.paysvc = s.paysvc, s.plansvc
	// All at once, since each tries for a while.
	check := func(s *server, plans, payouts string) {
		ended := map[string]<-chan result{}
		for _, command := range clientCommands {
			ended[command] = begin(t, s.command(folder, strings.Fields(command)...))
		}
		for _, command := range clientCommands {
			want := payouts
			if strings.HasPrefix(command, "plans") {
				want = plans
			}
			same(t, command, <-ended[command], result{Status: failed, Err: "incentives: " + want + "\n"})
		}
	}
	check(&swapped,
		fmt.Sprintf("what answers at %s is no plan service: say with --plansvc where that is", s.paysvc),
		fmt.Sprintf("what answers at %s is no payout service: say with --payoutsvc where that is", s.plansvc))
	same(t, "a gateway", s.do(folder, "payouts", "list", "--payoutsvc", strings.TrimPrefix(s.gateway, "http://")), result{
		Status: failed, Err: fmt.Sprintf("incentives: no payout service answers at %s (it speaks HTTP, not gRPC): start one with \"incentives serve\", "+
			"or say with --payoutsvc where it is\n", strings.TrimPrefix(s.gateway, "http://")),
	})
	s.stop()
	const down = "no %s service answers at %s (connection refused): start one with \"incentives serve\", or say with --%ssvc where it is"
	check(s, fmt.Sprintf(down, "plan", s.plansvc, "plan"), fmt.Sprintf(down, "payout", s.paysvc, "payout"))
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 {
		t.Errorf("%v is left in the folder of the file, %v; want the file alone", left, err)
	}
}

// R3: a run that cannot pay one plan pays the others, lists it, and answers 2.
func TestR3_RunsAnswerThatTheyPaidInPart(t *testing.T) {
	t.Parallel()
	data, folder := t.TempDir(), t.TempDir()
	s := serve(t, data, beforePayDay)
	partners(s, 2)
	write(t, folder, "earned.csv", earned)
	s.do(folder, "earnings", "import", "earned.csv", "--rejected", "rejected.csv")
	s.stop()
	if err := os.RemoveAll(filepath.Join(data, "plansvc")); err != nil { // the plan service forgets a plan
		t.Fatal(err)
	}
	s = serve(t, data, beforePayDay)
	partners(s, 1)
	const failures = "\nPlans that could not be paid\n" +
		"Plan                   Reason          Why\n" +
		"──────────────────────────────────────────────────────────────────────────────────────────────\n" +
		"p0001/azure.coop.fy26  PLAN_NOT_FOUND  there is no plan partners/p0001/plans/azure.coop.fy26\n"
	preview := s.do(folder, "payouts", "preview", "azure", "2026-05-15")
	if preview.Status != partial || !strings.Contains(preview.Out, failures) || !strings.Contains(preview.Out, "To pay USD  10,000.00\n") {
		t.Errorf("preview: status %d\n%s%s\nwant 2, the one payout and the failure", preview.Status, preview.Out, preview.Err)
	}
	run := result{Status: partial, Out: "Program   azure\nPay date  2026-05-15\nState     FAILED\nPlans     2 of 2\nPayouts   1\nPaid USD  10,000.00\nFailures  1\n" + failures}
	same(t, "run", s.do(folder, "payouts", "run", "azure", "2026-05-15"), run)
	run.Out = strings.Replace(run.Out, "2 of 2", "1 of 1", 1)
	same(t, "R1: run again, which tries what failed", s.do(folder, "payouts", "run", "azure", "2026-05-15"), run)
	s.stop()
}

// What is asked for wrongly is refused in one line that names the reason, or says how the command is used.
func TestCommandsRefuse(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		s := serve(t, in.empty(t), beforePayDay)
		plans := partners(s, 1)
		plans[0].take(s, step{Do: "earn", ID: "a", Amount: "5", EarnTime: clock.AddDate(0, -1, 0)})
		runPayouts(s, "2026-05-15")
		const plan = "p0000/azure.coop.fy26"
		for _, test := range []struct{ args, want string }{
			{"plans show p0000", `name: "p0000" is not a name in the form partners/{mpn_id}/plans/{plan} (NAME_MALFORMED)`},
			{"plans show p0001/azure.coop.fy26", "there is no plan partners/p0001/plans/azure.coop.fy26 (PLAN_NOT_FOUND)"},
			{"plans list --order-by limit", `order_by: is not one of name, create_time, update_time, submit_time, alone or followed by " desc" (ORDER_BY_INVALID)`},
			{"statement p0001/azure.coop.fy26", "there is no plan partners/p0001/plans/azure.coop.fy26 (PLAN_NOT_FOUND)"},
			{"statement " + plan + " 2026-13", `name: "2026-13" is not a month in the form yyyy-mm (MONTH_MALFORMED)`},
			{"payouts preview azure 15.5.2026", `"15.5.2026" is not a date such as 2026-05-15 (DATE_MALFORMED)`},
			{"payouts preview azure 2026-05-16", "pay_date: 2026-05-16 is not a 15th, on which alone payouts are made (PAY_DATE_NOT_15TH)"},
			{"payouts preview aws 2026-05-15", "there is no program programs/aws (PROGRAM_NOT_FOUND)"},
			{"payouts run azure 2026-05-16", "payout_run_id: 2026-05-16 is not a 15th, on which alone payouts are made (PAY_DATE_NOT_15TH)"},
			{"payouts run azure 2026-06-15", "the payout run for 2026-06-15 can start when 2026-06 begins in America/Los_Angeles, at 2026-06-01T00:00:00-07:00 (MONTH_NOT_CLOSED)"},
			{"payouts retry " + plan + " 2026-05-15", "the payout is SCHEDULED; only one that is FAILED can become SCHEDULED (PAYOUT_STATE)"},
			{"payouts confirm " + plan + " 2026-04-15 --reference x", "partners/p0000/plans/azure.coop.fy26 has no payout on 2026-04-15 (PAYOUT_NOT_FOUND)"},
			{"payouts confirm " + plan + " 2026-05-15", "missing flags: --reference=REFERENCE\nRun \"incentives payouts confirm --help\" to see how it is used."},
			{"payouts list --plan " + plan + " --partner p0000", "--plan and --partner can't be used together\nRun \"incentives payouts list --help\" to see how it is used."},
			{"payouts list --limit=-1", "payouts list: --limit -1 is below zero\nRun \"incentives payouts list --help\" to see how it is used."},
			{"payouts pay", "unexpected argument pay\nRun \"incentives payouts --help\" to see how it is used."},
		} {
			t.Run(test.args, func(t *testing.T) {
				same(t, "refusal", s.in(t).do(t.TempDir(), strings.Fields(test.args)...), result{Status: failed, Err: "incentives: " + test.want + "\n"})
			})
		}
		s.stop()
	})
}
