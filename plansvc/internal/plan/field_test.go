package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func amount(t testing.TB, currency, number string) money.Money {
	t.Helper()
	m, err := money.Parse(currency, number)
	must(t, err)
	return m
}

func TestL7_SavingChecksAPlansFieldsEachByItself(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*plan.Content)
		want   []string // below "plan"
	}{
		{"whole", func(*plan.Content) {}, nil},
		{"only a name", func(c *plan.Content) { *c = plan.Content{DisplayName: "x"} }, nil},
		{"longest", func(c *plan.Content) {
			c.DisplayName, c.Description = strings.Repeat("ü", 200), strings.Repeat("ü", 2000)
			c.ReviewerEmail = strings.Repeat("x", 318) + "@b"
			c.RequestedLimit = amount(t, "JPY", "1000000000000000")
		}, nil},
		{"what the program does not know", func(c *plan.Content) {
			c.Market, c.CurrencyCode, c.ReviewerEmail, c.RequestedLimit = "FR", "KWD", "x@y", amount(t, "EUR", "0.01")
		}, nil},
		{"no limit at all", func(c *plan.Content) { c.RequestedLimit = usd(0) }, nil},
		{"nothing", func(c *plan.Content) { *c = plan.Content{} }, []string{"display_name FIELD_REQUIRED"}},
		{"all at once", func(c *plan.Content) {
			*c = plan.Content{
				DisplayName: strings.Repeat("ü", 201), Description: strings.Repeat("ü", 2001), Market: "de", CurrencyCode: "EURO",
				ReviewerEmail: "Ana <ana@contoso.com>", RequestedLimit: usd(-1),
			}
		}, []string{
			"display_name FIELD_TOO_LONG", "description FIELD_TOO_LONG", "market REGION_MALFORMED", "currency_code CURRENCY_UNKNOWN",
			"reviewer_email EMAIL_MALFORMED", "requested_limit AMOUNT_NEGATIVE",
		}},
		{"long address", func(c *plan.Content) { c.ReviewerEmail = strings.Repeat("x", 319) + "@b" }, []string{"reviewer_email FIELD_TOO_LONG"}},
		{"half a cent", func(c *plan.Content) { c.RequestedLimit = amount(t, "USD", "0.005") }, []string{"requested_limit AMOUNT_TOO_PRECISE"}},
		{"a tenth of a yen", func(c *plan.Content) { c.RequestedLimit = amount(t, "JPY", "0.1") }, []string{"requested_limit AMOUNT_TOO_PRECISE"}},
		{"too much", func(c *plan.Content) { c.RequestedLimit = amount(t, "USD", "10000000000000.01") }, []string{"requested_limit AMOUNT_TOO_LARGE"}},
		{"no currency", func(c *plan.Content) { c.RequestedLimit = money.New("", decimal.New(1, 0)) }, []string{"requested_limit CURRENCY_REQUIRED"}},
		{"unknown currency", func(c *plan.Content) { c.RequestedLimit = amount(t, "XYZ", "1") }, []string{"requested_limit CURRENCY_UNKNOWN"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			content, program := planContent(), newProgram(t)
			test.change(&content)
			want := below("plan", test.want)
			created, err := plan.New(call(t, pia), name, program, content)
			if diff := cmp.Diff(want, violations(err)); diff != "" {
				t.Errorf("create: violations (-want +got):\n%s\nof error %v", diff, err)
			}
			p := newDraft(t, program)
			if want != nil {
				violated(t, p, want, func() error { return p.Update(call(t, pia), name, content) })
				return
			}
			must(t, p.Update(call(t, pia), name, content))
			for _, saved := range []*plan.Plan{created, p} {
				if diff := cmp.Diff(content, saved.Content); diff != "" {
					t.Errorf("saved (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestL7_SavingChecksACampaignsFieldsEachByItself(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*plan.CampaignContent)
		want   []string // below "campaign"
	}{
		{"whole", func(*plan.CampaignContent) {}, nil},
		{"only a name", func(c *plan.CampaignContent) { *c = plan.CampaignContent{DisplayName: "x"} }, nil},
		{"one day", func(c *plan.CampaignContent) { c.EndDate = c.StartDate }, nil},
		{"only an end, outside the year", func(c *plan.CampaignContent) { c.StartDate, c.EndDate = plan.Date{}, date(t, "1999-01-01") }, nil},
		{"longest", func(c *plan.CampaignContent) {
			c.DisplayName, c.Objective = strings.Repeat("ü", 200), strings.Repeat("ü", 2000)
		}, nil},
		{"all at once", func(c *plan.CampaignContent) {
			*c = plan.CampaignContent{Objective: strings.Repeat("ü", 2001), StartDate: date(t, "2026-01-02"), EndDate: date(t, "2026-01-01")}
		}, []string{"display_name FIELD_REQUIRED", "objective FIELD_TOO_LONG", "end_date END_BEFORE_START"}},
		{"31 April", func(c *plan.CampaignContent) {
			c.StartDate, c.EndDate = plan.Date{Year: 2026, Month: 4, Day: 31}, plan.Date{Year: 2026, Month: 13, Day: 1}
		}, []string{"start_date DATE_MALFORMED", "end_date DATE_MALFORMED"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			content := campaignContent(t)
			test.change(&content)
			for what, save := range map[string]func(p *plan.Plan) error{
				"create": func(p *plan.Plan) error { return p.AddCampaign(call(t, pia), "c2", content) },
				"update": func(p *plan.Plan) error { return p.UpdateCampaign(call(t, pia), "c1", content) },
			} {
				p := newDraft(t, newProgram(t))
				if test.want == nil {
					if err := save(p); err != nil {
						t.Errorf("%s: %v, want no error", what, err)
					}
					continue
				}
				violated(t, p, below("campaign", test.want), func() error { return save(p) })
			}
		})
	}
}

func TestL7_SavingChecksAnActivitysFieldsEachByItself(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*plan.ActivityContent)
		want   []string // below "activity"
	}{
		{"whole", func(*plan.ActivityContent) {}, nil},
		{"only a name", func(a *plan.ActivityContent) { *a = plan.ActivityContent{DisplayName: "x"} }, nil},
		{"what submitting refuses", func(a *plan.ActivityContent) {
			a.ActivityType, a.PlannedCost, a.StartDate = "unheard-of", amount(t, "EUR", "1"), date(t, "1999-01-01")
		}, nil},
		{"for nothing", func(a *plan.ActivityContent) { a.PlannedCost = usd(0) }, nil},
		{"all at once", func(a *plan.ActivityContent) {
			*a = plan.ActivityContent{
				DisplayName: "\n", ActivityType: "Webinar", RegionCodes: []string{"DE", "", "DE"},
				StartDate: date(t, "2026-01-02"), EndDate: date(t, "2026-01-01"), PlannedCost: usd(-1), Description: strings.Repeat("ü", 1001),
			}
		}, []string{
			"display_name FIELD_REQUIRED", "activity_type ID_MALFORMED", "region_codes[1] REGION_MALFORMED", "region_codes[2] DUPLICATE",
			"end_date END_BEFORE_START", "planned_cost AMOUNT_NEGATIVE", "description FIELD_TOO_LONG",
		}},
		{"too many regions", func(a *plan.ActivityContent) { a.RegionCodes = make([]string, 301) }, []string{"region_codes TOO_MANY"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			content := activityContent(t)
			test.change(&content)
			for what, save := range map[string]func(p *plan.Plan) error{
				"create": func(p *plan.Plan) error { return p.AddActivity(call(t, pia), "c1", "a2", content) },
				"update": func(p *plan.Plan) error { return p.UpdateActivity(call(t, pia), "c1", "a1", content) },
			} {
				p := newDraft(t, newProgram(t))
				if test.want == nil {
					if err := save(p); err != nil {
						t.Errorf("%s: %v, want no error", what, err)
					}
					continue
				}
				violated(t, p, below("activity", test.want), func() error { return save(p) })
			}
		})
	}
}

func TestL7_SavingChecksTheIdsOfParts(t *testing.T) {
	p, c := newDraft(t, newProgram(t)), call(t, pia)
	violated(t, p, []string{"campaign_id ID_MALFORMED"}, func() error { return p.AddCampaign(c, "C2", campaignContent(t)) })
	violated(t, p, []string{"activity_id FIELD_REQUIRED", "activity.display_name FIELD_REQUIRED"},
		func() error { return p.AddActivity(c, "c1", "", plan.ActivityContent{}) })
}

// What was found while the request was read is answered together with what is
// found here, once for each field, and as often as the call is made.
func TestL7_ViolationsOfReadingAreAnsweredToo(t *testing.T) {
	var read fault.Violations
	read.Add("plan.requested_limit", "MONEY_MALFORMED", "100%% wrong")
	read.Add("plan.display_name", "SOMETHING", "unreadable")
	c := call(t, pia)
	c.Violations = &read
	p := newDraft(t, newProgram(t))
	content := plan.Content{Market: "x", RequestedLimit: money.Money{Currency: "USD", Amount: decimal.New(-1, 0)}}
	want := []string{"plan.requested_limit MONEY_MALFORMED", "plan.display_name SOMETHING", "plan.market REGION_MALFORMED"}
	for range 2 {
		violated(t, p, want, func() error { return p.Update(c, name, content) })
	}
	if got := read.List()[0].Message; got != "100% wrong" || len(read.List()) != 2 {
		t.Errorf("what was read has become %v", read.List())
	}
	violated(t, p, want[:2], func() error { return p.Update(c, name, planContent()) })
}

// A request that does not say what it is about is answered with all else that
// is wrong with it, and an update only for the fields that it changes.
func TestL7_UnnamedRequestsAreCheckedToo(t *testing.T) {
	var read fault.Violations
	read.Add("parent", "NAME_MALFORMED", "unreadable")
	read.Add("plan.market", "COUNTRY_UNKNOWN", "unreadable")
	c := call(t, pia)
	c.Violations, c.Comment = &read, ""
	found := []string{"parent NAME_MALFORMED", "plan.market COUNTRY_UNKNOWN"}
	for _, test := range []struct {
		name string
		err  error
		want []string
	}{
		{"plan", c.Unnamed("plan", plan.Content{Market: "x"}, nil), []string{"plan.display_name FIELD_REQUIRED"}},
		{"update of a plan", c.Unnamed("plan", plan.Content{Market: "x", CurrencyCode: "x"}, map[string]bool{"currency_code": true}), []string{"plan.currency_code CURRENCY_UNKNOWN"}},
		{"campaign", c.Unnamed("campaign", plan.CampaignContent{}, nil), []string{"campaign.display_name FIELD_REQUIRED"}},
		{
			"update of an activity", c.Unnamed("activity", plan.ActivityContent{RegionCodes: []string{"x"}}, map[string]bool{"region_codes": true}),
			[]string{"activity.region_codes[0] REGION_MALFORMED"},
		},
		{"limit change", c.Unnamed("limit_change", plan.LimitChangeContent{}, nil), []string{"limit_change.new_limit FIELD_REQUIRED"}},
		{"program", c.Unnamed("program", plan.ProgramContent{}, map[string]bool{"time_zone": true}), []string{"program.time_zone FIELD_REQUIRED"}},
		{"enrollment", c.Unnamed("enrollment", plan.EnrollmentContent{AdminEmails: []string{"x"}}, nil), []string{"enrollment.admin_emails[0] EMAIL_MALFORMED"}},
		{"submission", c.UnnamedMove(plan.SubmitPlan), []string{"etag FIELD_REQUIRED"}},
		{"rejection", c.UnnamedMove(plan.RejectPlan), []string{"comment FIELD_REQUIRED"}},
		{"approval", c.UnnamedMove(plan.ApprovePlan), nil},
	} {
		if diff := cmp.Diff(append(slices.Clone(found), test.want...), violations(test.err)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func below(path string, list []string) []string {
	var all []string
	for _, violation := range list {
		all = append(all, path+"."+violation)
	}
	return all
}
