package systemtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// startAt starts a closed server that takes a real provider's tokens.
func startAt(t *testing.T, p *provider) *closed {
	t.Helper()
	return &closed{server: serve(t, t.TempDir(), time.Time{}, p.flags()...)}
}

// ways are the calls by which a token meets each part that verifies it. Each returns how it was answered: as taken, or refused.
func (c *closed) ways() map[string]func(token string) string {
	plans, payouts := planv1.NewPlanServiceClient(c.plans), payoutv1.NewPayoutServiceClient(c.payouts)
	overGRPC := func(err error) string {
		return fmt.Sprint(runtime.HTTPStatusFromCode(status.Code(err)), " ", fault.ReasonOf(rpc.FromStatus(err)))
	}
	overJSON := func(path string) func(string) string {
		return func(token string) string {
			code, reason := c.ask(token, "GET", path, "")
			return fmt.Sprint(code, " ", reason)
		}
	}
	return map[string]func(string) string{
		"plansvc": func(token string) string {
			_, err := plans.ListPrograms(c.as(token), &planv1.ListProgramsRequest{})
			return overGRPC(err)
		},
		"payoutsvc": func(token string) string {
			_, err := payouts.ListPayouts(c.as(token), &payoutv1.ListPayoutsRequest{Parent: "partners/-/plans/-"})
			return overGRPC(err)
		},
		"plansvc over JSON":   overJSON("/v1/programs"),
		"payoutsvc over JSON": overJSON("/v1/partners/-/plans/-/payouts"),
	}
}

// What ways return of a token that is taken, and of one that is not.
const (
	taken   = "200 "
	refused = "401 UNAUTHENTICATED"
)

// Tokens as a real provider makes them are taken with what they say of their holders; what else it issues is refused.
func TestProviderTokens(t *testing.T) {
	t.Parallel()
	p := newProvider(
		t, account{id: "pat", roles: "PROGRAM_ADMIN"}, account{id: "ann", roles: "INCENTIVES_ADMIN", partners: "contoso"},
		account{id: "mallory", roles: "INCENTIVES_ADMIN", partners: "fabrikam"}, account{id: "al", roles: "AUDITOR"},
		account{id: "late", roles: "AUDITOR", lifetime: -time.Minute}, account{id: "elsewhere", roles: "AUDITOR", audience: "payroll"},
		account{id: "opaque", roles: "AUDITOR", opaque: true},
	)
	stranger := newProvider(t, account{id: "al", roles: "AUDITOR"})
	c := startAt(t, p)
	for what, test := range map[string]struct{ token, want string }{
		"a good token":                  {p.token("al", ours), taken},
		"an expired one":                {p.token("late", ours), refused},
		"one for another audience":      {p.token("elsewhere", ours), refused},
		"one that tells nothing":        {p.token("opaque", ours), refused},
		"one of another provider":       {stranger.token("al", ours), refused},
		"one without the scope of ours": {p.token("al", "openid"), "403 ROLE_MISSING"},
	} {
		for way, call := range c.ways() {
			if got := call(test.token); got != test.want {
				t.Errorf("%s, %s: %s, want %s", what, way, got, test.want)
			}
		}
	}
	c.checkHolders(p)
	c.stop()
}

// checkHolders has holders of tokens do what they may, and no more.
func (c *closed) checkHolders(p *provider) {
	c.Helper()
	const plan = "/v1/partners/contoso/plans/azure.coop.fy26"
	pat, ann, mallory := p.token("pat", ours), p.token("ann", "openid "+ours), p.token("mallory", ours)
	program := `{"displayName":"Azure","timeZone":"UTC","currencyCodes":["USD"],"markets":["US"],"fundTypes":[{"id":"coop","displayName":"Co-op"}],
		"programYears":[{"id":"fy26","startDate":{"year":2020,"month":1,"day":1},"endDate":{"year":2099,"month":12,"day":31}}],
		"activityTypes":[{"id":"event","displayName":"Event"}],"reviewerEmailDomains":["example.com"],"hasPlans":true}`
	for i, step := range []struct {
		token, method, path, body string
		status                    int
		reason                    string
	}{
		{ann, "POST", "/v1/programs?programId=azure", program, 403, "ROLE_MISSING"},
		{pat, "POST", "/v1/programs?programId=azure", program, 200, ""},
		{pat, "POST", "/v1/partners/contoso/enrollments?enrollmentId=azure", `{"adminEmails":["ann@contoso.example"]}`, 200, ""},
		{ann, "POST", "/v1/partners/contoso/plans", `{"program":"programs/azure","fundType":"coop","programYear":"fy26","displayName":"Plan"}`, 200, ""},
		{ann, "GET", plan + "/statements", "", 200, ""}, // of payoutsvc, which asks plansvc
		{mallory, "GET", plan, "", 404, "NOT_FOUND"},
		{mallory, "GET", plan + "/statements", "", 404, "NOT_FOUND"},
	} {
		if code, reason := c.ask(step.token, step.method, step.path, step.body); code != step.status || reason != step.reason {
			c.Errorf("step %d, %s %s: %d %s, want %d %s", i, step.method, step.path, code, reason, step.status, step.reason)
		}
	}
	events, err := planv1.NewPlanServiceClient(c.plans).ListPlanEvents(c.as(ann), &planv1.ListPlanEventsRequest{Parent: plan[len("/v1/"):]})
	if err != nil || len(events.GetPlanEvents()) != 1 || events.GetPlanEvents()[0].GetActor() != "ann" {
		c.Errorf("the history: %v, %v; want one event, by ann", events, err)
	}
}

