package systemtest

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth/authtest"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// everywhere is where others could reach a service.
const everywhere = "0.0.0.0:0"

// What is not safe, or can't work, is refused at the start in one line.
func TestServicesRefuseWhatIsNotSafe(t *testing.T) {
	t.Parallel()
	ca, ring := newAuthority(t), keyring(t.TempDir())
	authorities := ring.put(t, "ca.pem", ca.pem)
	pair := ring.putLeaf(t, "one", ca.issue(t, "one.example", "127.0.0.1"))
	other := ring.putLeaf(t, "other", ca.issue(t, "other.example"))
	misfit := []string{pair[0], pair[1], other[2], other[3]}
	words := ring.put(t, "words.pem", "no certificate\n")
	issuer := []string{"--oidc-issuer", "http://127.0.0.1:1", "--oidc-audience", "incentives"}
	roles := []string{"--client-roles", "ops.example=AUDITOR"}
	listen := []string{"--listen", everywhere}
	for _, test := range []struct {
		name     string
		args     []string
		want     string
		commands []string // all of them where there are none
	}{
		{"open to all", listen, "is not on loopback", nil},
		{"open to all, without a host", []string{"--listen", ":0"}, "is not on loopback", nil},
		{"open to all, by TLS", slices.Concat(listen, pair), "without --oidc-issuer or --client-roles", closable[:2]},
		{"open to all, where something in front provides TLS", append(listen, "--allow-plaintext"), "without --oidc-issuer or --client-roles", closable[:2]},
		{"open to all, behind one gateway", slices.Concat(listen, pair), "without --oidc-issuer whoever", closable[2:]},
		{"tokens in plain text", slices.Concat(listen, issuer), "needs --tls-cert", closable},
		{"certificates in plain text", slices.Concat(listen, roles), "needs --tls-cert", closable[:2]},
		{"a moved clock", slices.Concat(listen, issuer, pair, []string{"--at", beforePayDay.Format(time.RFC3339)}), "--at is for development", closable},
		{"a certificate without a key", pair[:2], "need each other", nil},
		{"a key without a certificate", pair[2:], "need each other", nil},
		{"the key of another certificate", misfit, "private key does not match", nil},
		{"no such certificate", []string{"--tls-cert", ring.path("none.pem"), "--tls-key", ring.path("one.key")}, "no such file", nil},
		{"no certificate in its file", []string{"--tls-cert", words, "--tls-key", ring.path("one.key")}, "--tls-cert and --tls-key", nil},
		{"no authority in its file", append(pair, "--tls-ca", words), "holds no certificate", nil},
		{"a key for an authority", append(pair, "--tls-ca", ring.path("one.key")), "holds no certificate", nil},
		{"no such authority", append(pair, "--tls-ca", ring.path("none.pem")), "no such file", nil},
		{"an issuer without an audience", issuer[:2], "needs --oidc-audience", closable},
		{"an audience without an issuer", issuer[2:], "of no use without --oidc-issuer", closable},
		{"a role that there is not", append(pair, "--tls-ca", authorities, "--client-roles", "a.example=KING"), `"KING" is not a role`, closable[:2]},
		{"a partner by certificate", append(pair, "--tls-ca", authorities, "--client-roles", "a.example=AUDITOR+BILLING_ADMIN"), "bound to MPN IDs", closable[:2]},
		{"certificates that nobody has signed", append(pair, roles...), "needs --tls-cert and --tls-ca", closable[:2]},
		{"certificates behind one gateway", roles, "known by their tokens", closable[2:]},
		{"tokens that go to another machine in plain text", []string{"--plansvc", "192.0.2.1:9001"}, "needs --tls-ca", []string{"payoutsvc", "gateway"}},
		{"the same, by a name", []string{"--plansvc", "dns:///plansvc.example.com:9001"}, "needs --tls-ca", []string{"payoutsvc", "gateway"}},
		{"the same, without a port", []string{"--plansvc", "plansvc.example.com"}, "needs --tls-ca", []string{"payoutsvc", "gateway"}},
		{"an issuer in plain text", []string{"--oidc-issuer", "http://login.example.com", "--oidc-audience", "a"}, "has to begin with https", closable},
		{"an issuer that is none", []string{"--oidc-issuer", " ", "--oidc-audience", "a"}, "is not the URL of an issuer", closable},
		{"gRPC in plain text", slices.Concat(issuer, pair, []string{"--plansvc", everywhere}), "TLS for its gateway alone", closable[2:]},
		{"a service that may call nothing", append(pair, "--tls-ca", authorities, "--client-roles", "a.example=SERVICE"), "SERVICE of a.example needs a role", closable[:2]},
		{"a name without a role", append(pair, "--tls-ca", authorities, "--client-roles", "a.example="), "is not a role", closable[:2]},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, command := range all {
				if len(test.commands) > 0 && !slices.Contains(test.commands, command) {
					continue
				}
				got := finish(t, program(t, append(onPortsOfItsOwn(t, command), test.args...)...))
				if got.Status != failed || strings.Count(got.Err, "\n") != 1 || !strings.Contains(got.Err, test.want) {
					t.Errorf("%s: %+v, want 1, and one line with %q", command, got, test.want)
				}
			}
		})
	}
}

