package systemtest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc"
	grpcgzip "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth/authtest"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// An abuse is one thing that nobody should do, and what comes of it: "401 UNAUTHENTICATED", or a code of gRPC and a reason.
type abuse struct {
	name string
	do   func(ctx context.Context) (string, error)
	want string
}

// limits are what may come of abuse in its place, when there is a lot of it.
var limits = []string{"429 RATE_EXCEEDED", "429 TOO_MANY_BAD_TOKENS", "ResourceExhausted RATE_EXCEEDED", "ResourceExhausted TOO_MANY_BAD_TOKENS"}

// An attacked server is closed, and has a plan of Contoso's.
type attacked struct {
	*closed
	plan, draft string // paths of plans: one was submitted
	old         string // an etag that the draft had
	recorded    atomic.Int64
	ann, writer string // tokens of those who mean well
	client      *http.Client
}

func startAttacked(t *testing.T) *attacked {
	t.Helper()
	a := &attacked{closed: startClosed(t), plan: "/v1/partners/contoso/plans/azure.coop.fy26", client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	t.Cleanup(a.client.CloseIdleConnections)
	a.renew()
	owner := a.token("pat", "PROGRAM_ADMIN", "")
	a.must(owner, "POST", "/v1/programs?programId=azure", `{"displayName":"Azure","timeZone":"UTC","currencyCodes":["USD"],"markets":["US"],
		"fundTypes":[{"id":"coop","displayName":"Co-op"},{"id":"mdf","displayName":"Market development"}],"programYears":[{"id":"fy26","startDate":{"year":2020,"month":1,"day":1},
		"endDate":{"year":2099,"month":12,"day":31}}],"activityTypes":[{"id":"event","displayName":"Event"}],"reviewerEmailDomains":["example.com"],"hasPlans":true}`)
	a.must(owner, "POST", "/v1/partners/contoso/enrollments?enrollmentId=azure", `{"adminEmails":["ann@contoso.example"]}`)
	a.draft = "/v1/partners/contoso/plans/azure.mdf.fy26"
	a.old = a.must(a.ann, "POST", "/v1/partners/contoso/plans", `{"program":"programs/azure","fundType":"mdf","programYear":"fy26","displayName":"Draft"}`)
	a.must(a.ann, "PATCH", a.draft, `{"displayName":"New name"}`)
	a.must(a.ann, "POST", "/v1/partners/contoso/plans", `{"program":"programs/azure","fundType":"coop","programYear":"fy26","displayName":"Plan",
		"market":"US","currencyCode":"USD","reviewerEmail":"rita@example.com","requestedLimit":{"currencyCode":"USD","units":"100"}}`)
	const days = `"startDate":{"year":2026,"month":1,"day":1},"endDate":{"year":2026,"month":12,"day":31}`
	a.must(a.ann, "POST", a.plan+"/campaigns?campaignId=c", `{"displayName":"Spring",`+days+`}`)
	a.must(a.ann, "POST", a.plan+"/campaigns/c/activities", `{"displayName":"Webinar","activityType":"event","regionCodes":["US"],
		"plannedCost":{"currencyCode":"USD","units":"1"},`+days+`}`)
	a.must(a.ann, "POST", a.plan+":submit", `{"etag":"`+a.must(a.ann, "GET", a.plan, "")+`"}`)
	return a
}

// renew gets tokens by the issuer's key of now.
func (a *attacked) renew() {
	a.ann, a.writer = a.long("ann", "INCENTIVES_ADMIN", "contoso"), a.long("erp", "EARNINGS_WRITER", "")
}

// long is a token that outlives a test.
func (a *attacked) long(subject, roles, partners string) string {
	return a.with(authtest.Claims{"sub": subject, "roles": roles, "mpn_ids": partners})
}

// with is a token with claims in place of the usual ones.
func (a *attacked) with(claims authtest.Claims) string {
	if _, ok := claims["exp"]; !ok {
		claims["exp"] = time.Now().Add(time.Hour).Unix()
	}
	return a.issuer.Token(a.T, time.Now(), claims)
}

// must makes a call that has to succeed, and returns the etag in its answer.
func (a *attacked) must(token, method, path, body string) (etag string) {
	a.Helper()
	httpStatus, answer, err := a.http(within(a.T), method, path, body, "Authorization", "Bearer "+token)
	if err != nil || httpStatus != http.StatusOK {
		a.Fatalf("%s %s: %d, %v: %s", method, path, httpStatus, err, answer)
	}
	var resource struct {
		Etag string `json:"etag"`
	}
	if err := json.Unmarshal(answer, &resource); err != nil {
		a.Fatal(err)
	}
	return resource.Etag
}

// http makes one call over JSON; header is name, value, name, value …
func (a *attacked) http(ctx context.Context, method, path, body string, header ...string) (httpStatus int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, method, a.gateway, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	path, request.URL.RawQuery, _ = strings.Cut(path, "?")
	request.URL.Opaque = strings.TrimPrefix(a.gateway, "http:") + path // as it stands, with whatever tricks are in it
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := a.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(response.Body)
	return response.StatusCode, answer, err
}

// overJSON is an abuse over JSON.
func (a *attacked) overJSON(name, want, call, body string, header ...string) abuse {
	method, path, _ := strings.Cut(call, " ")
	return abuse{name, func(ctx context.Context) (string, error) {
		httpStatus, answer, err := a.http(ctx, method, path, body, header...)
		if err != nil {
			return "", err
		}
		var refusal struct {
			Details []struct {
				Reason string `json:"reason"`
			} `json:"details"`
		}
		if json.Unmarshal(answer, &refusal) != nil || len(refusal.Details) == 0 {
			return fmt.Sprintf("%d %.200s", httpStatus, answer), nil //nolint:nilerr // it is no refusal, and shown as it is
		}
		return fmt.Sprint(httpStatus, " ", refusal.Details[0].Reason), nil
	}, want}
}

// withToken is a call over gRPC with a token that should not be taken.
func (a *attacked) withToken(name, token string) abuse {
	return abuse{"a token that is " + name, func(ctx context.Context) (string, error) {
		return a.get(ctx, token)
	}, "Unauthenticated UNAUTHENTICATED"}
}

// get reads the plan over gRPC with a token, and returns its outcome.
func (a *attacked) get(ctx context.Context, token string) (string, error) {
	_, err := planv1.NewPlanServiceClient(a.plans).GetPlan(bearing(ctx, token), &planv1.GetPlanRequest{Name: strings.TrimPrefix(a.plan, "/v1/")})
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return fmt.Sprint(status.Code(err), " ", fault.ReasonOf(rpc.FromStatus(err))), nil
}

// abuses are the lines of bad input, but for connections that are idle.
func (a *attacked) abuses() []abuse {
	stranger := authtest.New(a.T)
	rotated := a.long("zoe", "BILLING_ADMIN", "contoso")
	a.issuer.Rotate(a.T)
	a.renew()
	redistest.Await(a.T, "the new key", func(ctx context.Context) error { // the issuer is asked every 5 seconds at the most
		if got, err := a.get(ctx, a.ann); got != "OK " {
			return errors.Join(errors.New(got), err)
		}
		return nil
	})
	zoe, mallory, none := a.long("zoe", "BILLING_ADMIN", "contoso"), a.long("mallory", "GLOBAL_ADMIN", "fabrikam"), a.long("nob", "", "contoso")
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	payload := strings.Split(zoe, ".")[1]
	none64 := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))
	forger, gzipped := stranger.Key(), bomb(a.T)
	forger.KeyID = a.issuer.Key().KeyID
	all := []abuse{
		a.withToken("expired", a.with(authtest.Claims{"exp": time.Now().Add(-time.Hour).Unix()})),
		a.withToken("unsigned", strings.TrimSuffix(zoe, strings.Split(zoe, ".")[2])),
		a.withToken("alg: none", none64+"."+payload+"."),
		a.withToken("for another audience", a.with(authtest.Claims{"aud": "payroll"})),
		a.withToken("of another issuer", stranger.Token(a.T, time.Now(), nil)),
		a.withToken("by a key that was rotated away", rotated),
		a.withToken("forged", authtest.Sign(a.T, jose.SigningKey{Algorithm: jose.RS256, Key: forger}, a.issuer.Claims(time.Now(), nil))),
		{"a token of another partner", func(ctx context.Context) (string, error) { return a.get(ctx, mallory) }, "NotFound NOT_FOUND"},
		{"a token without a role", func(ctx context.Context) (string, error) { return a.get(ctx, none) }, "PermissionDenied ROLE_MISSING"},
		a.overJSON("the wrong role", "403 ROLE_MISSING", "POST "+a.plan+":approve", "{}", bearer(zoe)...),
		a.overJSON("an etag again", "409 ETAG_MISMATCH", "PATCH "+a.draft, `{"displayName":"Mine","etag":"`+a.old+`"}`, bearer(zoe)...),
		a.overJSON("a forged page token", "400 PAGE_TOKEN_INVALID", "GET /v1/partners/contoso/plans?pageToken="+url.QueryEscape("AAAA"), "", bearer(zoe)...),
		a.overJSON("headers that pass for others", "401 UNAUTHENTICATED", "GET "+a.plan, "",
			"Grpc-Metadata-Authorization", "Bearer "+zoe, "Grpcgateway-Authorization", "Bearer "+zoe, "X-Forwarded-Host", "localhost"),
		a.overJSON("two tokens", "401 UNAUTHENTICATED", "GET "+a.plan, "", append(bearer(mallory), bearer(zoe)...)...),
		a.overJSON("a preflight of gRPC-Web", "403 ORIGIN_NOT_ALLOWED", "OPTIONS /incentives.plan.v1.PlanService/GetPlan", "",
			"Origin", "https://evil.example.com", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-grpc-web"),
		a.overJSON("a bomb", "415 ENCODING_UNSUPPORTED", "PATCH "+a.plan, gzipped, append(bearer(zoe), "Content-Encoding", "gzip")...),
		{"a bomb over gRPC", func(ctx context.Context) (string, error) { return a.bombard(ctx, zoe) }, "Unimplemented "}, // it does not unpack
		{"two lengths of a body", a.smuggle, "400"},
	}
	for _, path := range []string{
		"/v1/partners/contoso/plans/../../fabrikam/plans/azure.coop.fy26", "/v1/partners/contoso/plans/%2e%2e", "/v1/partners/contoso%2f..%2ffabrikam/plans/azure.coop.fy26",
		"/v1/partners/contoso/plans/azure.coop.fy26%00", "/v1/partners/contoso%00/plans/azure.coop.fy26", "/v1/partners/%D1%81ontoso/plans/azure.coop.fy26",
		"/v1/partners/contoso/plans/azure.coop.fy26;x=y", "//v1/partners/contoso/plans/azure.coop.fy26", "/v1/partners/contoso/plans/%ff",
	} {
		all = append(all, a.overJSON("the path "+path, "4xx", "GET "+path, "", bearer(zoe)...))
	}
	return all
}

