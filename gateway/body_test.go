package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// invalid is the refusal of a request with violations: of one, its own reason stands for all.
func invalid(violations ...string) refusal {
	reason := "INVALID_FIELDS"
	if len(violations) == 1 {
		_, reason, _ = strings.Cut(violations[0], " ")
	}
	return refusal{Code: codes.InvalidArgument, Reason: reason, Violations: violations}
}

const (
	plans       = "/v1/partners/contoso/plans"
	onePlan     = plans + "/azure.coop.fy26"
	batchRecord = "/v1/earnings:batchRecord"
)

func TestBody_Faults(t *testing.T) {
	for _, test := range []struct {
		name, target, body string
		want               refusal
	}{
		{"unknown field", plans, `{"displayname": "x"}`, invalid("plan.displayname FIELD_UNKNOWN")},
		{"unknown field that is null", plans, `{"nope": null}`, invalid("plan.nope FIELD_UNKNOWN")},
		{"unknown field nested", plans, `{"requestedLimit": {"unit": "1"}}`, invalid("plan.requested_limit.unit FIELD_UNKNOWN")},
		{"unknown field in a list", batchRecord, `{"earnings": [{}, {"amount": {"u": 1}}]}`, invalid("earnings[1].amount.u FIELD_UNKNOWN")},
		{"field twice", plans, `{"market": "US", "market": "US"}`, invalid("plan.market FIELD_REPEATED")},
		{"field twice, null first", plans, `{"market": null, "market": "US"}`, invalid("plan.market FIELD_REPEATED")},
		{"field twice, in both spellings", plans, `{"displayName": "x", "display_name": "y"}`, invalid("plan.display_name FIELD_REPEATED")},
		{"field twice nested", plans, `{"requestedLimit": {"units": 1, "units": 1}}`, invalid("plan.requested_limit.units FIELD_REPEATED")},
		{"number for a string", plans, `{"displayName": 7}`, invalid("plan.display_name FIELD_MALFORMED")},
		{"string for a message", plans, `{"requestedLimit": "10 USD"}`, invalid("plan.requested_limit FIELD_MALFORMED")},
		{"list for a message", plans, `{"requestedLimit": []}`, invalid("plan.requested_limit FIELD_MALFORMED")},
		{"object for a list", batchRecord, `{"earnings": {}}`, invalid("earnings FIELD_MALFORMED")},
		{"null in a list", plans, `{"campaigns": [null]}`, invalid("plan.campaigns[0] FIELD_MALFORMED")},
		{"a wrong element of a list of texts", "/v1/planTerms:batchGet", `{"plans": ["a", 2, null]}`, invalid("plans[1] FIELD_MALFORMED", "plans[2] FIELD_MALFORMED")},
		{"not a time", plans, `{"createTime": "yesterday"}`, invalid("plan.create_time FIELD_MALFORMED")},
		{"an unknown state", plans, `{"state": "PERHAPS"}`, invalid("plan.state FIELD_MALFORMED")},
		{"a text for a flag", onePlan + ":submit", `{"validateOnly": "yes"}`, invalid("validate_only FIELD_MALFORMED")},
		{"a number too large", plans, `{"requestedLimit": {"nanos": 9999999999}}`, invalid("plan.requested_limit.nanos FIELD_MALFORMED")},
		{"a fraction for a whole number", plans, `{"requestedLimit": {"units": 1.5}}`, invalid("plan.requested_limit.units FIELD_MALFORMED")},
		{"a text that is not Unicode", plans, "{\"displayName\": \"\xff\"}", invalid("plan.display_name FIELD_MALFORMED")},
		{"half a surrogate pair", plans, `{"displayName": "\ud800"}`, invalid("plan.display_name FIELD_MALFORMED")},
		{"a list for the body", plans, `[{}]`, invalid("plan FIELD_MALFORMED")},
		{"null for the body", plans, `null`, invalid("plan FIELD_MALFORMED")},
		{"null for the whole request", batchRecord, `null`, invalid(" FIELD_MALFORMED")},
		{"a name other than the path's", onePlan + ":submit", `{"name": "partners/fabrikam/plans/azure.coop.fy26", "etag": "e"}`, invalid("name FIELD_MALFORMED")},
		{
			"all at once", plans + "?force=1", `{"nope": 1, "market": 2, "requestedLimit": {"units": "many", "x": 0}, "description": "", "description": ""}`,
			invalid("force FIELD_UNKNOWN", "plan.nope FIELD_UNKNOWN", "plan.market FIELD_MALFORMED",
				"plan.requested_limit.units FIELD_MALFORMED", "plan.requested_limit.x FIELD_UNKNOWN", "plan.description FIELD_REPEATED"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.checkRefused(s.send(http.MethodPost, test.target, test.body), http.StatusBadRequest, test.want)
			})
		})
	}
}

