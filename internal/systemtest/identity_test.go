package systemtest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth/authtest"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A closed server takes the tokens of an issuer.
type closed struct {
	*server
	issuer *authtest.Provider
	client *http.Client // of the gateway; the usual one where it is nil
}

func startClosed(t *testing.T) *closed {
	t.Helper()
	issuer := authtest.New(t)
	return &closed{issuer: issuer, server: serve(t, t.TempDir(), time.Time{}, "--oidc-issuer", issuer.URL, "--oidc-audience", authtest.Audience)}
}

// token is one of somebody with roles, who belongs to partners.
func (c *closed) token(subject, roles, partners string) string {
	c.Helper()
	return c.issuer.Token(c.T, time.Now(), authtest.Claims{"sub": subject, "roles": roles, "mpn_ids": partners})
}

// as is the context of a call with a token.
func (c *closed) as(token string) context.Context { return bearing(within(c.T), token) }

// bearing is the context of a call with a token.
func bearing(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// ask calls the gateway with a token, and returns the HTTP status and the reason of a refusal.
func (c *closed) ask(token, method, path, body string) (httpStatus int, reason string) {
	c.Helper()
	request, err := http.NewRequestWithContext(within(c.T), method, c.gateway+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := cmp.Or(c.client, http.DefaultClient).Do(request)
	if err != nil {
		c.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		c.Fatal(err)
	}
	var refusal struct {
		Details []struct {
			Reason string `json:"reason"`
		} `json:"details"`
	}
	_ = json.Unmarshal(answer, &refusal) // of what is no refusal it says nothing
	for _, d := range refusal.Details {
		if d.Reason != "" {
			return response.StatusCode, d.Reason
		}
	}
	return response.StatusCode, ""
}

// What each caller is answered over JSON: the way from a program to a plan under review, and who may not go it.
func TestIdentityOverJSON(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	const plan = "/v1/partners/contoso/plans/azure.coop.fy26"
	owner := c.token("pat", "PROGRAM_ADMIN", "")
	ann, bob, mallory := c.token("ann", "INCENTIVES_ADMIN", "contoso"), c.token("bob", "BILLING_ADMIN REVIEWER", "contoso"), c.token("mallory", "GLOBAL_ADMIN", "fabrikam")
	namesake := c.token("local", "INCENTIVES_ADMIN", "contoso")
	reviewer, auditor, nobody := c.token("rita", "REVIEWER", ""), c.token("al", "AUDITOR", ""), c.token("nob", "", "contoso")
	program := `{"displayName":"Azure","timeZone":"UTC","currencyCodes":["USD"],"markets":["US"],"fundTypes":[{"id":"coop","displayName":"Co-op"},{"id":"mdf","displayName":"MDF"}],
		"programYears":[{"id":"fy26","startDate":{"year":2020,"month":1,"day":1},"endDate":{"year":2099,"month":12,"day":31}}],
		"activityTypes":[{"id":"event","displayName":"Event"}],"reviewerEmailDomains":["example.com"],"hasPlans":true}`
	for i, step := range []struct {
		token, method, path, body string
		status                    int
		reason                    string
	}{
		{"", "GET", "/v1/programs", "", 401, "UNAUTHENTICATED"},
		{"x.y.z", "GET", "/v1/programs", "", 401, "UNAUTHENTICATED"},
		{"", "GET", "/healthz", "", 200, ""},
		{"", "GET", "/readyz", "", 200, ""},
		{ann, "POST", "/v1/programs?programId=azure", program, 403, "ROLE_MISSING"},
		{owner, "POST", "/v1/programs?programId=azure", program, 200, ""},
		{owner, "POST", "/v1/partners/contoso/enrollments?enrollmentId=azure", `{"adminEmails":["ann@contoso.example"]}`, 200, ""},
		{mallory, "GET", "/v1/programs/azure", "", 404, "NOT_FOUND"}, // not enrolled
		{ann, "GET", "/v1/programs/azure", "", 200, ""},
		{ann, "POST", "/v1/partners/contoso/plans", `{"program":"programs/azure","fundType":"coop","programYear":"fy26","displayName":"Plan"}`, 200, ""},
		{mallory, "POST", "/v1/partners/contoso/plans", `{"program":"programs/azure","fundType":"coop","programYear":"fy26"}`, 404, "NOT_FOUND"},
		{namesake, "POST", "/v1/partners/contoso/plans", `{"program":"programs/azure","fundType":"mdf","programYear":"fy26","displayName":"Plan"}`, 200, ""},
		{ann, "GET", plan, "", 200, ""},
		{auditor, "GET", plan, "", 200, ""},
		{reviewer, "GET", plan, "", 200, ""},
		{mallory, "GET", plan, "", 404, "NOT_FOUND"},
		{mallory, "GET", "/v1/partners/contoso/plans/azure.coop.fy99", "", 404, "NOT_FOUND"}, // the same as of one that is there
		{owner, "GET", plan, "", 404, "NOT_FOUND"},
		{nobody, "GET", plan, "", 403, "ROLE_MISSING"},
		{reviewer, "PATCH", plan, `{"displayName":"Mine"}`, 403, "ROLE_MISSING"},
		{auditor, "DELETE", plan, "", 403, "ROLE_MISSING"},
		{ann, "POST", plan + ":approve", "{}", 403, "ROLE_MISSING"},
		{bob, "POST", plan + ":approve", "{}", 400, "PLAN_STATE"}, // he may, as a reviewer
		{ann, "GET", "/v1/partners/-/plans", "", 200, ""},
		{mallory, "GET", "/v1/programs/azure/payoutRuns", "", 404, "NOT_FOUND"},
		{ann, "GET", plan + "/statements", "", 200, ""},
		{ann, "POST", plan + "/earnings?earningId=e", `{}`, 403, "ROLE_MISSING"},
		{ann, "GET", "/v1/partners/contoso/plans/..%2f..%2ffabrikam", "", 400, "PATH_MALFORMED"},
	} {
		status, reason := c.ask(step.token, step.method, step.path, step.body)
		if status != step.status || reason != step.reason {
			t.Errorf("step %d, %s %s: %d %s, want %d %s", i, step.method, step.path, status, reason, step.status, step.reason)
		}
	}

	// A subject that is called as the local principal does not look like it.
	for of, want := range map[string]string{plan: "ann", strings.Replace(plan, "coop", "mdf", 1): "token:local"} {
		events, err := planv1.NewPlanServiceClient(c.plans).ListPlanEvents(c.as(auditor), &planv1.ListPlanEventsRequest{Parent: strings.TrimPrefix(of, "/v1/")})
		if err != nil || len(events.GetPlanEvents()) != 1 {
			t.Fatalf("the history: %v, %v", events, err)
		}
		if event := events.GetPlanEvents()[0]; event.GetActor() != want || event.GetActorRole().String() != "INCENTIVES_ADMIN" {
			t.Errorf("the history says that %s created the plan as %s, want %s", event.GetActor(), event.GetActorRole(), want)
		}
	}
	for _, who := range []string{ann, owner, "x.y.z"} {
		if strings.Contains(c.log.String(), who) {
			t.Error("a token is in the log")
		}
	}
	c.stop()
}

// Tokens are taken over gRPC, too, and what would pass for one is not.
func TestIdentityOverGRPC(t *testing.T) {
	t.Parallel()
	c := startClosed(t)
	plans := planv1.NewPlanServiceClient(c.plans)
	list := func(ctx context.Context) string {
		_, err := plans.ListPrograms(ctx, &planv1.ListProgramsRequest{})
		return fmt.Sprint(status.Code(err), " ", fault.ReasonOf(rpc.FromStatus(err)))
	}
	auditor := c.token("al", "AUDITOR", "")
	ok := codes.OK.String() + " "
	for name, test := range map[string]struct {
		ctx  context.Context
		want string
	}{
		"no token":       {within(t), "Unauthenticated UNAUTHENTICATED"},
		"a token":        {c.as(auditor), ok},
		"two tokens":     {metadata.AppendToOutgoingContext(c.as(auditor), "authorization", "Bearer "+auditor), "Unauthenticated UNAUTHENTICATED"},
		"a password":     {metadata.AppendToOutgoingContext(within(t), "authorization", "Basic YTpi"), "Unauthenticated UNAUTHENTICATED"},
		"another header": {metadata.AppendToOutgoingContext(within(t), "grpcgateway-authorization", "Bearer "+auditor), "Unauthenticated UNAUTHENTICATED"},
	} {
		if got := list(test.ctx); got != test.want {
			t.Errorf("with %s: %s, want %s", name, got, test.want)
		}
	}
	// What can't be read is looked at after its sender.
	for name, want := range map[string]codes.Code{auditor: codes.InvalidArgument, c.token("nob", "", ""): codes.PermissionDenied, "x.y.z": codes.Unauthenticated} {
		err := c.plans.Invoke(c.as(name), planv1.PlanService_ListPrograms_FullMethodName, raw("\xff"), nil, grpc.ForceCodec(codec{}))
		if status.Code(err) != want {
			t.Errorf("a message that can't be read: %v, want %s", err, want)
		}
	}
	c.issuer.Rotate(t)
	redistest.Await(t, "a token by a new key", func(context.Context) error { // the issuer is asked for its keys every 5 seconds at the most
		if got := list(c.as(c.token("al", "AUDITOR", ""))); got != ok {
			return errors.New(got)
		}
		return nil
	})
	c.stop()
}
