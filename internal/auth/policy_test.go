package auth

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/auth/authtest"
	"github.com/incentives-dev/incentives/internal/fault"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

func registered(t *testing.T) *grpc.Server {
	t.Helper()
	server := grpc.NewServer()
	planv1.RegisterPlanServiceServer(server, planv1.UnimplementedPlanServiceServer{})
	payoutv1.RegisterPayoutServiceServer(server, payoutv1.UnimplementedPayoutServiceServer{})
	return server
}

// guard is that of a server where partners are enrolled in programs/azure, and in no other.
func guard(t *testing.T) *Guard {
	t.Helper()
	g := &Guard{
		log: slog.New(slog.DiscardHandler),
		visible: func(_ context.Context, _ Access, name string) (bool, error) {
			return strings.HasPrefix(name, "partners/") || strings.HasPrefix(name, "programs/azure"), nil
		},
	}
	if err := g.Protect(registered(t)); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestAdmitted(t *testing.T) {
	const get, approve, run = "/incentives.plan.v1.PlanService/GetPlan", "/incentives.plan.v1.PlanService/ApprovePlan",
		"/incentives.payout.v1.PayoutService/GetPayoutRun"
	plan := func(partner string) proto.Message {
		return &planv1.GetPlanRequest{Name: "partners/" + partner + "/plans/azure.coop.fy26"}
	}
	admin, auditor := authv1.Role_BILLING_ADMIN, authv1.Role_AUDITOR
	for name, test := range map[string]struct {
		who     Principal
		method  string
		request proto.Message
		want    string // the role, or the reason
	}{
		"the local principal, as partner":  {local(), get, plan("fabrikam"), "INCENTIVES_ADMIN"},
		"the local principal, as reviewer": {local(), approve, &planv1.ApprovePlanRequest{}, "REVIEWER"},
		"a caller without a role":          {Principal{ID: "a", Partners: []string{"contoso"}}, get, plan("contoso"), "ROLE_MISSING"},
		"a partner of two":                 {Principal{Roles: []authv1.Role{admin}, Partners: []string{"a", "b"}}, get, plan("b"), "BILLING_ADMIN"},
		"a partner's user of no partner":   {Principal{Roles: []authv1.Role{admin}}, get, plan("contoso"), "NOT_FOUND"},
		"an auditor who is a partner's, too": {
			Principal{Roles: []authv1.Role{admin, auditor}, Partners: []string{"contoso"}}, get, plan("fabrikam"), "AUDITOR",
		},
		"the same, of its own partner: as one that sees all": {
			Principal{Roles: []authv1.Role{admin, auditor}, Partners: []string{"contoso"}}, get, plan("contoso"), "AUDITOR",
		},
		"path tricks":             {Principal{Roles: []authv1.Role{admin}, Partners: []string{"contoso"}}, get, plan("contoso/../fabrikam"), "BILLING_ADMIN"},
		"path tricks, escaped":    {Principal{Roles: []authv1.Role{admin}, Partners: []string{"contoso"}}, get, plan("contoso%2f..%2ffabrikam"), "NOT_FOUND"},
		"another alphabet":        {Principal{Roles: []authv1.Role{admin}, Partners: []string{"contoso"}}, get, plan("cоntoso"), "NOT_FOUND"},
		"NUL":                     {Principal{Roles: []authv1.Role{admin}, Partners: []string{"contoso"}}, get, plan("contoso\x00"), "NOT_FOUND"},
		"no method of the server": {local(), "/incentives.plan.v1.PlanService/Nothing", plan("a"), "NOT_FOUND"},
		"a run, by a partner": {
			Principal{Roles: []authv1.Role{admin}, Partners: []string{"contoso"}}, run, &payoutv1.GetPayoutRunRequest{Name: "programs/azure/payoutRuns/2026-05-15"}, "NOT_FOUND",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, _, err := guard(t).enter(WithCaller(t.Context(), test.who), test.method, test.request)
			got := fault.ReasonOf(err)
			if err == nil {
				got = From(ctx).Role.String()
			}
			if got != test.want {
				t.Errorf("%s (%v), want %s", got, err, test.want)
			}
		})
	}
}

// What no guard has admitted sees nothing.
func TestFromNobody(t *testing.T) {
	if a := From(t.Context()); a.SeesPartner("contoso") || !a.Bound() || a.Local {
		t.Errorf("a context that nobody has admitted has %+v", a)
	}
}

