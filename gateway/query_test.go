package gateway

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func TestQuery_Faults(t *testing.T) {
	const run = "/v1/programs/azure/payoutRuns/2026-05-15"
	for _, test := range []struct {
		name, verb, target string
		want               refusal
	}{
		{"unknown", http.MethodGet, plans + "?pagesize=1", invalid("pagesize FIELD_UNKNOWN")},
		{"unknown, without a value", http.MethodGet, plans + "?all", invalid("all FIELD_UNKNOWN")},
		{"a part of what has none", http.MethodGet, plans + "?filter.x=1", invalid("filter.x FIELD_UNKNOWN")},
		{"in brackets", http.MethodGet, plans + "?filter[x]=1", invalid("filter[x] FIELD_UNKNOWN")},
		{"twice", http.MethodGet, plans + "?pageSize=1&pageSize=1", invalid("page_size FIELD_REPEATED")},
		{"twice, in both spellings", http.MethodGet, plans + "?page_size=1&pageSize=2", invalid("page_size FIELD_REPEATED")},
		{"a word for a number", http.MethodGet, plans + "?pageSize=ten", invalid("page_size FIELD_MALFORMED")},
		{"nothing for a number", http.MethodGet, plans + "?pageSize=", invalid("page_size FIELD_MALFORMED")},
		{"a number too large", http.MethodGet, plans + "?pageSize=2147483648", invalid("page_size FIELD_MALFORMED")},
		{"not Unicode", http.MethodGet, plans + "?filter=%ff", invalid("filter FIELD_MALFORMED")},
		{"a name that is not Unicode", http.MethodGet, plans + "?%ff=1", invalid("\uFFFD FIELD_UNKNOWN")},
		{"not percent-encoded", http.MethodGet, plans + "?filter=%zz", invalid(" QUERY_MALFORMED")},
		{"with a semicolon", http.MethodGet, plans + "?pageSize=1;filter=x", invalid(" QUERY_MALFORMED")},
		{"what the path holds", http.MethodGet, plans + "?parent=partners/fabrikam", invalid("parent FIELD_UNKNOWN")},
		{"what the path of a stream holds", http.MethodGet, run + ":watch?name=programs/azure/payoutRuns/2026-06-15", invalid("name FIELD_UNKNOWN")},
		{"what the body holds", http.MethodPost, plans + "?plan.displayName=x", invalid("plan.display_name FIELD_UNKNOWN")},
		{"the body itself", http.MethodPost, plans + "?plan=x", invalid("plan FIELD_UNKNOWN")},
		{"what the body holds, which is the whole request", http.MethodPost, onePlan + ":submit?etag=x", invalid("etag FIELD_UNKNOWN")},
		{"what the lines of a stream hold", http.MethodPost, "/v1/earnings:stream?earnings=x", invalid("earnings FIELD_UNKNOWN")},
		{"a name other than the path's in a PATCH", http.MethodPatch, onePlan + "?plan.name=x", invalid("plan.name FIELD_UNKNOWN")},
		{
			"all at once", http.MethodGet, plans + "?pageSize=ten&nope=1&parent=x&filter=a&filter=b",
			invalid("filter FIELD_REPEATED", "nope FIELD_UNKNOWN", "page_size FIELD_MALFORMED", "parent FIELD_UNKNOWN"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.checkRefused(s.send(test.verb, test.target, ""), http.StatusBadRequest, test.want)
			})
		})
	}
}

func TestQuery_ReachesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.send(http.MethodGet, plans+`?pageSize=7&page_token=a%2Bb%2Fc&filter=state%3D%22SUBMITTED%22+%26+%C3%BC`, "")
		got := s.plans.last(t).request
		want := &planv1.ListPlansRequest{Parent: "partners/contoso", PageSize: 7, PageToken: "a+b/c", Filter: `state="SUBMITTED" & ü`}
		if !proto.Equal(got, want) {
			t.Errorf("the service got %v, want %v", got, want)
		}
	})
}

// An id travels percent-encoded, and arrives byte for byte.
func TestPath_IDsArriveExactly(t *testing.T) {
	for _, test := range []struct{ encoded, want string }{
		{"inv%3A1%252F%3Fx%23y", "inv:1%2F?x#y"},
		{"inv:1", "inv:1"},
		{"inv:watch", "inv:watch"},
		{"inv%3Aconfirm", "inv:confirm"},
		{"a+b", "a+b"},
		{"a%2Bb", "a+b"},
		{"a%25b", "a%b"},
		{"%2525", "%25"},
		{"100%25", "100%"},
		{"a%20b", "a b"},
		{"%C3%BC", "ü"},
		{"a%00b", "a\x00b"},
		{"..", ".."},
		{"%2e%2e", ".."},
		{"~!$&'()*,;=@", "~!$&'()*,;=@"},
	} {
		t.Run(test.encoded, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				if got := s.send(http.MethodGet, onePlan+"/earnings/"+test.encoded, ""); got.status != http.StatusOK {
					t.Fatalf("HTTP status %d, want 200: %s", got.status, got.body)
				}
				got := lastRequest[*payoutv1.GetEarningRequest](t, s.payouts).GetName()
				if want := "partners/contoso/plans/azure.coop.fy26/earnings/" + test.want; got != want {
					t.Errorf("the service was asked for %q, want %q", got, want)
				}
			})
		})
	}
}

// An id that ends like a verb is one as soon as its colon is encoded.
func TestPath_IDLikeAVerb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.send(http.MethodGet, "/v1/programs/azure/payoutRuns/2026-05-15%3Awatch", "")
		if got, want := lastRequest[*payoutv1.GetPayoutRunRequest](t, s.payouts).GetName(), "programs/azure/payoutRuns/2026-05-15:watch"; got != want {
			t.Errorf("the service was asked for %q, want %q", got, want)
		}
	})
}

