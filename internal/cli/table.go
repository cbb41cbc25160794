package cli

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/bojanz/currency"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"google.golang.org/genproto/googleapis/type/date"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
)

// A Column is the title of a table's column.
type Column struct {
	Title string
	Right bool // aligned to the right, as amounts and counts are
}

// A Table is printed for people; programs read JSON. The zero Table has no column.
type Table struct {
	Title   string // of the section that the table makes up
	Columns []Column
	rows    []table.Row
}

// Add appends a row, with one cell for each column.
func (t *Table) Add(cells ...string) { t.rows = append(t.rows, row(cells)) }

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// PrintSection prints the table below an empty line and its title, and nothing
// where it has no row.
func (t *Table) PrintSection(console *Console) {
	if t.Len() > 0 {
		console.Printf("\n%s\n", t.Title)
		t.Print(console, "")
	}
}

// Print prints the table as a part of the result, and empty in its place where it has no row.
func (t *Table) Print(console *Console, empty string) {
	if t.Len() == 0 {
		console.Printf("%s\n", empty)
		return
	}
	writer := table.NewWriter()
	style := table.StyleLight
	style.Options.DrawBorder = false
	style.Options.SeparateColumns = false
	style.Format = table.FormatOptions{Header: text.FormatDefault}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	writer.SetStyle(style)
	writer.SuppressTrailingSpaces()

	titles := make(table.Row, len(t.Columns))
	configs := make([]table.ColumnConfig, len(t.Columns))
	for i, column := range t.Columns {
		titles[i] = column.Title
		align := text.AlignLeft
		if column.Right {
			align = text.AlignRight
		}
		configs[i] = table.ColumnConfig{Number: i + 1, Align: align, AlignHeader: align}
	}
	writer.SetColumnConfigs(configs)
	writer.AppendHeader(titles)
	writer.AppendRows(t.rows)
	console.Printf("%s\n", writer.Render())
}

// A Fact is a name with its value.
type Fact struct{ Name, Value string }

// PrintFacts prints one fact on each line, but for those without a value.
func (c *Console) PrintFacts(facts []Fact) {
	width := 0
	for _, fact := range facts {
		width = max(width, len(fact.Name))
	}
	for _, fact := range facts {
		if fact.Value != "" {
			c.Printf("%-*s  %s\n", width, fact.Name, Plain(fact.Value))
		}
	}
}

func row(cells []string) table.Row {
	row := make(table.Row, len(cells))
	for i, cell := range cells {
		row[i] = Plain(cell)
	}
	return row
}

// PrintJSON prints a resource as one line of JSON, with the names and the
// form that the gateway answers with. So a list is JSON Lines.
func (c *Console) PrintJSON(resource proto.Message) error {
	spaced, err := protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(resource)
	if err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	var line bytes.Buffer // protojson spaces at random, so that nobody relies on it; a line shall be stable
	if err := json.Compact(&line, spaced); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	c.Printf("%s\n", PlainJSON(line.Bytes()))
	return nil
}

// Amount is money without its currency, grouped, and with the currency's
// digits: "12,345.60"; "" where there is none.
func Amount(amount *moneypb.Money) string {
	if amount == nil {
		return ""
	}
	return Grouped(money.FromWire(&fault.Violations{}, "", amount))
}

// Grouped is Amount of an amount that need not fit into google.type.Money.
func Grouped(exact money.Money) string {
	number, err := currency.NewAmount(exact.Amount.String(), exact.Currency)
	if err != nil || !exact.Amount.Shift(money.Digits(exact.Currency)).IsInteger() {
		return exact.Amount.String() // of an unknown currency, or finer than it has digits
	}
	formatter := currency.NewFormatter(currency.NewLocale("en"))
	formatter.CurrencyDisplay = currency.DisplayNone
	return formatter.Format(number)
}

// Money is an amount behind its currency: "USD 12,345.60"; "" where there is none.
func Money(amount *moneypb.Money) string {
	if amount == nil {
		return ""
	}
	return amount.GetCurrencyCode() + " " + Amount(amount)
}

// Date is a date as yyyy-mm-dd, "" where there is none.
func Date(day *date.Date) string {
	if day == nil {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", day.GetYear(), day.GetMonth(), day.GetDay())
}

// Time is a moment to the minute in UTC, "" where there is none.
func Time(moment *timestamppb.Timestamp) string {
	if moment == nil {
		return ""
	}
	return moment.AsTime().Format("2006-01-02 15:04Z")
}

// Count is a number with its thousands apart: "12,345".
func Count(number int64) string {
	return message.NewPrinter(language.English).Sprint(number)
}
