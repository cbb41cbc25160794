package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestNewProgram(t *testing.T) {
	now := at(t, "2025-01-01T09:00:00.1234567+01:00")
	program, err := plan.NewProgram(plan.Call{Now: now}, "azure", programContent(t))
	must(t, err)
	if want := at(t, "2025-01-01T08:00:00.123456Z"); program.CreateTime != want || program.UpdateTime != want {
		t.Errorf("created at %v, updated at %v, want both in UTC to the microsecond: %v", program.CreateTime, program.UpdateTime, want)
	}
	if got := [2]int{*program.ResubmissionDays, *program.LateEarningDays}; got != [2]int{90, 90} {
		t.Errorf("days of resubmission and late earnings are %v, want 90 each where not given", got)
	}
	if zone, err := program.Location(); err != nil || zone.String() != losAngeles {
		t.Errorf("Location() = %v, %v, want %s", zone, err, losAngeles)
	}
	none := newProgram(t, func(c *plan.ProgramContent) { c.ResubmissionDays, c.LateEarningDays = new(0), new(3650) })
	if got := [2]int{*none.ResubmissionDays, *none.LateEarningDays}; got != [2]int{0, 3650} {
		t.Errorf("days of resubmission and late earnings are %v, want those given, 0 and 3650", got)
	}
}

