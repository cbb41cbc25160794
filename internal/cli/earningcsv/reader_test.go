package earningcsv_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/cli/earningcsv"
	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

const (
	header = "plan,id,amount,currency,earn_time,description\n"
	plan   = "partners/contoso/plans/azure.coop.fy26"
	good   = plan + ",e1,12.50,USD,2026-04-30T17:00:00-07:00,April\n"
)

// lines reads a whole file.
func lines(t *testing.T, file string) []earningcsv.Line {
	t.Helper()
	reader, err := earningcsv.NewReader(strings.NewReader(file))
	if err != nil {
		t.Fatalf("NewReader: %v", err)
	}
	var all []earningcsv.Line
	for {
		line, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		all = append(all, line)
	}
}

func TestReaderReadsEarnings(t *testing.T) {
	tests := []struct {
		name, file string
		want       string // of the first line, in prototext
	}{
		{"all columns", header + good, ``},
		{"short name of the plan", header + "contoso/azure.coop.fy26,e1,12.50,USD,2026-04-30T17:00:00-07:00,April", ``},
		{"columns in another order and case", "Description, CURRENCY ,amount,id,plan,earn_time\nApril, USD ,12.5, e1," + plan + ",2026-05-01T00:00:00Z\n", ``},
		{"byte order mark and Windows line ends", "\ufeff" + strings.ReplaceAll(header+good, "\n", "\r\n"), ``},
		{"blank lines first", "\n \t\r\n" + header + good, ``},
		{"no description", "plan,id,amount,currency,earn_time\n" + plan + ",e1,12.50,USD,2026-05-01T00:00:00Z\n", `-description`},
		{"quoted, with a line end", header + strings.Replace(good, "April", "\"two\nlines, \"\"quoted\"\"\"", 1), "two\nlines, \"quoted\""},
		{"reversal in yen", header + plan + ",r-1,-1200,JPY,2026-05-01T00:00:00.25Z,\n", `reversal`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := lines(t, test.file)
			if len(got) != 1 || got[0].Err != nil {
				t.Fatalf("lines = %+v, want one without an error", got)
			}
			want := &payoutv1.Earning{}
			text := `name: "` + plan + `/earnings/e1" amount {currency_code: "USD" units: 12 nanos: 500000000} earn_time {seconds: 1777593600} description: "April"`
			if test.want == "reversal" {
				text = `name: "` + plan + `/earnings/r-1" amount {currency_code: "JPY" units: -1200} earn_time {seconds: 1777593600 nanos: 250000000}`
			}
			if err := prototext.Unmarshal([]byte(text), want); err != nil {
				t.Fatal(err)
			}
			switch test.want {
			case "", "reversal":
			case "-description":
				want.Description = ""
			default:
				want.Description = test.want
			}
			if !proto.Equal(got[0].Earning, want) {
				t.Errorf("earning = %v, want %v", got[0].Earning, want)
			}
		})
	}
}

