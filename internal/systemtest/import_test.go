package systemtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

const csvHeader = "plan,id,amount,currency,earn_time,description\n"

// april has two good lines, and one for each way to be bad.
const april = csvHeader +
	"p0000/azure.coop.fy26,inv-1,1234.50,USD,2026-04-30T17:00:00-07:00,\"April, \"\"first\"\"\"\n" +
	"p0000/azure.coop.fy26,inv-2,10.123,USD,2026-04-30T17:00:00-07:00,too fine\n" +
	"p0000/azure.coop.fy26,inv-3,10,JPY,2026-04-30T17:00:00-07:00,another currency\n" +
	"p0000/azure.coop.fy26,inv-4,10,USD,2027-04-30T17:00:00-07:00,after the year\n" +
	"p0000/azure.coop,inv-5,10,USD,2026-04-30T17:00:00-07:00,no name of a plan\n" +
	"nobody/azure.coop.fy26,inv-6,10,USD,2026-04-30T17:00:00-07:00,no plan\n" +
	"p0000/azure.coop.fy26,inv 7,0,USD,2026-04-30T17:00:00-07:00,no id and nothing\n" +
	"p0000/azure.coop.fy26,inv-8,10,USD,2026-04-30,no zone\n" +
	"p0000/azure.coop.fy26,inv-9,10\n" +
	"p0000/azure.coop.fy26,inv-1,5,USD,2026-04-30T17:00:00-07:00,the first id again\n" +
	"partners/p0000/plans/azure.coop.fy26,inv-1-r,-200,USD,2026-04-30T18:00:00-07:00,reversal\n"

const reasonsOfApril = `april.csv:3: amount: 10.123 is finer than the minor unit of USD, which has 2 decimal digits (AMOUNT_TOO_PRECISE)
april.csv:4: amount: is in JPY, and the plan is in USD (CURRENCY_MISMATCH)
april.csv:5: earn_time 2027-05-01T00:00:00Z is outside the plan's program year, 2025-07-01 to 2026-06-30 in America/Los_Angeles (EARN_TIME_OUTSIDE_YEAR)
april.csv:6: plan: "partners/p0000/plans/azure.coop" is not a plan such as contoso/azure.coop.fy26 (NAME_MALFORMED)
april.csv:7: there is no plan partners/nobody/plans/azure.coop.fy26 (PLAN_NOT_FOUND)
april.csv:8: id: the earning's id has to be 1 to 128 printable ASCII characters without "/" and space (ID_MALFORMED); amount: is zero: an earning adds or, below zero, reverses (AMOUNT_ZERO)
april.csv:9: earn_time: "2026-04-30" is not a time with its zone, such as 2026-04-30T17:00:00-07:00 (TIME_MALFORMED)
april.csv:10: has 3 values, and the header 6 columns (LINE_MALFORMED)
april.csv:11: the id "inv-1" is recorded with other content (EARNING_ID_REUSED)
The rejected lines are in april.csv.rejected: mend them there, and import that file.
`

// E1, E3: good lines are recorded once, however often a file is imported; bad
// ones are told by number and reason, kept as they stand, and good when mended.
func TestE3_ImportRecordsGoodLinesAndKeepsBadOnes(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		s := serve(t, in.empty(t), clock)
		partners(s, 1)
		folder := t.TempDir()
		write(t, folder, "april.csv", april)
		statement := func() string { return s.do(folder, "statement", "p0000/azure.coop.fy26", "--json").Out }

		same(t, "the first import", s.do(folder, "earnings", "import", "april.csv"), result{
			Status: partial, Out: "april.csv: 2 recorded, 0 duplicates, 9 rejected.\n", Err: reasonsOfApril,
		})
		lines := strings.SplitAfter(april, "\n")
		if got, want := read(t, folder, "april.csv.rejected"), csvHeader+strings.Join(lines[2:11], ""); got != want {
			t.Errorf("rejected lines:\n%s\nwant them as they stand:\n%s", got, want)
		}
		first := statement()
		if !strings.Contains(first, `"earned":{"currencyCode":"USD","units":"1034","nanos":500000000}`) {
			t.Errorf("statement %s, want USD 1034.50 earned", first)
		}

		same(t, "E1: the same file again", s.do(folder, "earnings", "import", "april.csv", "--json"), result{
			Status: partial, Out: `{"recorded":0,"duplicates":2,"rejected":9}` + "\n", Err: reasonsOfApril,
		})
		if again := statement(); again != first {
			t.Errorf("E1: the statement is\n%s\nafter the second import, and was\n%s", again, first)
		}

		write(t, folder, "april.csv.rejected", csvHeader+strings.Join([]string{
			"p0000/azure.coop.fy26,inv-2,10.12,USD,2026-04-30T17:00:00-07:00,", "p0000/azure.coop.fy26,inv-3,10,USD,2026-04-30T17:00:00-07:00,",
			"p0000/azure.coop.fy26,inv-4,10,USD,2026-04-30T17:00:00-07:00,", "p0000/azure.coop.fy26,inv-10,5,USD,2026-04-30T17:00:00-07:00,",
		}, "\n"))
		same(t, "the mended lines", s.do(folder, "earnings", "import", "april.csv.rejected"), result{
			Out: "april.csv.rejected: 4 recorded, 0 duplicates, 0 rejected.\n",
		})
		if got := statement(); !strings.Contains(got, `"earned":{"currencyCode":"USD","units":"1069","nanos":620000000}`) {
			t.Errorf("statement %s, want USD 1069.62 earned", got)
		}
		s.stop()
	})
}