func TestPath_Malformed(t *testing.T) {
	for _, test := range []struct {
		name, target string
		want         refusal
	}{
		{"%2F", plans + "/azure%2Fearnings", refusal{Code: codes.InvalidArgument, Reason: "PATH_MALFORMED"}},
		{"%2f of a stream", "/v1/programs/azure/payoutRuns/2026%2f05:watch", refusal{Code: codes.InvalidArgument, Reason: "PATH_MALFORMED"}},
		{"not Unicode", plans + "/%ff", invalid("name FIELD_MALFORMED")},
		{"not Unicode, in a stream", "/v1/programs/%ff/payoutRuns/2026-05-15:watch", invalid("name FIELD_MALFORMED")},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.checkRefused(s.send(http.MethodGet, test.target, ""), http.StatusBadRequest, test.want)
			})
		})
	}
}

// What is no URL does not even get as far as the gateway's own errors.
func TestPath_MalformedPercentEncoding(t *testing.T) {
	for _, id := range []string{"%zz", "%4", "%"} {
		t.Run(id, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				conn, err := s.listener.dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := io.WriteString(conn, "GET "+plans+"/"+id+" HTTP/1.1\r\nHost: gateway\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				if got := readAnswer(t, conn); got.status != http.StatusBadRequest {
					t.Errorf("HTTP status %d, want 400: %s", got.status, got.body)
				}
				if calls := s.plans.count(); calls != 0 {
					t.Errorf("%d calls came to the service, want none", calls)
				}
			})
		})
	}
}

func TestPath_Unknown(t *testing.T) {
	for _, target := range []string{
		"/", "/v1", "/v1/", "/v2/programs", "/v1/programmes", "/v1//programs", "/v1/programs/../programs", onePlan + "/",
		onePlan + ":nope/x",
		"/v1/earnings:batchrecord", "/healthz/", "/%E2%98%83",
	} {
		t.Run(target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				want := refusal{Code: codes.NotFound, Reason: "PATH_UNKNOWN"}
				s.checkRefused(s.send(http.MethodGet, target, ""), http.StatusNotFound, want)
			})
		})
	}
}

func TestMethod_NotAllowed(t *testing.T) {
	for _, test := range []struct{ verb, target, allow string }{
		{http.MethodPost, "/v1/programs/azure", "GET, PATCH"},
		{http.MethodPut, onePlan, "GET, PATCH, DELETE"},
		{http.MethodDelete, "/v1/programs", "GET, POST"},
		{http.MethodHead, "/v1/programs", "GET, POST"},
		{http.MethodOptions, "/v1/programs", "GET, POST"},
		{"get", "/v1/programs", "GET, POST"},
		{http.MethodGet, "/v1/earnings:batchRecord", "POST"},
		{http.MethodGet, "/v1/earnings:stream", "POST"},
		{http.MethodDelete, "/v1/programs/azure/payoutRuns/2026-05-15:watch", "GET"},
		{http.MethodPost, "/healthz", "GET, HEAD"},
		{http.MethodDelete, "/openapi.json", "GET, HEAD"},
	} {
		t.Run(test.verb+" "+test.target, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				got := s.send(test.verb, test.target, "")
				if allow := got.header.Get("Allow"); allow != test.allow {
					t.Errorf("Allow is %q, want %q", allow, test.allow)
				}
				if test.verb == http.MethodHead {
					if got.status != http.StatusMethodNotAllowed {
						t.Errorf("HTTP status %d, want 405", got.status)
					}
					return // without a body to look at
				}
				want := refusal{Code: codes.InvalidArgument, Reason: "METHOD_NOT_ALLOWED"}
				s.checkRefused(got, http.StatusMethodNotAllowed, want)
			})
		})
	}
}

// A POST is a POST, whatever its header says.
func TestMethod_HeaderChangesNothing(t *testing.T) {
	for _, test := range []struct{ name, header, value string }{
		{"overridden", "X-HTTP-Method-Override", http.MethodGet},
		{"overridden to delete", "X-HTTP-Method-Override", http.MethodDelete},
		{"as a form", "Content-Type", "application/x-www-form-urlencoded"},
		{"as another form", "Content-Type", "multipart/form-data; boundary=x"},
		{"as text", "Content-Type", "text/plain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.send(http.MethodPost, plans, `{"displayName": "x"}`, test.header, test.value)
				got := s.plans.last(t)
				want := &planv1.CreatePlanRequest{Parent: "partners/contoso", Plan: &planv1.Plan{DisplayName: "x"}}
				if !proto.Equal(got.request, want) {
					t.Errorf("the service got %s %v, want CreatePlan %v", got.method, got.request, want)
				}
			})
		})
	}
}

// What only can be read is not read by a form either, which grpc-gateway would take for a GET.
func TestMethod_FormIsNoGET(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		for _, override := range []string{"", http.MethodGet, http.MethodPatch} {
			got := s.send(http.MethodPost, "/v1/programs/azure", "", "Content-Type", "application/x-www-form-urlencoded", "X-HTTP-Method-Override", override)
			s.checkRefused(got, http.StatusMethodNotAllowed, refusal{Code: codes.InvalidArgument, Reason: "METHOD_NOT_ALLOWED"})
		}
	})
}

// A form is no JSON, even where a GET of the same path would know its fields.
func TestMethod_FormBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		got := s.send(http.MethodPost, plans, "pageSize=1&filter=x", "Content-Type", "application/x-www-form-urlencoded", "X-HTTP-Method-Override", "GET")
		s.checkRefused(got, http.StatusBadRequest, invalid("plan JSON_MALFORMED"))
	})
}