func TestReaderSaysWhatIsWrongWithALine(t *testing.T) {
	tests := []struct{ name, line, want string }{
		{"everything", ",,,,,", "plan: is empty; id: is empty; amount: is empty; currency: is empty; earn_time: is empty"},
		{"several things", plan + ",a/b,12.505,USD,2026-04-31T00:00:00Z,", `id: "a/b" holds a "/"; amount: 12.505 is finer than the minor unit of USD, which has 2 decimal digits; earn_time: "2026-04-31T00:00:00Z" is not a time with its zone, such as 2026-04-30T17:00:00-07:00`},
		{"time without a zone", plan + ",e,1,USD,2026-04-30T00:00:00,", `earn_time: "2026-04-30T00:00:00" is not a time with its zone, such as 2026-04-30T17:00:00-07:00`},
		{"amount with thousands", plan + `,e,"1,000",USD,2026-04-30T00:00:00Z,`, `amount: "1,000" is not a decimal number, such as 1234.50`},
		{"not a number, and long", plan + "," + "e," + strings.Repeat("x", 1000) + ",USD,2026-04-30T00:00:00Z,", `amount: "` + strings.Repeat("x", 80) + `" is not a decimal number, such as 1234.50`},
		{"unknown currency", plan + ",e,1,USX,2026-04-30T00:00:00Z,", `currency: "USX" is not an ISO 4217 currency code`},
		{"too large an amount", plan + ",e,10000000000000000,USD,2026-04-30T00:00:00Z,", "amount: USD 10000000000000000.00 is above the largest amount, USD 10000000000000.00"},
		{"too few values", plan + ",e,1,USD,2026-04-30T00:00:00Z", "has 5 values, and the header 6 columns"},
		{"a quote within a value", plan + `,e,1,USD,2026-04-30T00:00:00Z,5" screen`, `is no CSV: bare " in non-quoted-field at character 70`},
		{"not UTF-8", plan + ",e,1,USD,2026-04-30T00:00:00Z,\xff", "description: is not UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := lines(t, header+test.line+"\n"+good)
			if len(got) != 2 {
				t.Fatalf("%d lines, want 2", len(got))
			}
			if got[0].Err == nil || got[0].Err.Error() != test.want {
				t.Errorf("bad line: error = %v\nwant %s", got[0].Err, test.want)
			}
			if got[0].Text != test.line+"\n" {
				t.Errorf("bad line: text = %q, want it as it stands", got[0].Text)
			}
			if got[1].Err != nil {
				t.Errorf("the good line behind it: error = %v, want none", got[1].Err)
			}
		})
	}
}

func TestReaderNumbersLines(t *testing.T) {
	file := header + // 1
		good + // 2
		"\n  \r\n" + // 3, 4: blank
		strings.Replace(good, "April", "\"three\n\nlines\"", 1) + // 5 to 7
		"bad\n" + // 8
		strings.Replace(good, "April", `"never closed`, 1) + // 9
		good + // 10
		strings.Replace(good, "April", `"closed"`, 1) + // 11
		strings.TrimSuffix(strings.Replace(good, "April", `"open at the end`, 1), "\n") // 12
	var got []string
	for _, line := range lines(t, file) {
		got = append(got, fmt.Sprint(line.Number, " good ", line.Err == nil))
	}
	want := []string{"2 good true", "5 good true", "8 good false", "9 good false", "10 good true", "11 good true", "12 good false"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("numbers of the lines (-want +got):\n%s", diff)
	}
}

func TestReaderIsNotTakenDownByAnOpenQuoteInALargeFile(t *testing.T) {
	const count = 20_000
	file := header + strings.Replace(good, "April", `"never closed`, 1) + strings.Repeat(good, count)
	all := lines(t, file)
	var bad int
	for _, line := range all {
		if line.Err != nil {
			bad++
		}
	}
	if len(all) != count+1 || bad != 1 {
		t.Errorf("%d lines of which %d are bad, want %d of which 1 is", len(all), bad, count+1)
	}
	if end := all[len(all)-1].End; end != int64(len(file)) {
		t.Errorf("the last line ends at %d, want %d", end, len(file))
	}
}

