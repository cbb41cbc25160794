package client_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/cli"
)

const csvHeader = "plan,id,amount,currency,earn_time,description\n"

// april has three good lines, and three bad ones of different kinds.
const april = csvHeader +
	"contoso/azure.coop.fy26,e1,100.50,USD,2026-04-02T00:00:00-07:00,\"one,\nof two lines\"\n" +
	"contoso/azure.coop.fy26,e2,12.345,USD,2026-04-31T00:00:00Z,too fine and no day\n" +
	"contoso/azure.coop.fy26,e3,100,EUR,2026-04-04T00:00:00Z,not the plan's currency\n" +
	"contoso/azure.coop.fy26,e4,200,USD,2026-04-05T00:00:00Z,\n" +
	"contoso/azure.coop.fy26,e1,999,USD,2026-04-06T00:00:00Z,an id used again\n" +
	"partners/fabrikam/plans/azure.coop.fy26,e1,-3,USD,2026-04-07T00:00:00Z,\n"

// rejectedOfApril is what is left of it for a second try.
const rejectedOfApril = csvHeader +
	"contoso/azure.coop.fy26,e2,12.345,USD,2026-04-31T00:00:00Z,too fine and no day\n" +
	"contoso/azure.coop.fy26,e3,100,EUR,2026-04-04T00:00:00Z,not the plan's currency\n" +
	"contoso/azure.coop.fy26,e1,999,USD,2026-04-06T00:00:00Z,an id used again\n"

const reasonsOfApril = "april.csv:4: amount: 12.345 is finer than the minor unit of USD, which has 2 decimal digits (AMOUNT_TOO_PRECISE); " +
	`earn_time: "2026-04-31T00:00:00Z" is not a time with its zone, such as 2026-04-30T17:00:00-07:00 (TIME_MALFORMED)` + "\n" +
	"april.csv:5: amount: is in EUR, and the plan in USD (CURRENCY_MISMATCH)\n" +
	"april.csv:7: the id was used for another earning (EARNING_ID_REUSED)\n" +
	"The rejected lines are in april.csv.rejected: mend them there, and import that file.\n"