func TestBody_TooDeep(t *testing.T) {
	within := strings.Repeat("[", deepest-1) + `"]}"` + strings.Repeat("]", deepest-1)
	for name, test := range map[string]struct {
		body string
		want refusal
	}{
		"as deep as may be, with brackets in a text": {`{"campaigns":` + within + `}`, invalid("plan.campaigns[0] FIELD_MALFORMED")},
		"one more":                         {`{"campaigns":[` + within + `]}`, invalid("plan JSON_TOO_DEEP")},
		"100,000 lists":                    {strings.Repeat("[", 100_000), invalid("plan JSON_TOO_DEEP")},
		"100,000 objects":                  {`{"description":` + strings.Repeat(`{"a":`, 100_000), invalid("plan JSON_TOO_DEEP")},
		"100,000 objects, closed":          {strings.Repeat(`{"requestedLimit":`, 100_000) + "1" + strings.Repeat("}", 100_000), invalid("plan JSON_TOO_DEEP")},
		"a text with a quote and brackets": {`{"displayName": 1, "description":"\\\"` + strings.Repeat("[", 100) + `"}`, invalid("plan.display_name FIELD_MALFORMED")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.checkRefused(s.send(http.MethodPost, plans, test.body), http.StatusBadRequest, test.want)
			})
		})
	}
}

func TestBody_TooManyValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		got := s.send(http.MethodPost, batchRecord, `{"earnings":[`+strings.Repeat("{},", mostValues/2)+`{}]}`)
		s.checkRefused(got, http.StatusBadRequest, invalid(" JSON_TOO_MANY_VALUES"))
	})
}

// A body that is right is no reason for a violation beside those of the query.
func TestBody_RightBesideWrongQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		got := s.send(http.MethodPost, plans+"?force=1", `{"displayName": "x", "requestedLimit": {"units": "1"}, "createTime": "2026-05-15T00:00:00Z",
			"market": null, "pendingLimitChange": null, "campaigns": null, "updateTime": null, "state": null}`)
		s.checkRefused(got, http.StatusBadRequest, invalid("force FIELD_UNKNOWN"))
	})
}

func TestBody_NotJSON(t *testing.T) {
	for _, test := range []struct{ name, body, place string }{
		{"a word", `hello`, "line 1, column 1"},
		{"cut off", `{"displayName": "x`, "line 1, column 18"},
		{"a line further down", "{\n  \"displayName\": \"x\",\n  oops\n}", "line 3, column 3"},
		{"a word after it", "{}\n trailing", "line 2, column 2"},
		{"a second object after it", `{} {}`, "line 1, column 4"},
		{"a space that is none in JSON after it", "{}\u00a0", "line 1, column 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				got := s.send(http.MethodPost, plans, test.body)
				s.checkRefused(got, http.StatusBadRequest, invalid("plan JSON_MALFORMED"))
				if message := statusOf(t, got.body).Message(); !strings.Contains(message, test.place) {
					t.Errorf("it says %q, want the place %q", message, test.place)
				}
			})
		})
	}
}

// However much is wrong, an answer stays small.
func TestBody_ManyFaults(t *testing.T) {
	fields := func(format string, count int) []string {
		all := make([]string, count)
		for i := range all {
			all[i] = fmt.Sprintf(format, i)
		}
		return all
	}
	for _, test := range []struct{ name, body, violation string }{
		{"in many elements", `{"earnings": [` + strings.Join(fields(`{"x": %d}`, 5000), ", ") + `]}`, "earnings[%d].x FIELD_UNKNOWN"},
		{"in one object", `{` + strings.Join(fields(`"x%d": 1`, 5000), ", ") + `}`, "x%d FIELD_UNKNOWN"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				got := s.send(http.MethodPost, batchRecord, test.body)
				s.checkRefused(got, http.StatusBadRequest, invalid(fields(test.violation, maxViolations)...))
			})
		})
	}
}

func TestBody_LongValueIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		got := s.send(http.MethodPost, plans, `{"requestedLimit": "`+strings.Repeat("ü", 100_000)+`"}`)
		s.checkRefused(got, http.StatusBadRequest, invalid("plan.requested_limit FIELD_MALFORMED"))
		if len(got.body) > 1000 || !strings.Contains(got.body, "üü…") {
			t.Errorf("an answer of %d bytes, want the beginning of the value alone: %.300s", len(got.body), got.body)
		}
	})
}