func TestNewProgram_Violations(t *testing.T) {
	year := func(id, start, end string) plan.ProgramYear {
		return plan.ProgramYear{ID: id, StartDate: date(t, start), EndDate: date(t, end)}
	}
	long := strings.Repeat("ü", 201)
	for _, test := range []struct {
		name   string
		change func(*plan.ProgramContent)
		want   []string
	}{
		{"nothing", func(*plan.ProgramContent) {}, nil},
		{"bare", func(c *plan.ProgramContent) {
			*c = plan.ProgramContent{DisplayName: "x", TimeZone: "UTC", CurrencyCodes: []string{"USD"}}
		}, nil},
		{"longest", func(c *plan.ProgramContent) {
			c.DisplayName = long[:400]
			c.ReviewerEmailDomains = []string{"intranet", "a.b-c.9.de"}
			c.GuideURI = "http://contoso.com/" + strings.Repeat("x", 1981)
		}, nil},
		{"all at once", func(c *plan.ProgramContent) { *c = plan.ProgramContent{GuideURI: "ftp://contoso.com"} }, []string{
			"program.display_name FIELD_REQUIRED", "program.time_zone FIELD_REQUIRED", "program.currency_codes FIELD_REQUIRED",
			"program.guide_uri URI_MALFORMED",
		}},
		{"display name", func(c *plan.ProgramContent) { c.DisplayName = long }, []string{"program.display_name FIELD_TOO_LONG"}},
		{"blank display name", func(c *plan.ProgramContent) { c.DisplayName = " \t" }, []string{"program.display_name FIELD_REQUIRED"}},
		{"currencies", func(c *plan.ProgramContent) { c.CurrencyCodes = []string{"USD", "XYZ", "usd", "USD"} }, []string{
			"program.currency_codes[1] CURRENCY_UNKNOWN", "program.currency_codes[2] CURRENCY_UNKNOWN", "program.currency_codes[3] DUPLICATE",
		}},
		{"markets", func(c *plan.ProgramContent) { c.Markets = []string{"US", "us", "USA", "US", "Ü"} }, []string{
			"program.markets[1] REGION_MALFORMED", "program.markets[2] REGION_MALFORMED", "program.markets[4] REGION_MALFORMED",
			"program.markets[3] DUPLICATE",
		}},
		{"fund types", func(c *plan.ProgramContent) {
			c.FundTypes = []plan.FundType{{"coop", "Co-op"}, {"Coop", "Co-op"}, {"coop", ""}}
		}, []string{
			"program.fund_types[2].display_name FIELD_REQUIRED", "program.fund_types[1].id ID_MALFORMED", "program.fund_types[2].id DUPLICATE",
		}},
		{"activity types", func(c *plan.ProgramContent) {
			c.ActivityTypes = []plan.ActivityType{{"", "x"}, {"ad", "x"}, {"ad", long}}
		}, []string{
			"program.activity_types[2].display_name FIELD_TOO_LONG", "program.activity_types[0].id FIELD_REQUIRED",
			"program.activity_types[2].id DUPLICATE",
		}},
		{"program years", func(c *plan.ProgramContent) {
			c.ProgramYears = []plan.ProgramYear{
				year("fy26", "2025-07-01", "2026-06-30"),
				year("fy26", "2026-07-01", "2027-06-30"),
				year("rev", "2028-02-01", "2028-01-31"),
				{ID: "none"},
				{ID: "bad", StartDate: plan.Date{Year: 2026, Month: 4, Day: 31}, EndDate: date(t, "2030-05-01")},
			}
		}, []string{
			"program.program_years[2].end_date END_BEFORE_START",
			"program.program_years[3].start_date FIELD_REQUIRED", "program.program_years[3].end_date FIELD_REQUIRED",
			"program.program_years[4].start_date DATE_MALFORMED", "program.program_years[1].id DUPLICATE",
		}},
		{"a year of one day that touches none", func(c *plan.ProgramContent) {
			c.ProgramYears = append(c.ProgramYears, year("day", "2026-07-01", "2026-07-01"))
		}, nil},
		{"years that overlap by a day, are inside, and the same", func(c *plan.ProgramContent) {
			c.ProgramYears = append(c.ProgramYears,
				year("touches", "2026-06-30", "2027-06-30"), year("touched", "2024-07-01", "2025-07-01"),
				year("inside", "2025-08-01", "2025-08-01"), year("around", "2020-01-01", "2030-01-01"))
		}, []string{
			"program.program_years[1] PROGRAM_YEARS_OVERLAP", "program.program_years[2] PROGRAM_YEARS_OVERLAP", "program.program_years[3] PROGRAM_YEARS_OVERLAP",
			"program.program_years[4] PROGRAM_YEARS_OVERLAP",
		}},
		{"reviewer domains", func(c *plan.ProgramContent) {
			c.ReviewerEmailDomains = []string{"", "@contoso.com", "a..b", "contoso.com.", "*.contoso.com", "con toso.com", strings.Repeat("a.", 127) + "a", strings.Repeat("a", 64)}
		}, []string{
			"program.reviewer_email_domains[0] DOMAIN_MALFORMED", "program.reviewer_email_domains[1] DOMAIN_MALFORMED",
			"program.reviewer_email_domains[2] DOMAIN_MALFORMED", "program.reviewer_email_domains[3] DOMAIN_MALFORMED",
			"program.reviewer_email_domains[4] DOMAIN_MALFORMED", "program.reviewer_email_domains[5] DOMAIN_MALFORMED",
			"program.reviewer_email_domains[6] FIELD_TOO_LONG", "program.reviewer_email_domains[7] DOMAIN_MALFORMED",
		}},
		{"days", func(c *plan.ProgramContent) { c.ResubmissionDays, c.LateEarningDays = new(-1), new(3651) }, []string{
			"program.resubmission_days OUT_OF_RANGE", "program.late_earning_days OUT_OF_RANGE",
		}},
		{"long guide", func(c *plan.ProgramContent) { c.GuideURI = "http://contoso.com/" + strings.Repeat("x", 1982) }, []string{"program.guide_uri FIELD_TOO_LONG"}},
		{"too many", func(c *plan.ProgramContent) {
			c.CurrencyCodes = make([]string, 201)
			c.Markets = make([]string, 301)
			c.FundTypes = make([]plan.FundType, 101)
			c.ProgramYears = make([]plan.ProgramYear, 101)
			c.ActivityTypes = make([]plan.ActivityType, 101)
			c.ReviewerEmailDomains = make([]string, 101)
		}, []string{
			"program.currency_codes TOO_MANY", "program.markets TOO_MANY", "program.fund_types TOO_MANY",
			"program.program_years TOO_MANY", "program.activity_types TOO_MANY", "program.reviewer_email_domains TOO_MANY",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			content := programContent(t)
			test.change(&content)
			_, err := plan.NewProgram(plan.Call{}, "azure", content)
			if diff := cmp.Diff(test.want, violations(err)); diff != "" {
				t.Errorf("violations (-want +got):\n%s\nof error %v", diff, err)
			}
		})
	}
	_, err := plan.NewProgram(plan.Call{}, "Azure", programContent(t))
	if got := violations(err); !cmp.Equal(got, []string{"program_id ID_MALFORMED"}) {
		t.Errorf("id Azure: %v, want program_id ID_MALFORMED", got)
	}
}

func TestProgram_OverlapNamesBothYears(t *testing.T) {
	content := programContent(t)
	content.ProgramYears = append(content.ProgramYears, plan.ProgramYear{ID: "cy26", StartDate: date(t, "2026-01-01"), EndDate: date(t, "2026-12-31")})
	_, err := plan.NewProgram(plan.Call{}, "azure", content)
	if err == nil || !strings.Contains(err.Error(), "cy26") || !strings.Contains(err.Error(), "fy26") {
		t.Errorf("error %v, want one that names cy26 and fy26", err)
	}
}

