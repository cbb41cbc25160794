package cli_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/type/date"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/cli"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestAmountsForPeople(t *testing.T) {
	tests := []struct {
		amount *moneypb.Money
		want   string
	}{
		{nil, ""},
		{&moneypb.Money{CurrencyCode: "USD"}, "USD 0.00"},
		{&moneypb.Money{CurrencyCode: "USD", Units: 1_234_567, Nanos: 500_000_000}, "USD 1,234,567.50"},
		{&moneypb.Money{CurrencyCode: "USD", Units: -1_000, Nanos: -10_000_000}, "USD -1,000.01"},
		{&moneypb.Money{CurrencyCode: "JPY", Units: 1_200_000}, "JPY 1,200,000"},
		{&moneypb.Money{CurrencyCode: "KWD", Units: 12, Nanos: 345_000_000}, "KWD 12.345"},
		{&moneypb.Money{CurrencyCode: "USD", Nanos: 1}, "USD 0.000000001"},
		{&moneypb.Money{CurrencyCode: "XXA", Units: 1_000}, "XXA 1000"},
		{&moneypb.Money{CurrencyCode: "JPY", Units: 9_223_372_036_854_775_807}, "JPY 9,223,372,036,854,775,807"},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			if got := cli.Money(test.amount); got != test.want {
				t.Errorf("Money(%v) = %q, want %q", test.amount, got, test.want)
			}
		})
	}
}

func TestOtherValuesForPeople(t *testing.T) {
	moment := timestamppb.New(time.Date(2026, time.April, 30, 17, 4, 59, 0, time.FixedZone("", -7*3600)))
	for got, want := range map[string]string{
		cli.Date(&date.Date{Year: 2026, Month: 5, Day: 15}): "2026-05-15",
		cli.Time(moment):     "2026-05-01 00:04Z",
		cli.Count(1_234_567): "1,234,567",
		cli.Plain("one\ttwo\r\nthree\x1b[0m\u202e\x00ü"): "one two  three[0mü",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if cli.Date(nil) != "" || cli.Time(nil) != "" {
		t.Errorf("no date is %q and no time %q, want nothing", cli.Date(nil), cli.Time(nil))
	}
}

// What is escaped is read as it was.
func TestPlainJSON(t *testing.T) {
	for text, want := range map[string]string{
		`plain "ü€😀", <b>`:             `"plain \"ü€😀\", \u003cb\u003e"`,
		"\x7f\u0080\u009b2J":           `"\u007f\u0080\u009b2J"`,
		"\u200f\u202e\u2066\u2028":     `"\u200f\u202e\u2066\u2028"`,
		"\U000e0001\U000e0041":         `"\udb40\udc01\udb40\udc41"`, // tags, which nobody sees
		"\x1b[2J\n\t\x00 \\u009b \xff": `"\u001b[2J\n\t\u0000 \\u009b \ufffd"`,
	} {
		line, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		got := cli.PlainJSON(line)
		if got != want {
			t.Errorf("%+q is %s, want %s", text, got, want)
		}
		var back string
		if err := json.Unmarshal([]byte(got), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") {
			t.Errorf("%+q is read as %+q, %v", text, back, err)
		}
	}
}

func TestPrintJSONIsPlain(t *testing.T) {
	var out bytes.Buffer
	if err := (&cli.Console{Out: &out}).PrintJSON(&planv1.Plan{Name: "x", DisplayName: "a\u202e\u009bb"}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), `"displayName":"a\u202e\u009bb"`; !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("%+q, want a line with %s", got, want)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	console := &cli.Console{Out: &out}
	table := cli.Table{Title: "Months", Columns: []cli.Column{{Title: "month"}, {Title: "Paid", Right: true}, {Title: "Note"}}}
	table.Print(console, "Nothing.")
	table.PrintSection(console)
	table.Add("2026-04", "5,000.00", "")
	table.Add("2026-05", "0.50", "a\nb")
	table.PrintSection(console)
	console.PrintFacts([]cli.Fact{{Name: "Plan", Value: "x\x07y"}, {Name: "None"}, {Name: "Name", Value: "z"}})
	want := `Nothing.

Months
month        Paid  Note
─────────────────────────
2026-04  5,000.00
2026-05      0.50  a b
Plan  xy
Name  z
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}