// Whatever spreadsheets and other programs make of a file of earnings.
func TestImportReadsFilesAsTheyCome(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		s := serve(t, in.empty(t), clock)
		partners(s, 1)
		line := func(id string) string { return "p0000/azure.coop.fy26," + id + ",1,USD,2026-04-30T17:00:00-07:00,\n" }
		one := result{Out: "f.csv: 1 recorded, 0 duplicates, 0 rejected.\n"}
		tests := []struct {
			name, file string
			want       result
		}{
			{"Windows line ends and a byte order mark", "\ufeff" + strings.ReplaceAll(csvHeader+line("crlf"), "\n", "\r\n"), one},
			{"no line end at the end", csvHeader + strings.TrimSuffix(line("end"), "\n"), one},
			{"everything quoted", `"plan","id","amount","currency","earn_time"` + "\n" + `"p0000/azure.coop.fy26","quoted","1","USD","2026-04-30T17:00:00-07:00"`, one},
			{"other order, spaces, blank lines", "\nearn_time, currency, amount, id, plan\n\n2026-04-30T17:00:00-07:00, USD, 1, order, p0000/azure.coop.fy26\n \n", one},
			{"a description of several lines", csvHeader + strings.TrimSuffix(line("lines"), "\n") + "\"one,\ntwo\"\n", one},
			{"the header alone", csvHeader, result{Out: "f.csv: 0 recorded, 0 duplicates, 0 rejected.\n"}},
			{"a line far too long between others", csvHeader + line("long-1") + strings.Repeat("x", 1<<20) + "\n" + line("long-2"), result{
				Status: partial, Out: "f.csv: 2 recorded, 0 duplicates, 1 rejected.\n",
				Err: "f.csv:3: is longer than 65536 bytes, as no earning is; only its beginning is kept (LINE_TOO_LONG)\n" +
					"The rejected lines are in f.csv.rejected: mend them there, and import that file.\n",
			}},
			{"nothing", "", result{Status: failed, Err: "incentives: f.csv: the file is empty: its first line names the columns, plan,id,amount,currency,earn_time,description\n"}},
			{"columns that are missing", "plan,id,amount\n", result{
				Status: failed, Err: `incentives: f.csv: the header is wrong: column "currency" is missing; column "earn_time" is missing ` +
					"(a file begins with plan,id,amount,currency,earn_time,description, in any order, description at will)\n",
			}},
			{"UTF-16", "\xff\xfep\x00l\x00", result{Status: failed, Err: "incentives: f.csv: the file is not in UTF-8; where a spreadsheet saves it, that is called \"CSV UTF-8\"\n"}},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				folder := t.TempDir()
				write(t, folder, "f.csv", test.file)
				same(t, "import", s.in(t).do(folder, "earnings", "import", "f.csv"), test.want)
				left, err := filepath.Glob(filepath.Join(folder, ".*"))
				if err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v; want nothing", left, err)
				}
			})
		}
		t.Run("no file", func(t *testing.T) {
			same(t, "import", s.in(t).do(t.TempDir(), "earnings", "import", "no.csv"), result{Status: failed, Err: "incentives: no.csv: no such file or directory\n"})
		})
		t.Run("standard input", func(t *testing.T) {
			cmd := s.in(t).command(t.TempDir(), "earnings", "import", "-")
			cmd.Stdin = strings.NewReader(csvHeader + line("stdin"))
			same(t, "import", finish(t, cmd), result{Out: "-: 1 recorded, 0 duplicates, 0 rejected.\n"})
		})
		s.stop()
	})
}

// manyLines makes a file of count earnings of a dollar, each with an id of its own.
func manyLines(t *testing.T, folder string, count int) {
	t.Helper()
	var text strings.Builder
	text.WriteString(csvHeader)
	for i := range count {
		fmt.Fprintf(&text, "p%04d/azure.coop.fy26,%d,1,USD,2026-04-%02dT10:00:00-07:00,line %d\n", i%2, i, i%28+1, i)
	}
	write(t, folder, "many.csv", text.String())
}

// checkMany checks that of manyLines each was recorded once.
func checkMany(s *server, plans []example, count int) {
	s.Helper()
	for _, plan := range plans {
		plan.statement(s, "2026-04", map[string]string{"earned": fmt.Sprint(count / len(plans))})
	}
}