// bomb is a gzip of 100 MB of nothing.
func bomb(t *testing.T) string {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.CopyN(w, zeros{}, 100<<20)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// bombard sends a message over gRPC that is small on its way.
func (a *attacked) bombard(ctx context.Context, token string) (string, error) {
	request := &planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: strings.TrimPrefix(a.plan, "/v1/"), Description: strings.Repeat("x", 2<<20)}}
	_, err := planv1.NewPlanServiceClient(a.plans).UpdatePlan(bearing(ctx, token), request, grpc.UseCompressor(grpcgzip.Name))
	return fmt.Sprint(status.Code(err), " ", fault.ReasonOf(rpc.FromStatus(err))), ctx.Err()
}

// smuggle sends a request whose body ends in two places.
func (a *attacked) smuggle(ctx context.Context) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", strings.TrimPrefix(a.gateway, "http://"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST "+a.plan+" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\n{}GET /healthz HTTP/1.1\r\n\r\n"); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", err
	}
	return strings.Fields(answer)[1], nil
}

// isRefused tells whether an abuse came to what it should, or to a limit where those may be reached.
func (b abuse) isRefused(got string, mayBeLimited bool) bool {
	return got == b.want || b.want == "4xx" && (strings.HasPrefix(got, "400 ") || strings.HasPrefix(got, "404 ")) || mayBeLimited && slices.Contains(limits, got)
}

