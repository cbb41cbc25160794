package systemtest

import (
	"flag"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// beforePayDay is when no run has been started by the clock.
var beforePayDay = time.Date(2026, time.May, 14, 19, 0, 0, 0, time.UTC)

// earned has one partner above its limit, one below with a late reversal to come, and one in two months.
const earned = csvHeader +
	"p0000/azure.coop.fy26,a,15000,USD,2026-04-30T17:00:00-07:00,\n" +
	"p0001/azure.coop.fy26,a,1234.50,USD,2026-04-30T17:00:00-07:00,\n" +
	"p0001/azure.coop.fy26,b,-200,USD,2026-04-30T17:00:00-07:00,\n" +
	"p0002/azure.coop.fy26,a,70,USD,2026-03-30T17:00:00-07:00,\n" +
	"p0002/azure.coop.fy26,b,5.05,USD,2026-04-30T17:00:00-07:00,\n"

// A view is a command that shows or changes something, and what the API answers for the same.
type view struct {
	args string
	// api is what the gateway answers: the resources that --json prints, one on each line.
	api  func(s *server) []document
	once bool // it cannot be done again, with --json
}

// one and many read the API's answer to a GET.
func one(path string) func(*server) []document {
	return func(s *server) []document { return []document{s.must(http.MethodGet, "/v1/"+path, nil)} }
}

func many(path, list string) func(*server) []document {
	return func(s *server) []document { return s.must(http.MethodGet, "/v1/"+path, nil).list(list) }
}

var views = []view{
	{args: "plans list --order-by name", api: many("partners/-/plans?orderBy=name", "plans")},
	{args: "plans list --partner p0001", api: many("partners/p0001/plans", "plans")},
	{args: "plans show p0000/azure.coop.fy26", api: func(s *server) []document {
		return append(one("partners/p0000/plans/azure.coop.fy26")(s), many("partners/p0000/plans/azure.coop.fy26/events", "planEvents")(s)...)
	}},
	{args: "statement p0002/azure.coop.fy26", api: many("partners/p0002/plans/azure.coop.fy26/statements", "statements")},
	{args: "statement p0000/azure.coop.fy26 2026-04", api: one("partners/p0000/plans/azure.coop.fy26/statements/2026-04")},
	{args: "payouts preview azure 2026-05-15 --plan p0002/azure.coop.fy26", api: preview("partners/p0002/plans/azure.coop.fy26")},
	{args: "payouts preview azure 2026-05-15", api: preview("")},
	{args: "payouts list", api: many("partners/-/plans/-/payouts", "payouts")},
	{args: "payouts run azure 2026-05-15", api: one("programs/azure/payoutRuns/2026-05-15")},
	{args: "payouts list --filter pay_date=\"2026-05-15\"", api: many("partners/-/plans/-/payouts", "payouts")},
	{args: "payouts list --partner p0001", api: many("partners/p0001/plans/-/payouts", "payouts")},
	{args: "payouts fail p0001/azure.coop.fy26 2026-05-15 --reason closed", once: true},
	{args: "payouts retry p0001/azure.coop.fy26 2026-05-15", once: true},
	{args: "payouts confirm p0001/azure.coop.fy26 2026-05-15 --reference wire-1", api: one("partners/p0001/plans/azure.coop.fy26/payouts/2026-05-15")},
	{args: "statement p0000/azure.coop.fy26", api: many("partners/p0000/plans/azure.coop.fy26/statements", "statements")},
}

func preview(plan string) func(*server) []document {
	return func(s *server) []document {
		answer := s.must(http.MethodPost, "/v1/programs/azure/payoutRuns:preview", document{
			"payDate": document{"year": 2026, "month": 5, "day": 15}, "plan": plan,
		})
		return append(answer.list("payouts"), answer.list("failures")...)
	}
}

var update = flag.Bool("update", false, "write the golden file anew")

// tables is the golden file of what the views print for people.
const tables = "testdata/tables.txt"

// minute is the minute of a time in a table: how long the test has taken is no part of it.
var minute = regexp.MustCompile(`19:\d\dZ`)

// What a command prints for people, for programs, and what the API answers are one thing.
func TestCommandsPrintWhatTheAPIAnswers(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		s := serve(t, in.empty(t), beforePayDay)
		partners(s, 3)
		folder := t.TempDir()
		write(t, folder, "earned.csv", earned)
		same(t, "import", s.do(folder, "earnings", "import", "earned.csv"), result{Out: "earned.csv: 5 recorded, 0 duplicates, 0 rejected.\n"})
		var printed strings.Builder
		for _, view := range views {
			t.Run(view.args, func(t *testing.T) {
				fmt.Fprintf(&printed, "$ incentives %s\n%s\n", view.args, view.check(s.in(t), folder))
			})
		}
		if *update {
			write(t, ".", tables, printed.String())
		}
		if diff := cmp.Diff(read(t, ".", tables), printed.String()); diff != "" {
			t.Errorf("%s (-want +got; -update writes it anew):\n%s", tables, diff)
		}
		s.stop()
	})
}

// check runs a view, compares its JSON with the API, and returns what it prints for people.
func (v view) check(s *server, folder string) string {
	s.Helper()
	args := strings.Fields(v.args)
	table := s.do(folder, args...)
	if table.Status != done || table.Err != "" {
		s.Errorf("status %d, %q; want 0 and nothing", table.Status, table.Err)
	}
	if !v.once {
		lines := s.do(folder, append(args, "--json")...)
		var got []document
		for line := range strings.Lines(lines.Out) {
			got = append(got, s.object([]byte(line)))
		}
		if lines.Status != done || lines.Err != "" {
			s.Errorf("with --json: status %d, %q; want 0 and nothing", lines.Status, lines.Err)
		}
		if diff := cmp.Diff(v.api(s), got); diff != "" {
			s.Errorf("--json against the API (-api +command):\n%s", diff)
		}
	}
	return minute.ReplaceAllString(table.Out, "19:00Z")
}