// A provider rotates its keys while calls go on: none with a token by a key that it still has fails, tokens by the new key
// are taken after a few seconds, and those by a key that it has given up are not.
func TestProviderRotatesItsKeys(t *testing.T) {
	t.Parallel()
	p := newProvider(t, account{id: "al", roles: "AUDITOR"})
	c := startAt(t, p)
	first := p.token("al", ours)
	callers := c.keepCalling(first)

	p.sign(t, jose.RS256)
	second := p.token("al", ours)
	c.awaitTaken("a token by the second key", second)
	callers.token.Store(second)
	if got := c.ways()["plansvc"](first); got != taken {
		t.Errorf("a token by the first key, while the provider has both: %s", got)
	}

	p.giveUp()
	p.sign(t, jose.ES256) // another kind, of those that it has said at first to sign by
	third := p.token("al", ours)
	c.awaitTaken("a token by the third key", third)
	for way, call := range c.ways() {
		if got := call(first); got != refused {
			t.Errorf("a token by the key that was given up, %s: %s, want %s", way, got, refused)
		}
	}
	if *whole { // nothing makes the services ask for keys but that theirs are a minute old
		callers.token.Store(third)
		p.giveUp()
		c.awaitRefused(second)
	}
	if calls := callers.stop(); calls < 100 {
		t.Errorf("there were %d calls while keys were rotated: the test has shown nothing", calls)
	}
	c.stop()
}

// awaitTaken waits until a token is taken on all ways.
func (c *closed) awaitTaken(what, token string) {
	c.Helper()
	for way, call := range c.ways() {
		redistest.Await(c.T, what+", "+way, func(context.Context) error {
			if got := call(token); got != taken {
				return errors.New(got)
			}
			return nil
		})
	}
}

// awaitRefused waits until a token is refused on all ways, for as long as a service holds on to keys.
func (c *closed) awaitRefused(token string) {
	c.Helper()
	limit := time.After(75 * time.Second)
	pause := time.NewTicker(200 * time.Millisecond)
	defer pause.Stop()
	for way, call := range c.ways() {
		for call(token) != refused {
			select {
			case <-pause.C:
			case <-limit:
				c.Fatalf("%s: a token by a key that was given up is still taken", way)
			}
		}
	}
}

// Callers call all the time, on all ways, and each call has to succeed.
type callers struct {
	token atomic.Value // to call with
	stop  func() (calls int64)
}

func (c *closed) keepCalling(token string) *callers {
	c.Helper()
	k := &callers{}
	k.token.Store(token)
	var calls atomic.Int64
	var all sync.WaitGroup
	over := make(chan struct{})
	for way, call := range c.ways() {
		all.Go(func() {
			pause := time.NewTicker(25 * time.Millisecond)
			defer pause.Stop()
			for {
				select {
				case <-over:
					return
				case <-pause.C:
				}
				if got := call(k.token.Load().(string)); got != taken { //nolint:errcheck // it holds nothing else
					c.Errorf("while keys were rotated, %s: %s", way, got)
					return
				}
				calls.Add(1)
			}
		})
	}
	k.stop = sync.OnceValue(func() int64 {
		close(over)
		all.Wait()
		return calls.Load()
	})
	c.Cleanup(func() { k.stop() })
	return k
}
