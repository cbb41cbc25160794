package systemtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pinned are the examples that the domain is tested with, too.
const pinned = "../../payoutsvc/internal/payout/testdata/pinned.json"

type example struct {
	Name, What, Currency, Limit string
	Steps                       []step
}

type step struct {
	At        time.Time
	Do        string
	Limit     string
	ID        string
	Amount    string
	EarnTime  time.Time `json:"earn_time"`
	PayDate   string    `json:"pay_date"`
	Paid      string
	Lines     map[string]string
	Month     string
	Statement map[string]string
}

// Every pinned example, from creating the program to reading the payout, over
// JSON. All of them live in one store, and the server is started again at each
// moment that something happens.
func TestPinnedExamplesOverJSON(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		text, err := os.ReadFile(pinned)
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Zone     string
			Examples []example
		}
		if err := json.Unmarshal(text, &p); err != nil {
			t.Fatal(err)
		}
		moments := map[time.Time]bool{}
		for _, e := range p.Examples {
			for _, s := range e.Steps {
				moments[s.At.UTC()] = true
			}
		}
		var timeline []time.Time
		for at := range moments {
			timeline = append(timeline, at)
		}
		sort.Slice(timeline, func(i, j int) bool { return timeline[i].Before(timeline[j]) })

		data := in.empty(t)
		for i, at := range timeline {
			s := serve(t, data, at)
			if i == 0 {
				createProgram(s, p.Zone)
				for _, e := range p.Examples {
					e.create(s)
				}
			}
			for _, e := range p.Examples {
				for _, step := range e.Steps {
					if step.At.Equal(at) {
						e.take(s, step)
					}
				}
			}
			s.stop()
		}
	})
}

func createProgram(s *server, zone string) {
	s.Helper()
	s.must(http.MethodPost, "/v1/programs?programId=azure", document{
		"displayName": "Azure", "timeZone": zone, "currencyCodes": []string{"USD", "JPY"}, "markets": []string{"US", "JP"},
		"fundTypes": []document{{"id": "coop", "displayName": "Co-op"}},
		"programYears": []document{{
			"id": "fy26", "startDate": document{"year": 2025, "month": 7, "day": 1}, "endDate": document{"year": 2026, "month": 6, "day": 30},
		}},
		"activityTypes":        []document{{"id": "webinar", "displayName": "Webinar"}},
		"reviewerEmailDomains": []string{"contoso.com"}, "hasPlans": true,
	})
}

func (e example) partner() string { return "/v1/partners/" + strings.ToLower(e.Name) }
func (e example) plan() string    { return e.partner() + "/plans/azure.coop.fy26" }

func (e example) money(amount string) document {
	return document{"currencyCode": e.Currency, "units": amount}
}

// create enrolls the partner, and writes its plan.
func (e example) create(s *server) {
	s.Helper()
	market := map[string]string{"USD": "US", "JPY": "JP"}[e.Currency]
	days := document{
		"startDate": document{"year": 2025, "month": 9, "day": 1}, "endDate": document{"year": 2026, "month": 5, "day": 31},
	}
	campaign := document{"displayName": "Spring", "startDate": days["startDate"], "endDate": days["endDate"]}
	activity := document{
		"displayName": "Webinar", "activityType": "webinar", "regionCodes": []string{market}, "plannedCost": e.money("100"),
		"startDate": days["startDate"], "endDate": days["endDate"],
	}
	s.must(http.MethodPost, e.partner()+"/enrollments?enrollmentId=azure", document{"adminEmails": []string{"admin@partner.example"}})
	s.must(http.MethodPost, e.partner()+"/plans", document{
		"program": "programs/azure", "fundType": "coop", "programYear": "fy26", "displayName": e.What, "market": market,
		"currencyCode": e.Currency, "reviewerEmail": "ana@contoso.com", "requestedLimit": e.money(e.Limit),
	})
	created := s.must(http.MethodPost, e.plan()+"/campaigns", campaign)
	s.must(http.MethodPost, "/v1/"+created.text("name")+"/activities", activity)
}

func (e example) take(s *server, step step) {
	s.Helper()
	switch step.Do {
	case "submit":
		s.must(http.MethodPost, e.plan()+":submit", document{"etag": s.must(http.MethodGet, e.plan(), nil).text("etag")})
	case "approve", "reject":
		s.must(http.MethodPost, e.plan()+":startReview", document{})
		s.must(http.MethodPost, e.plan()+":"+step.Do, document{"comment": "Decided."})
	case "reopen":
		s.must(http.MethodPost, e.plan()+":reopen", document{})
	case "raise":
		change := s.must(http.MethodPost, e.plan()+"/limitChanges", document{"newLimit": e.money(step.Limit), "reason": "More."})
		s.must(http.MethodPost, "/v1/"+change.text("name")+":approve", document{})
	case "earn":
		s.must(http.MethodPost, e.plan()+"/earnings?earningId="+step.ID,
			document{"amount": e.money(step.Amount), "earnTime": step.EarnTime.Format(time.RFC3339)})
	case "run":
		e.checkRun(s, step)
	case "statement":
		e.checkStatement(s, step)
	default:
		s.Fatalf("unknown step %q", step.Do)
	}
}

func (e example) checkRun(s *server, step step) {
	s.Helper()
	runPayouts(s, step.PayDate)
	code, payout := s.call(http.MethodGet, e.plan()+"/payouts/"+step.PayDate, nil)
	amount, lines := "0", map[string]string(nil)
	if code == http.StatusOK {
		amount, lines = payout.text("amount.units"), map[string]string{}
		for _, line := range payout.list("lines") {
			lines[line.text("earnedMonth")] = line.text("amount.units")
		}
	} else if code != http.StatusNotFound {
		s.Fatalf("%s: payout of %s: %d %v", e.Name, step.PayDate, code, payout)
	}
	if amount != step.Paid {
		s.Errorf("%s: paid %s on %s, want %s", e.Name, amount, step.PayDate, step.Paid)
	}
	if diff := cmp.Diff(step.Lines, lines); diff != "" {
		s.Errorf("%s: lines of %s (-want +got):\n%s", e.Name, step.PayDate, diff)
	}
}

// runPayouts runs a pay date of the program to its end.
func runPayouts(s *server, payDate string) {
	s.Helper()
	run := s.must(http.MethodPost, "/v1/programs/azure/payoutRuns?payoutRunId="+payDate, nil)
	for deadline := time.Now().Add(patience); run.text("state") == "RUNNING" && time.Now().Before(deadline); {
		run = s.must(http.MethodGet, "/v1/programs/azure/payoutRuns/"+payDate, nil)
	}
	if got := run.text("state"); got != "SUCCEEDED" {
		s.Fatalf("the run of %s is %s: %v", payDate, got, run)
	}
}

func (e example) checkStatement(s *server, step step) {
	s.Helper()
	answer := s.must(http.MethodGet, e.plan()+"/statements/"+step.Month, nil)
	got := map[string]string{}
	for name, field := range map[string]string{
		"earned": "earned", "limit": "limit", "payable": "payable", "withheld": "withheldOverLimit", "paid": "paid", "due": "due",
	} {
		got[name] = "0"
		if units := answer.text(field + ".units"); units != "" {
			got[name] = units
		}
	}
	if diff := cmp.Diff(step.Statement, got); diff != "" {
		s.Errorf("%s: statement of %s (-want +got):\n%s%s", e.Name, step.Month, diff, fmt.Sprint(answer))
	}
}
