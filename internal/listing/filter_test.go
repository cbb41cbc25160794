package listing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
)

var schema = listing.Schema{
	"state":       {Values: []string{"SUBMITTED", "APPROVED"}},
	"market":      {},
	"create_time": {Time: true},
	"submit_time": {Time: true},
}

func values(field string) any {
	return map[string]any{
		"state": "SUBMITTED", "market": "US", "create_time": time.Date(2026, time.May, 1, 0, 0, 0, 0, time.UTC), "submit_time": time.Time{},
	}[field]
}

func TestFilter(t *testing.T) {
	for _, test := range []struct {
		filter string
		want   bool
	}{
		{``, true},
		{`   `, true},
		{`state="SUBMITTED"`, true},
		{`state = SUBMITTED`, true},
		{`state="APPROVED"`, false},
		{`state!="APPROVED"`, true},
		{`state="SUBMITTED" AND market="JP"`, false},
		{`state="SUBMITTED" market="US"`, true},
		{`state="APPROVED" OR market="US"`, true},
		{`NOT (state="APPROVED" OR market="US")`, false},
		{`-state="APPROVED"`, true},
		{`market:"U"`, true},
		{`market>="US" AND market<"UT"`, true},
		{`create_time>"2026-04-30T00:00:00Z"`, true},
		{`create_time<=timestamp("2026-04-30T00:00:00Z")`, false},
		{`create_time="2026-05-01T02:00:00+02:00"`, true},
		{`submit_time<"2030-01-01T00:00:00Z"`, false}, // it has none
	} {
		t.Run(test.filter, func(t *testing.T) {
			var v fault.Violations
			f := listing.ParseFilter(&v, test.filter, schema)
			if err := v.Err(); err != nil {
				t.Fatal(err)
			}
			if got := f.Match(values); got != test.want {
				t.Errorf("matches: %t, want %t", got, test.want)
			}
		})
	}
}

func TestFilterRefused(t *testing.T) {
	for _, filter := range []string{
		`state="SUBMITED"`, `state!="submitted"`, `state="SUBMITTED/x"`, `market="US" OR state=""`,
		`state=(`, `nope="x"`, `"x"=state`, `state`, `state=market`, `create_time>"yesterday"`, `create_time:"2026"`, `state=1`, `state.x="y"`, `)`,
		strings.Repeat(`state="A" AND `, 150) + `state="A"`, strings.Repeat(`state="A" OR `, 90) + `state="A"` + strings.Repeat(" OR market=\"B\"", 20),
	} {
		var v fault.Violations
		listing.ParseFilter(&v, filter, schema)
		if got := fault.ReasonOf(v.Err()); got != "FILTER_INVALID" {
			t.Errorf("%.60s: reason %q, want FILTER_INVALID", filter, got)
		}
	}
}

// A reason says what is wrong, and where, in a few words, however the filter is nested: the parser's own took megabytes.
func TestFilterReasons(t *testing.T) {
	const fields = "; the fields are create_time, market, state, submit_time"
	nested := func(n int, inner string) string { return strings.Repeat("(", n) + inner + strings.Repeat(")", n) }
	for _, test := range []struct{ filter, want string }{
		{`state=(`, "line 1, column 8: unexpected end"},
		{`state="`, "line 1, column 7: unterminated string"},
		{"state=\"A\"\n)", "line 2, column 1: unexpected token )"},
		{`market="A" AND nope="x" AND market="A"`, "undeclared identifier 'nope'"},
		{nested(20, "nope"), "undeclared identifier 'nope'"},
		{nested(21, `market="A"`), "has more than 20 parentheses within each other"},
		{strings.Repeat("(", 2000), "has more than 20 parentheses within each other"},
		{strings.Repeat("f(", 1000), "has more than 20 parentheses within each other"},
		{strings.Repeat("x", 2000), "undeclared identifier '" + strings.Repeat("x", 277)},
	} {
		var v fault.Violations
		listing.ParseFilter(&v, test.filter, schema)
		if list := v.List(); len(list) != 1 || list[0].Message != test.want+fields {
			t.Errorf("%.60s: %q\nwant %q", test.filter, list, test.want+fields)
		}
	}
	var v fault.Violations
	listing.ParseFilter(&v, nested(20, `market="(((((((((((((((((((((((("`), schema)
	if err := v.Err(); err != nil {
		t.Errorf("twenty parentheses: %v", err)
	}
}

func TestFilterEquals(t *testing.T) {
	for _, test := range []struct {
		filter, want string
		ok           bool
	}{
		{`state="SUBMITTED"`, "SUBMITTED", true},
		{`market="US" AND (state="SUBMITTED")`, "SUBMITTED", true},
		{`state="SUBMITTED" OR market="US"`, "", false},
		{`NOT state="SUBMITTED"`, "", false},
		{`state!="SUBMITTED"`, "", false},
	} {
		var v fault.Violations
		got, ok := listing.ParseFilter(&v, test.filter, schema).Equals("state")
		if got != test.want || ok != test.ok {
			t.Errorf("%s: state has to be %q (%t), want %q (%t)", test.filter, got, ok, test.want, test.ok)
		}
	}
}

func TestParseOrder(t *testing.T) {
	for _, test := range []struct {
		orderBy string
		want    listing.Order
		reason  string
	}{
		{"", listing.Order{Field: "name"}, ""},
		{"submit_time desc", listing.Order{Field: "submit_time", Desc: true}, ""},
		{"submit_time asc", listing.Order{Field: "submit_time"}, ""},
		{"name, submit_time", listing.Order{}, "ORDER_BY_INVALID"},
		{"nope", listing.Order{}, "ORDER_BY_INVALID"},
		{"name;", listing.Order{}, "ORDER_BY_INVALID"},
	} {
		var v fault.Violations
		got := listing.ParseOrder(&v, test.orderBy, "name", "submit_time")
		if reason := fault.ReasonOf(v.Err()); reason != test.reason || reason == "" && got != test.want {
			t.Errorf("%q: %+v, reason %q; want %+v, reason %q", test.orderBy, got, reason, test.want, test.reason)
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(`state="SUBMITTED" AND create_time>"2026-01-01T00:00:00Z"`)
	f.Add(`NOT (market:"U" OR -state=APPROVED)`)
	f.Add("((((((((")
	f.Fuzz(func(t *testing.T, filter string) {
		var v fault.Violations
		parsed := listing.ParseFilter(&v, filter, schema)
		if v.Err() != nil {
			return
		}
		none := func(string) any { return nil }
		var other fault.Violations
		if not := listing.ParseFilter(&other, "NOT ("+filter+")", schema); other.Err() == nil && strings.TrimSpace(filter) != "" {
			for _, values := range []listing.Values{values, none} {
				if parsed.Match(values) == not.Match(values) {
					t.Errorf("%q and NOT of it agree", filter)
				}
			}
		}
		if state, ok := parsed.Equals("state"); ok && state != "SUBMITTED" && parsed.Match(values) {
			t.Errorf("demands state %q, and keeps an entry with another", state)
		}
	})
}