func TestBody_WhereNoneBelongs(t *testing.T) {
	for _, test := range []struct{ verb, target string }{
		{http.MethodGet, onePlan},
		{http.MethodDelete, onePlan},
		{http.MethodGet, "/v1/programs/azure/payoutRuns/2026-05-15:watch"},
	} {
		t.Run(test.verb+" "+test.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				want := refusal{Code: codes.InvalidArgument, Reason: "BODY_UNEXPECTED"}
				s.checkRefused(s.send(test.verb, test.target, `{"etag": "e"}`), http.StatusBadRequest, want)
				s.checkRefused(s.send(test.verb, test.target, `nonsense`), http.StatusBadRequest, want)
			})
		})
	}
}

func TestBody_EmptyOnes(t *testing.T) {
	for _, test := range []struct{ name, verb, target, body string }{
		{"none where it is a part", http.MethodPost, plans, ""},
		{"space where it is a part", http.MethodPost, plans, " \r\n\t"},
		{"none where it is the whole", http.MethodPost, onePlan + ":reopen", ""},
		{"{} where none belongs", http.MethodGet, onePlan, " {} \n"},
		{"space around it", http.MethodPost, plans, "\n {} \n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				if got := s.send(test.verb, test.target, test.body); got.status != http.StatusOK {
					t.Errorf("HTTP status %d, want 200: %s", got.status, got.body)
				}
				s.plans.last(t)
			})
		})
	}
}

func TestBody_ReachesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.send(http.MethodPost, plans, `{"displayName": "Ü", "requested_limit": {"currencyCode": "USD", "units": 5, "nanos": "500000000"}, "market": null}`)
		want := &planv1.CreatePlanRequest{Parent: "partners/contoso", Plan: &planv1.Plan{DisplayName: "Ü"}}
		want.Plan.RequestedLimit = dollars(5, 500_000_000)
		if diff := cmp.Diff(want, s.plans.last(t).request, protocmp.Transform()); diff != "" {
			t.Errorf("the service got something else (-want +got):\n%s", diff)
		}
	})
}

func TestBody_TooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		body := func(size int) string {
			const around = `{"description": ""}`
			return `{"description": "` + strings.Repeat("x", size-len(around)) + `"}`
		}
		if got := s.send(http.MethodPost, plans, body(rpc.MessageLimit)); got.status != http.StatusOK {
			t.Errorf("a body of exactly 4 MiB: HTTP status %d, want 200: %s", got.status, got.body)
		}
		s.plans.last(t)
		got := s.send(http.MethodPost, plans, body(rpc.MessageLimit+1))
		s.checkRefused(got, http.StatusRequestEntityTooLarge, refusal{Code: codes.ResourceExhausted, Reason: "MESSAGE_TOO_LARGE"})
	})
}

func TestBody_Incomplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		conn, err := s.listener.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// The second chunk has no length.
		_, err = io.WriteString(conn, "POST "+plans+" HTTP/1.1\r\nHost: gateway\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nxyz\r\n")
		if err != nil {
			t.Fatal(err)
		}
		s.checkRefused(readAnswer(t, conn), http.StatusBadRequest, refusal{Code: codes.InvalidArgument, Reason: "BODY_INCOMPLETE"})
	})
}

// A client that goes away in the middle of its body calls nothing.
func TestBody_CutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		body, cut := io.Pipe()
		go func() {
			_, err := io.WriteString(cut, `{"earnings": [`)
			cut.CloseWithError(errors.Join(errors.New("the client's disk is gone"), err))
		}()
		response, err := s.client.Do(s.request(http.MethodPost, batchRecord, body))
		if err == nil {
			response.Body.Close()
			t.Errorf("HTTP status %d, want no answer", response.StatusCode)
		}
		synctest.Wait()
		if got := s.payouts.count(); got != 0 {
			t.Errorf("%d calls came to the service, want none", got)
		}
	})
}

// What is answered has the same fields every time, but for messages that are absent.
func TestAnswer_ShowsDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		got := s.send(http.MethodGet, onePlan+"/earnings/one", "")
		const want = `{"name":"","description":"","earnedMonth":"","duplicate":false}`
		if compact := strings.ReplaceAll(got.body, " ", ""); compact != want+"\n" {
			t.Errorf("an empty earning is shown as %s, want %s", compact, want)
		}
		for name, want := range map[string]string{
			"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		} {
			if got := got.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if name := lastRequest[*payoutv1.GetEarningRequest](t, s.payouts).GetName(); name != "partners/contoso/plans/azure.coop.fy26/earnings/one" {
			t.Errorf("the service was asked for %q", name)
		}
	})
}