func TestProgram_TimeZones(t *testing.T) {
	for _, zone := range []string{"UTC", "Etc/UTC", losAngeles, "Asia/Kolkata", "Pacific/Apia"} {
		newProgram(t, func(c *plan.ProgramContent) { c.TimeZone = zone })
	}
	for zone, want := range map[string]string{
		"":                       "FIELD_REQUIRED",
		" ":                      "INVALID_FIELDS", // blank, and unknown
		"Local":                  "TIME_ZONE_UNKNOWN",
		"local":                  "TIME_ZONE_UNKNOWN",
		"localtime":              "TIME_ZONE_UNKNOWN",
		"right/UTC":              "TIME_ZONE_UNKNOWN",
		"posix/UTC":              "TIME_ZONE_UNKNOWN",
		"posixrules":             "TIME_ZONE_UNKNOWN",
		"America/Los_Angelos":    "TIME_ZONE_UNKNOWN",
		"+02:00":                 "TIME_ZONE_UNKNOWN",
		"../etc/passwd":          "TIME_ZONE_UNKNOWN",
		"/etc/localtime":         "TIME_ZONE_UNKNOWN",
		strings.Repeat("x", 101): "FIELD_TOO_LONG",
	} {
		content := programContent(t)
		content.TimeZone = zone
		if _, err := plan.NewProgram(plan.Call{}, "azure", content); fault.ReasonOf(err) != want {
			t.Errorf("time zone %q: %v, want %s", zone, err, want)
		}
	}
}

func TestProgram_GuideURIs(t *testing.T) {
	for _, uri := range []string{"contoso.com", "//contoso.com", "https:contoso.com", "https://", "javascript:alert(1)", "https://con toso.com", "https://contoso.com/a b", "http://a\n.com", "https://:80", "%"} {
		content := programContent(t)
		content.GuideURI = uri
		if _, err := plan.NewProgram(plan.Call{}, "azure", content); fault.ReasonOf(err) != "URI_MALFORMED" {
			t.Errorf("guide %q: %v, want URI_MALFORMED", uri, err)
		}
	}
}

func TestP1_WhatWasDatedStaysDated(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*plan.ProgramContent)
		want   []string
	}{
		{"nothing changed", func(*plan.ProgramContent) {}, nil},
		{"years added before and after", func(c *plan.ProgramContent) {
			c.ProgramYears = []plan.ProgramYear{
				{ID: "fy25", StartDate: date(t, "2024-07-01"), EndDate: date(t, "2025-06-30")},
				c.ProgramYears[0],
				{ID: "fy27", StartDate: date(t, "2026-07-01"), EndDate: date(t, "2027-06-30")},
			}
		}, nil},
		{"types, markets and currencies dropped", func(c *plan.ProgramContent) {
			c.FundTypes, c.ActivityTypes, c.Markets, c.CurrencyCodes = nil, nil, nil, []string{"EUR"}
		}, nil},
		{"another time zone", func(c *plan.ProgramContent) { c.TimeZone = "UTC" }, []string{"program.time_zone FIELD_IMMUTABLE"}},
		{"a year removed", func(c *plan.ProgramContent) { c.ProgramYears = nil }, []string{"program.program_years FIELD_IMMUTABLE"}},
		{"a year under another id", func(c *plan.ProgramContent) {
			c.ProgramYears = []plan.ProgramYear{{ID: "fy2026", StartDate: c.ProgramYears[0].StartDate, EndDate: c.ProgramYears[0].EndDate}}
		}, []string{"program.program_years FIELD_IMMUTABLE"}},
		{"another first day", func(c *plan.ProgramContent) {
			c.ProgramYears = []plan.ProgramYear{{ID: "fy26", StartDate: date(t, "2025-07-02"), EndDate: c.ProgramYears[0].EndDate}}
		}, []string{"program.program_years[0] FIELD_IMMUTABLE"}},
		{"another last day", func(c *plan.ProgramContent) {
			c.ProgramYears = []plan.ProgramYear{{ID: "fy26", StartDate: c.ProgramYears[0].StartDate, EndDate: date(t, "2026-07-01")}}
		}, []string{"program.program_years[0] FIELD_IMMUTABLE"}},
		{"all at once", func(c *plan.ProgramContent) { c.DisplayName, c.TimeZone, c.ProgramYears = "", "Mars/Olympus", nil }, []string{
			"program.display_name FIELD_REQUIRED", "program.time_zone TIME_ZONE_UNKNOWN", "program.time_zone FIELD_IMMUTABLE", "program.program_years FIELD_IMMUTABLE",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			program, content := newProgram(t), programContent(t)
			test.change(&content)
			if test.want != nil {
				violated(t, program, test.want, func() error { return program.Update(plan.Call{}, content) })
				return
			}
			etag, now := program.Etag(), at(t, aSummerDay)
			must(t, program.Update(plan.Call{Now: now, Etag: etag}, content))
			if program.Etag() == etag || program.UpdateTime != now {
				t.Errorf("etag %s → %s, updated at %v: want another etag, and %v", etag, program.Etag(), program.UpdateTime, now)
			}
			if diff := cmp.Diff(content.ProgramYears, program.ProgramYears); diff != "" {
				t.Errorf("program years (-want +got):\n%s", diff)
			}
		})
	}
}