// folder makes a folder with files the current one.
func folder(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func check(t *testing.T, what string, got, want result) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestEarningsImportRecordsGoodLinesAndKeepsBadOnes(t *testing.T) {
	folder(t, map[string]string{"april.csv": april})
	payouts := newPayouts()

	check(t, "first import", execute(t, payouts, "", "earnings", "import", "april.csv"), result{
		status: cli.StatusPartial, out: "april.csv: 3 recorded, 0 duplicates, 3 rejected.\n", err: reasonsOfApril,
	})
	if got := read(t, "april.csv.rejected"); got != rejectedOfApril {
		t.Errorf("rejected lines:\n%s\nwant them as they stood:\n%s", got, rejectedOfApril)
	}

	check(t, "E1 the same file again", execute(t, payouts, "", "earnings", "import", "april.csv"), result{
		status: cli.StatusPartial, out: "april.csv: 0 recorded, 3 duplicates, 3 rejected.\n", err: reasonsOfApril,
	})

	mended := strings.NewReplacer("12.345", "12.34", "04-31", "04-30", "EUR", "USD", ",e1,999", ",e5,999").Replace(rejectedOfApril)
	if err := os.WriteFile("april.csv.rejected", []byte(mended), 0o600); err != nil {
		t.Fatal(err)
	}
	check(t, "mended lines", execute(t, payouts, "", "earnings", "import", "april.csv.rejected", "--json"), result{
		out: `{"recorded":3,"duplicates":0,"rejected":0}` + "\n",
	})
	if len(payouts.earnings) != 6 {
		t.Errorf("%d earnings are recorded, want 6", len(payouts.earnings))
	}
	if _, err := os.Stat("april.csv.rejected.rejected"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of rejected lines is there (%v), though none was rejected", err)
	}
}

func TestEarningsImportReadsStandardInput(t *testing.T) {
	folder(t, nil)
	bad := csvHeader + "contoso/azure.coop.fy26,e1,1,EUR,2026-04-04T00:00:00Z,\n"
	line := "-:2: amount: is in EUR, and the plan in USD (CURRENCY_MISMATCH)\n"
	check(t, "without a place for rejected lines", execute(t, newPayouts(), bad, "earnings", "import", "-"), result{
		status: cli.StatusPartial, out: "-: 0 recorded, 0 duplicates, 1 rejected.\n",
		err: line + "The rejected lines are kept nowhere; --rejected FILE keeps them.\n",
	})
	check(t, "with one", execute(t, newPayouts(), bad, "earnings", "import", "-", "--rejected", "bad.csv"), result{
		status: cli.StatusPartial, out: "-: 0 recorded, 0 duplicates, 1 rejected.\n",
		err: line + "The rejected lines are in bad.csv: mend them there, and import that file.\n",
	})
	if got := read(t, "bad.csv"); got != bad {
		t.Errorf("rejected lines:\n%s\nwant\n%s", got, bad)
	}
}

func TestEarningsImportGoesOnAfterABrokenStream(t *testing.T) {
	const count = 2_500
	var file strings.Builder
	file.WriteString(csvHeader)
	for i := range count {
		fmt.Fprintf(&file, "contoso/azure.coop.fy26,e%d,1,USD,2026-04-05T00:00:00Z,\n", i)
	}
	folder(t, map[string]string{"april.csv": file.String()})
	payouts := newPayouts()
	payouts.cut = 2 // each stream stores two batches, and answers one
	check(t, "import", execute(t, payouts, "", "earnings", "import", "april.csv"), result{
		// What was stored and not answered is sent again, and is a duplicate then.
		out: "april.csv: 1,000 recorded, 1,500 duplicates, 0 rejected.\n",
	})
	if len(payouts.earnings) != count {
		t.Errorf("%d earnings are recorded, want %d", len(payouts.earnings), count)
	}
}

func TestEarningsImportFails(t *testing.T) {
	folder(t, map[string]string{"empty.csv": "", "wrong.csv": "plan,id\n", "april.csv": april, "program": "\x7fELF\x00\n"})
	tests := []struct {
		name string
		args []string
		want string // of standard error
	}{
		{"no file", []string{"no.csv"}, "incentives: no.csv: no such file or directory\n"},
		{"an empty file", []string{"empty.csv"}, "incentives: empty.csv: the file is empty: its first line names the columns, plan,id,amount,currency,earn_time,description\n"},
		{"a wrong header", []string{"wrong.csv"}, `incentives: wrong.csv: the header is wrong: column "amount" is missing; column "currency" is missing; column "earn_time" is missing (a file begins with plan,id,amount,currency,earn_time,description, in any order, description at will)` + "\n"},
		{"rejected lines over the file", []string{"april.csv", "--rejected", "./april.csv"}, "incentives: --rejected ./april.csv is the file to import itself\n"},
		{"no folder for rejected lines", []string{"april.csv", "--rejected", "gone/april.csv"}, ""},
		{"a folder", []string{"."}, "incentives: .: is a directory\n"},
		{"a folder for rejected lines", []string{"april.csv", "--rejected", "."}, "incentives: rejected lines cannot be kept: . is a folder; say in which file with --rejected\n"},
		{"no CSV", []string{"program"}, "incentives: program: the file is not in UTF-8; where a spreadsheet saves it, that is called \"CSV UTF-8\"\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := execute(t, newPayouts(), "", append([]string{"earnings", "import"}, test.args...)...)
			if test.want == "" && strings.Contains(got.err, "say where to with --rejected") {
				test.want = got.err // it holds a random name
			}
			check(t, "import", got, result{status: cli.StatusFailed, err: test.want})
		})
	}
}

func TestEarningsImportSaysThatNobodyIsThere(t *testing.T) {
	folder(t, map[string]string{"april.csv": april})
	got := execute(t, newPayouts(), "", "earnings", "import", "april.csv", "--payoutsvc", "127.0.0.1:1")
	check(t, "import", got, result{status: cli.StatusFailed, err: `incentives: no payout service answers at 127.0.0.1:1 (connection refused): start one with "incentives serve", or say with --payoutsvc where it is` + "\n"})
	left, err := filepath.Glob("*")
	hidden, _ := filepath.Glob(".april*")
	if diff := cmp.Diff([]string{"april.csv"}, append(left, hidden...)); err != nil || diff != "" {
		t.Errorf("files (-want +got): %v\n%s", err, diff)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