func TestReaderRejectsALineThatIsTooLongAndGoesOn(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for _, test := range []struct {
		name, file string
		want       []string // numbers of the lines, and what is wrong with them
	}{
		{"between others", good + long + "\n" + good, []string{"2 ", "3 LINE_TOO_LONG", "4 "}},
		{"the last, without an end", good + long, []string{"2 ", "3 LINE_TOO_LONG"}},
		{"two of them", long + "\n" + long + "\n" + good, []string{"2 LINE_TOO_LONG", "3 LINE_TOO_LONG", "4 "}},
		{"behind a quote that is never closed", strings.Replace(good, "April", `"open`, 1) + long + "\n" + good, []string{"2 LINE_MALFORMED", "3 LINE_TOO_LONG", "4 "}},
		{"within quotes", strings.Replace(good, "April", `"`+long+`"`, 1) + good, []string{"2 LINE_TOO_LONG", "3 "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			all := lines(t, header+test.file)
			var got []string
			for _, line := range all {
				got = append(got, fmt.Sprint(line.Number, " ", fault.ReasonOf(line.Err)))
				if len(line.Text) > 64<<10 {
					t.Errorf("line %d: a text of %d bytes, want the beginning alone", line.Number, len(line.Text))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
			if end := all[len(all)-1].End; end != int64(len(header+test.file)) {
				t.Errorf("the last line ends at %d, want %d", end, len(header+test.file))
			}
		})
	}
}

func TestNewReaderRefusesHeaders(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{"nothing", "", "the file is empty: its first line names the columns, plan,id,amount,currency,earn_time,description"},
		{"several mistakes", "plan,id,amonut,currency,id\n", `column "amonut" is not known; column "id" stands there twice; column "amount" is missing; column "earn_time" is missing`},
		{"semicolons", "plan;id;amount;currency;earn_time\n", "columns are separated by commas"},
		{"no header", good, `column "partners/contoso/plans/azure.coop.fy26" is not known`},
		{"open quote", `"plan,id` + "\n" + good, "the header cannot be read"},
		{"blank lines alone", "\n \r\n", "the file is empty"},
		{"UTF-16", "\xff\xfep\x00l\x00a\x00n\x00,\x00i\x00d\x00", "the file is not in UTF-8"},
		{"UTF-16 without a mark", "p\x00l\x00a\x00n\x00,\x00i\x00d\x00", "the file is not in UTF-8"},
		{"no text", "\x7fELF\xfe\xff\n", "the file is not in UTF-8"},
		{"no lines", strings.Repeat("x", 1<<17), "line 1 is longer than 65536 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := earningcsv.NewReader(strings.NewReader(test.file))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v\nwant one with %s", err, test.want)
			}
		})
	}
}

func TestReaderPassesOnErrors(t *testing.T) {
	broken := errors.New("disk")
	reader, err := earningcsv.NewReader(io.MultiReader(strings.NewReader(header+good), failing{broken}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Next(); err != nil {
		t.Fatalf("the line before: %v", err)
	}
	if _, err := reader.Next(); !errors.Is(err, broken) {
		t.Errorf("error = %v, want the file's own", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// FuzzLine holds whatever stands behind a header to what the package promises.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		good, good + good, "bad", "\n\r\n", `,,,,,"`, "a,\"b\nc\"\n", `a,"b""c",d` + "\n", `"a" b,c` + "\n", "\"\r\n\"\n\x00",
		plan + ",e,1e5,USD,2026-04-30T00:00:00Z,\xff\n", strings.Replace(good, "April", "\"x", 1) + good,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) >= 64<<10 {
			return // a line may be too long, and comes out but in part
		}
		reader, err := earningcsv.NewReader(strings.NewReader(header + body))
		if err != nil {
			t.Fatalf("the header is good: %v", err)
		}
		var seen strings.Builder
		number := 1
		for {
			line, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("behind line %d: %v", number, err)
			}
			if (line.Earning == nil) == (line.Err == nil) {
				t.Fatalf("line %d: earning %v and error %v, want one of them", line.Number, line.Earning, line.Err)
			}
			if line.Number <= number {
				t.Fatalf("line %d comes behind line %d", line.Number, number)
			}
			if _, err := proto.Marshal(line.Earning); err != nil {
				t.Fatalf("line %d cannot be sent: %v", line.Number, err)
			}
			number = line.Number
			seen.WriteString(line.Text)
		}
		if got, want := withoutBlanks(seen.String()), withoutBlanks(body); got != want {
			t.Fatalf("lines read: %q\nwant all, once, in order: %q", got, want)
		}
	})
}

func withoutBlanks(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			kept.WriteString(line)
		}
	}
	return kept.String()
}