func TestP2_ProgramWithoutPlansTakesNone(t *testing.T) {
	without := newProgram(t, func(c *plan.ProgramContent) { c.HasPlans = false })
	_, err := plan.New(call(t, pia), name, without, planContent())
	if fault.ReasonOf(err) != "PROGRAM_HAS_NO_PLANS" || fault.KindOf(err) != fault.State {
		t.Errorf("create: %v, want the state error PROGRAM_HAS_NO_PLANS", err)
	}
	draft := newDraft(t, newProgram(t))
	c := call(t, pia)
	c.Etag = draft.Etag()
	refused(t, draft, "PROGRAM_HAS_NO_PLANS", func() error { return draft.Submit(c, without) })

	taken := reopened(t, newProgram(t))
	c.Etag = taken.Etag()
	if err := taken.Submit(c, without); err != nil {
		t.Errorf("submitting again what was taken before the program stopped having plans: %v, want it taken", err)
	}
}

// A stored program can name what this machine does not know. That is no fault of the caller's.
func TestDefectsAreNoRefusals(t *testing.T) {
	lost := newProgram(t)
	lost.TimeZone = "Mars/Olympus"
	yearless := newProgram(t)
	yearless.ProgramYears = nil
	change := plan.LimitChangeContent{NewLimit: usd(5)}
	for _, test := range []struct {
		program string
		in      *plan.Program
	}{{"without time zone", lost}, {"without year", yearless}} {
		program := newProgram(t)
		draft, approved, sentBack := newDraft(t, program), newPlan(t, program, plan.Approved), newPlan(t, program, plan.ActionRequired)
		waiting := newPlan(t, program, plan.Approved)
		must(t, waiting.RequestLimitChange(call(t, pia), program, "l1", change))
		submit := call(t, pia)
		submit.Etag = draft.Etag()
		for what, fn := range map[string]func() error{
			"submit":  func() error { return draft.Submit(submit, test.in) },
			"reopen":  func() error { return sentBack.Reopen(call(t, pia), test.in) },
			"request": func() error { return approved.RequestLimitChange(call(t, pia), test.in, "l1", change) },
			"approve": func() error { return waiting.ApproveLimitChange(call(t, rita), test.in, "l1", nil) },
		} {
			if err := fn(); err == nil || fault.KindOf(err) != 0 {
				t.Errorf("%s in a program %s: %v, want an error that is no refusal", what, test.program, err)
			}
		}
	}
	reviewed := newPlan(t, newProgram(t), plan.UnderReview)
	if err := reviewed.Approve(call(t, rita), yearless, nil, usd(1)); err == nil || fault.KindOf(err) != 0 {
		t.Errorf("approve in a program without year: %v, want an error that is no refusal", err)
	}
	if _, err := reviewed.Standing().TermsIn(yearless, at(t, aSummerDay)); err == nil || fault.KindOf(err) != 0 {
		t.Errorf("terms in a program without year: %v, want an error that is no refusal", err)
	}
	if _, err := plan.New(call(t, pia), name, lost, planContent()); err == nil || fault.KindOf(err) != 0 {
		t.Errorf("create in a program without time zone: %v, want an error that is no refusal", err)
	}
}

// What is too much is refused as that, and not looked at piece by piece: looking for overlaps alone would take minutes.
func TestProgram_Oversized(t *testing.T) {
	content := programContent(t)
	for i := range 100_000 {
		content.ProgramYears = append(content.ProgramYears, plan.ProgramYear{
			ID: fmt.Sprint("y", i), StartDate: date(t, "2025-07-01"), EndDate: date(t, "2026-06-30"),
		})
	}
	content.DisplayName = strings.Repeat("x", 1_000_000)
	_, err := plan.NewProgram(plan.Call{}, strings.Repeat("x", 1_000_000), content)
	if got := violations(err); !cmp.Equal(got, []string{"program_id ID_MALFORMED", "program.display_name FIELD_TOO_LONG", "program.program_years TOO_MANY"}) {
		t.Errorf("violations %v, want one for each field", got)
	}
	if len(err.Error()) > 1000 {
		t.Errorf("the message has %d bytes, want it short", len(err.Error()))
	}
}