func TestImportOfManyLines(t *testing.T) {
	endures(t)
	t.Parallel()
	const few, many, perSecond = 10_000, 100_000, 500 // also under the race detector, on a busy machine
	s := serve(t, t.TempDir(), clock)
	plans := partners(s, 2)
	folder := t.TempDir()
	heap := map[int]int{} // the largest of the command, in MB
	for _, count := range []int{few, many} {
		manyLines(t, folder, count)
		cmd := s.command(folder, "earnings", "import", "many.csv", "--json")
		cmd.Env = append(cmd.Env, "GODEBUG=gctrace=1")
		began := time.Now()
		got := finish(t, cmd)
		took := time.Since(began)
		if want := fmt.Sprintf(`{"recorded":%d,"duplicates":%d,"rejected":0}`+"\n", count-len(heap)*few, len(heap)*few); got.Status != done || got.Out != want {
			t.Errorf("%d lines: status %d, %s%swant 0 and %s", count, got.Status, got.Out, got.Err, want)
		}
		heap[count] = largestHeap(got.Err)
		t.Logf("%d lines: %.0f a second, a heap of %d MB", count, float64(count)/took.Seconds(), heap[count])
		if took > time.Duration(count/perSecond)*time.Second {
			t.Errorf("%d lines took %s, want at least %d a second", count, took, perSecond)
		}
	}
	if heap[many] > 2*heap[few] {
		t.Errorf("the command's heap was %d MB for %d lines and %d MB for %d, want it flat", heap[few], few, heap[many], many)
	}
	checkMany(s, plans, many)
	s.stop()
}

// collection is a line of the garbage collector's trace, with what it found in use.
var collection = regexp.MustCompile(`(?m)^gc \d+ .* \d+->\d+->(\d+) MB`)

// largestHeap is the most that was in use in a trace, in MB.
func largestHeap(trace string) int {
	largest := 0
	for _, found := range collection.FindAllStringSubmatch(trace, -1) {
		size, _ := strconv.Atoi(found[1]) // it is digits
		largest = max(largest, size)
	}
	return largest
}

// E2: an import goes on by itself when its server was killed and is back.
func TestE2_ImportGoesOnWhenItsServerIsKilled(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		const count = 60_000
		data, folder := in.empty(t), t.TempDir()
		s := serve(t, data, clock)
		plans := partners(s, 2)
		manyLines(t, folder, count)
		cmd := s.command(folder, "earnings", "import", "many.csv")
		ended := begin(t, cmd)
		s.awaitEarnings(plans[0])
		s.kill()
		select {
		case got := <-ended:
			t.Fatalf("the import ended before the server was killed: %+v", got)
		default:
		}
		s = serve(t, data, clock, "--payoutsvc", s.paysvc)
		got := <-ended
		var recorded, duplicates int
		if _, err := fmt.Sscanf(strings.ReplaceAll(got.Out, ",", ""), "many.csv: %d recorded %d duplicates 0 rejected.", &recorded, &duplicates); err != nil || got.Status != done || got.Err != "" {
			t.Errorf("import: %+v (%v), want it done and nothing rejected", got, err)
		}
		if recorded+duplicates != count {
			t.Errorf("%d recorded and %d duplicates, want %d together", recorded, duplicates, count)
		}
		checkMany(s, plans, count)
		s.stop()
	})
}

// awaitEarnings waits until something is recorded in a plan.
func (s *server) awaitEarnings(plan example) {
	s.Helper()
	deadline := time.Now().Add(patience)
	for s.must("GET", plan.plan()+"/statements/2026-04", nil).text("earned.units") == "0" {
		if time.Now().After(deadline) {
			s.Fatalf("%s: nothing recorded after %s", plan.Name, patience)
		}
	}
}

// E2: an import that is interrupted says how far it came, and is simply run again.
func TestE2_ImportIsInterruptedAndRunAgain(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		const count = 60_000
		s := serve(t, in.empty(t), clock)
		plans := partners(s, 2)
		folder := t.TempDir()
		manyLines(t, folder, count)
		cmd := s.command(folder, "earnings", "import", "many.csv")
		ended := begin(t, cmd)
		s.awaitEarnings(plans[0])
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		got := <-ended
		if got.Status != failed || got.Out != "" || !strings.HasSuffix(got.Err, "incentives: interrupted\n") || strings.Count(got.Err, "\n") > 2 {
			t.Errorf("after Ctrl-C: %+v, want status 1 and how far it came", got)
		}
		left, err := filepath.Glob(filepath.Join(folder, ".*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v; want nothing", left, err)
		}
		if got := s.do(folder, "earnings", "import", "many.csv"); got.Status != done || got.Err != "" {
			t.Errorf("run again: %+v, want it done", got)
		}
		checkMany(s, plans, count)
		s.stop()
	})
}