// The commands that serve, and those of them that say who may call.
var (
	all      = []string{"plansvc", "payoutsvc", "serve", "gateway"}
	closable = all[:3]
)

// onPortsOfItsOwn starts a command's arguments, so that no other test is in its way.
func onPortsOfItsOwn(t *testing.T, command string) []string {
	t.Helper()
	args := []string{command, "--listen", anyPort, "--log-level", "warn"}
	switch command {
	case "serve":
		return append(args, "--data", t.TempDir(), "--plansvc", anyPort, "--payoutsvc", anyPort)
	case "gateway":
		return args
	}
	return append(args, "--store", "pebble:"+t.TempDir())
}

// Where something in front provides TLS, a service that knows its callers may listen without.
func TestPlaintextMayBeAllowed(t *testing.T) {
	t.Parallel()
	issuer := authtest.New(t)
	port := ""
	p := launch(t, []string{
		"plansvc", "--listen", everywhere, "--store", "pebble:" + t.TempDir(), "--allow-plaintext", "--oidc-issuer", issuer.URL, "--oidc-audience", authtest.Audience,
	}, func(line string) bool {
		port = regexp.MustCompile(`\d+$`).FindString(line)
		return port != ""
	})
	plans := planv1.NewPlanServiceClient(dial(t, "127.0.0.1:"+port))
	c := &closed{server: &server{T: t}, issuer: issuer}
	if _, err := plans.ListPrograms(within(t), &planv1.ListProgramsRequest{}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("without a token: %v", err)
	}
	if _, err := plans.ListPrograms(c.as(c.token("al", "AUDITOR", "")), &planv1.ListProgramsRequest{}); err != nil {
		t.Errorf("with a token: %v", err)
	}
	p.stop(t)
}

// A server says at its start who may call it: where it is not told, everybody on this machine.
func TestServeSaysWhoMayCall(t *testing.T) {
	t.Parallel()
	issuer := authtest.New(t)
	for _, test := range []struct {
		name  string
		flags []string
		want  string
		code  codes.Code // of a call without a token
	}{
		{"not told", nil, "everybody on this machine, as the one local principal that may do anything", codes.OK},
		{
			"an issuer",
			[]string{"--oidc-issuer", issuer.URL, "--oidc-audience", authtest.Audience},
			"with tokens of " + issuer.URL + " for incentives", codes.Unauthenticated,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, t.TempDir(), time.Time{}, test.flags...)
			_, err := planv1.NewPlanServiceClient(s.plans).ListPrograms(within(t), &planv1.ListProgramsRequest{})
			if status.Code(err) != test.code {
				t.Errorf("without a token: %v, want %s", err, test.code)
			}
			s.stop()
			if !strings.Contains(s.log.String(), test.want) {
				t.Errorf("it does not say %q:\n%s", test.want, s.log)
			}
		})
	}
}