// Each line of bad input is refused as it should be.
func TestBadInput(t *testing.T) {
	t.Parallel()
	a := startAttacked(t)
	for _, b := range a.abuses() {
		t.Run(b.name, func(t *testing.T) {
			for range 3 {
				if got, err := b.do(within(t)); err != nil || !b.isRefused(got, false) {
					t.Errorf("%s, %v; want %s", got, err, b.want)
				}
			}
		})
	}
	if got, err := a.get(within(t), a.ann); got != "OK " {
		t.Errorf("an honest call after all that: %s, %v", got, err)
	}
	a.stop()
	log := a.log.String()
	for _, word := range []string{
		"reason=ENCODING_UNSUPPORTED", "reason=ORIGIN_NOT_ALLOWED", "reason=ETAG_MISMATCH", "reason=PAGE_TOKEN_INVALID",
		"reason=REQUEST_UNREADABLE", `UpdatePlan reason=MESSAGE_NOT_TAKEN cause="" caller=zoe`,
		"cause=TOKEN_EXPIRED", "cause=TOKEN_OF_OTHER_AUDIENCE", "cause=TOKEN_FORGED",
		"cause=TOKEN_UNSIGNED", "cause=TOKEN_OF_OTHER_ISSUER", "cause=TOKEN_OF_UNKNOWN_KEY",
		`reason=NOT_FOUND cause="" caller=mallory`, `reason=ROLE_MISSING cause="" caller=nob`, `reason=ROLE_MISSING cause="" caller=zoe`,
	} {
		if n := strings.Count(log, word); n != 1 {
			t.Errorf("%s is in the log %d times, want once\n%s", word, n, log)
		}
	}
	for _, secret := range []string{a.ann, strings.Split(a.ann, ".")[2]} {
		if strings.Contains(log, secret) {
			t.Error("a token is in the log")
		}
	}
}