func TestAmong(t *testing.T) {
	bound := func(partners ...string) Access {
		return Access{Principal: Principal{Partners: partners}, Role: authv1.Role_GLOBAL_ADMIN}
	}
	auditor := Access{Role: authv1.Role_AUDITOR}
	for _, test := range []struct {
		access      Access
		asked, want string
		wrong       int
	}{
		{auditor, "", "", 0},
		{auditor, "contoso", "contoso", 0},
		{bound("contoso"), "", "contoso", 0},
		{bound("contoso"), "contoso", "contoso", 0},
		{bound("a", "b"), "", "-", 1},
		{bound(), "", "-", 1},
		{bound(""), "", "-", 1},
	} {
		var v fault.Violations
		if got := test.access.Among(&v, "parent", test.asked); got != test.want || len(v.List()) != test.wrong {
			t.Errorf("%v of %q: %q, %v; want %q", test.access.Partners, test.asked, got, v.List(), test.want)
		}
	}
}

// A service with a method that has no policy does not start.
func TestNoPolicy(t *testing.T) {
	health := grpc_health_v1.File_grpc_health_v1_health_proto.Services().ByName("Health")
	if _, err := policyOf(health.Methods().ByName("Check")); err == nil || !strings.Contains(err.Error(), "grpc.health.v1.Health.Check") {
		t.Errorf("a method without a policy: %v; want an error that names it", err)
	}
	unknown := grpc.NewServer()
	unknown.RegisterService(&grpc.ServiceDesc{ServiceName: "nobody.knows.Service"}, nil)
	if err := (&Guard{}).Protect(unknown); err == nil || !strings.Contains(err.Error(), "nobody.knows.Service") {
		t.Errorf("a service without a descriptor: %v; want an error that names it", err)
	}
	if err := Open().Protect(unknown); err != nil {
		t.Errorf("a server that is open to all: %v", err)
	}
}

// What is counted as one caller.
func TestKey(t *testing.T) {
	for want, who := range map[string]Principal{
		"token:erp":       {ID: "erp"},
		"certificate:erp": {ID: "erp", Certificate: true},
	} {
		if got := who.Key(); got != want {
			t.Errorf("%+v is %q, want %q", who, got, want)
		}
	}
	for _, who := range []Principal{{}, local(), {ID: "internal", Internal: true}} {
		if got := who.Key(); got != "" {
			t.Errorf("%+v is %q, want nobody who is counted", who, got)
		}
	}
}

// What callers are called in history; no two of them the same.
func TestActor(t *testing.T) {
	for want, who := range map[string]Principal{
		"ann": {ID: "ann"}, "certificate:ann": {ID: "ann", Certificate: true}, "token:certificate:ann": {ID: "certificate:ann"},
		"local": local(), "token:local": {ID: "local"}, "certificate:local": {ID: "local", Certificate: true}, "token:token:local": {ID: "token:local"},
		"internal": {ID: "internal", Internal: true}, "token:internal": {ID: "internal"},
	} {
		if got := who.Actor(); got != want {
			t.Errorf("%+v is called %q, want %q", who, got, want)
		}
	}
}

type admittedKey struct{}

// Another part of the same process is not limited in how much it calls, and everybody else is, by who it is.
func TestLimitIsOfCallersFromOutside(t *testing.T) {
	issuer := authtest.New(t)
	s := newService(t, issuer.URL)
	var limited []string
	s.SetLimit(func(ctx context.Context, caller string) (context.Context, func(), error) {
		limited = append(limited, caller)
		return context.WithValue(ctx, admittedKey{}, caller), func() {}, nil
	})
	for _, token := range []string{"between-us", issuer.Token(t, now, authtest.Claims{"sub": "internal", "roles": "AUDITOR"})} {
		ctx, release, err := s.enter(with("Bearer "+token), "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		release()
		if caller, _ := ctx.Value(admittedKey{}).(string); (caller == "") != (token == "between-us") {
			t.Errorf("the call goes on in the context that the limit gave %q", caller)
		}
	}
	if !slices.Equal(limited, []string{"token:internal"}) {
		t.Errorf("limited are %q, want the caller with a token alone", limited)
	}
}
