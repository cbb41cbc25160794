package systemtest

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	datepb "google.golang.org/genproto/googleapis/type/date"
	moneypb "google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/incentives-dev/incentives/internal/auth/authtest"
	"github.com/incentives-dev/incentives/plansvc/sample"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A secured system is plansvc, payoutsvc and gateway, each a process of its own, that reach each other by mutual TLS. It takes
// an issuer's tokens, and certificates by their names. There is a program with plans.
type secured struct {
	*closed
	ca      *authority
	ring    keyring
	parts   []*process
	tokens  []string // flags of a service
	folders string   // of the services' data
}

// What the services are told of the holders of certificates, by their names in these. No partner is among them; the gateway is,
// as it would be by mistake.
const (
	planRoles   = "payoutsvc.example=AUDITOR+SERVICE,gateway.example=AUDITOR+GATEWAY,ops.example=PROGRAM_ADMIN+REVIEWER,spiffe://example/reviewer=REVIEWER"
	payoutRoles = "writer.example=EARNINGS_WRITER,operator.example=PAYOUT_OPERATOR,auditor.example=AUDITOR,gateway.example=AUDITOR+GATEWAY"
)

// newSecured is one of which nothing runs.
func newSecured(t *testing.T) *secured {
	t.Helper()
	s := &secured{ca: newAuthority(t), ring: keyring(t.TempDir()), folders: t.TempDir()}
	s.closed = &closed{issuer: authtest.New(t), server: &server{T: t}}
	s.tokens = []string{"--oidc-issuer", s.issuer.URL, "--oidc-audience", authtest.Audience}
	s.ring.put(t, "ca.pem", s.ca.pem)
	seed(t, "pebble:"+filepath.Join(s.folders, "plansvc"), 2)
	return s
}

func startSecured(t *testing.T) *secured {
	t.Helper()
	s := newSecured(t)
	s.plansvc = s.start("plansvc", "plansvc.example", "--client-roles", planRoles)
	s.paysvc = s.start("payoutsvc", "payoutsvc.example", "--client-roles", payoutRoles, "--plansvc", s.plansvc)
	s.gateway = "https://" + s.start("gateway", "gateway.example", "--plansvc", s.plansvc, "--payoutsvc", s.paysvc)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: s.ca.with(t)}}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// start starts one of the three with a certificate for a name and for loopback, and returns its address.
func (s *secured) start(command, name string, extra ...string) (at string) {
	s.Helper()
	args := slices.Concat([]string{command, "--listen", anyPort, "--tls-ca", s.ring.path("ca.pem")},
		s.ring.putLeaf(s.T, command, s.ca.issue(s.T, name, "127.0.0.1")), extra)
	if command != "gateway" {
		args = slices.Concat(args, s.tokens, []string{"--store", "pebble:" + filepath.Join(s.folders, command), "--at", beforePayDay.Format(time.RFC3339)})
	}
	p := launch(s.T, args, func(line string) bool {
		_, at = heard(line)
		return at != ""
	})
	s.parts = append(s.parts, p)
	return at
}

// stop ends all, in the order in which nothing loses what it needs.
func (s *secured) stop() {
	s.Helper()
	for _, p := range slices.Backward(s.parts) {
		p.stop(s.T)
	}
}

// reach prepares a connection that is made with a configuration, in plain text where it is nil.
func reach(t *testing.T, target string, with *tls.Config) *grpc.ClientConn {
	t.Helper()
	over := insecure.NewCredentials()
	if with != nil {
		over = credentials.NewTLS(with)
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(over))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// payDate is one that a run can be made for.
var payDate = &datepb.Date{Year: 2026, Month: 5, Day: 15}

// The services know each other, and their callers, by certificates: payoutsvc asks plansvc as the auditor that its own stands for.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	as := func(name string) payoutv1.PayoutServiceClient {
		return payoutv1.NewPayoutServiceClient(reach(t, s.paysvc, s.ca.with(t, s.ca.issue(t, name))))
	}
	writer, operator, auditor := as("writer.example"), as("operator.example"), as("auditor.example")
	earning := &payoutv1.Earning{
		Name: sample.Name(0) + "/earnings/april", Amount: &moneypb.Money{CurrencyCode: "USD", Units: 70},
		EarnTime: timestamppb.New(beforePayDay.AddDate(0, -1, 0)),
	}
	recorded, err := writer.BatchRecordEarnings(within(t), &payoutv1.BatchRecordEarningsRequest{Earnings: []*payoutv1.Earning{earning}})
	if err != nil || len(recorded.GetOutcomes()) != 1 || recorded.GetOutcomes()[0].GetState() != payoutv1.EarningOutcome_RECORDED {
		t.Fatalf("recording: %v, %v", recorded, err)
	}
	preview, err := operator.PreviewPayoutRun(within(t), &payoutv1.PreviewPayoutRunRequest{Parent: "programs/" + sample.Program, PayDate: payDate})
	if err != nil || len(preview.GetPayouts()) != 1 || preview.GetPayouts()[0].GetAmount().GetUnits() != 70 {
		t.Errorf("the preview: %v, %v", preview, err)
	}
	statements, err := auditor.ListStatements(within(t), &payoutv1.ListStatementsRequest{Parent: sample.Name(0)})
	if err != nil || len(statements.GetStatements()) == 0 {
		t.Errorf("the statements: %v, %v", statements, err)
	}
	_, err = auditor.BatchRecordEarnings(within(t), &payoutv1.BatchRecordEarningsRequest{Earnings: []*payoutv1.Earning{earning}})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("an auditor records: %v", err)
	}
	s.checkGateway()
	s.stop()
}

// checkGateway calls through the gateway. Its own certificate, by which it could read everything, gives its callers nothing.
func (s *secured) checkGateway() {
	s.Helper()
	ann, eve := s.token("ann", "INCENTIVES_ADMIN", strings.Split(sample.Name(0), "/")[1]), s.token("eve", "INCENTIVES_ADMIN", "contoso")
	for i, step := range []struct {
		token, path string
		status      int
		reason      string
	}{
		{"", "/readyz", 200, ""},
		{"", "/v1/programs", 401, "UNAUTHENTICATED"},
		{"", "/v1/" + sample.Name(0) + "/statements", 401, "UNAUTHENTICATED"},
		{ann, "/v1/" + sample.Name(0), 200, ""},
		{ann, "/v1/" + sample.Name(0) + "/statements", 200, ""},
		{eve, "/v1/" + sample.Name(0) + "/statements", 404, "NOT_FOUND"},
	} {
		if code, reason := s.ask(step.token, "GET", step.path, ""); code != step.status || reason != step.reason {
			s.Errorf("step %d, GET %s: %d %s, want %d %s", i, step.path, code, reason, step.status, step.reason)
		}
	}
}

// Callers that are known by a certificate, those that are not, and those that do not get as far as to make a call.
func TestTLSCallers(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	stranger := newAuthority(t)
	ops := s.ca.issue(t, "ops.example")
	expired := s.ca.make(t, &x509.Certificate{NotAfter: time.Date(2021, time.January, 1, 0, 0, 0, 0, time.UTC)}, "ops.example")
	old := s.ca.with(t, ops)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	older := s.ca.with(t, ops)
	older.MaxVersion = tls.VersionTLS12
	elsewhere := s.ca.with(t, ops)
	elsewhere.ServerName = "payoutsvc.example"
	trusting := &tls.Config{RootCAs: pool(s.ca, stranger)}
	trusting.GetClientCertificate = s.ca.with(t, stranger.issue(t, "ops.example")).GetClientCertificate
	// What each may do: list programs, list plans, change a program.
	const nothing = "Unauthenticated Unauthenticated Unauthenticated"
	const noConnection = "Unavailable Unavailable Unavailable"
	for what, test := range map[string]struct {
		with *tls.Config
		want string
	}{
		"one of two roles":                       {s.ca.with(t, ops), "OK OK OK"},
		"one role, by a URI":                     {s.ca.with(t, s.ca.issue(t, "spiffe://example/reviewer")), "OK OK PermissionDenied"},
		"an auditor":                             {s.ca.with(t, s.ca.issue(t, "payoutsvc.example")), "OK OK PermissionDenied"},
		"the second name is known":               {s.ca.with(t, s.ca.issue(t, "other.example", "ops.example")), "OK OK OK"},
		"TLS 1.2":                                {older, "OK OK OK"},
		"a name that is not known":               {s.ca.with(t, s.ca.issue(t, "other.example")), nothing},
		"another service's name":                 {s.ca.with(t, s.ca.issue(t, "writer.example")), nothing},
		"a name in another case, and more":       {s.ca.with(t, s.ca.issue(t, "a.ops.example")), nothing},
		"no name":                                {s.ca.with(t, s.ca.issue(t)), nothing},
		"a subject by that name":                 {s.ca.with(t, s.ca.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ops.example"}})), nothing},
		"no certificate":                         {s.ca.with(t), nothing},
		"by another authority":                   {trusting, noConnection},
		"expired":                                {s.ca.with(t, expired), noConnection},
		"a client that trusts another authority": {stranger.with(t, ops), noConnection},
		"a client that wants another service":    {elsewhere, noConnection},
		"TLS 1.1":                                {old, noConnection},
		"plain text":                             {nil, noConnection},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if got := mayDo(t, reach(t, s.plansvc, test.with)); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	t.Run("a token decides alone", func(t *testing.T) {
		t.Parallel()
		plans := planv1.NewPlanServiceClient(reach(t, s.plansvc, s.ca.with(t, ops)))
		update := &planv1.UpdateProgramRequest{Program: &planv1.Program{Name: "programs/" + sample.Program, DisplayName: "Azure"}}
		for token, want := range map[string]codes.Code{
			"x.y.z": codes.Unauthenticated, s.token("al", "AUDITOR", ""): codes.PermissionDenied, s.token("nob", "", ""): codes.PermissionDenied,
		} {
			if _, err := plans.UpdateProgram(s.as(token), update); status.Code(err) != want {
				t.Errorf("with a token in the name of a program admin: %v, want %s", err, want)
			}
		}
	})
	t.Run("the state of a service is for all", func(t *testing.T) {
		t.Parallel()
		_, err := grpc_health_v1.NewHealthClient(reach(t, s.plansvc, s.ca.with(t))).Check(within(t), &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("the gateway speaks TLS 1.2, and no plain text", func(t *testing.T) {
		t.Parallel()
		s.checkDoor(t)
	})
}

// mayDo lists programs and plans and changes a program, and returns what came of each.
func mayDo(t *testing.T, conn *grpc.ClientConn) string {
	t.Helper()
	plans := planv1.NewPlanServiceClient(conn)
	_, listed := plans.ListPrograms(within(t), &planv1.ListProgramsRequest{})
	_, planned := plans.ListPlans(within(t), &planv1.ListPlansRequest{Parent: "partners/-"})
	_, changed := plans.UpdateProgram(within(t), &planv1.UpdateProgramRequest{
		Program:    &planv1.Program{Name: "programs/" + sample.Program, DisplayName: "Azure"},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
	})
	return fmt.Sprint(status.Code(listed), " ", status.Code(planned), " ", status.Code(changed))
}

// checkDoor checks who gets to speak to the gateway.
func (s *secured) checkDoor(t *testing.T) {
	t.Helper()
	at := strings.TrimPrefix(s.gateway, "https://")
	for version, want := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		config := s.ca.with(t)
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, version
		dialer := tls.Dialer{Config: config}
		conn, err := dialer.DialContext(within(t), "tcp", at)
		if err == nil {
			conn.Close()
		}
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	request, err := http.NewRequestWithContext(within(t), http.MethodGet, "http://"+at+"/v1/programs", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return // also an answer
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("plain text: %s", response.Status)
	}
}

// Commands call with a token in a file, or with a certificate.
func TestCommandsOverTLS(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	short := strings.NewReplacer("partners/", "", "plans/", "").Replace(sample.Name(1))
	token := s.ring.put(t, "token", s.token("al", "AUDITOR", "")+"\n")
	late := s.ring.put(t, "late", s.issuer.Token(t, time.Now(), authtest.Claims{"exp": time.Now().Add(-time.Hour).Unix(), "roles": "AUDITOR"}))
	ca, other := s.ring.path("ca.pem"), s.ring.put(t, "other.pem", newAuthority(t).pem)
	ops, nobody := s.ring.putLeaf(t, "ops", s.ca.issue(t, "ops.example")), s.ring.putLeaf(t, "nobody", s.ca.issue(t, "nobody.example"))
	for _, test := range []struct {
		name string
		args []string
		want string // in what is printed, as an error where it does not begin with the plan
	}{
		{"a token", []string{"--token-file", token, "--tls-ca", ca}, ""},
		{"a certificate", append(ops, "--tls-ca", ca), ""},
		{"a certificate of nobody", append(nobody, "--tls-ca", ca), "UNAUTHENTICATED"},
		{"an expired token", []string{"--token-file", late, "--tls-ca", ca}, "UNAUTHENTICATED"},
		{"neither", []string{"--tls-ca", ca}, "UNAUTHENTICATED"},
		{"another authority", []string{"--token-file", token, "--tls-ca", other}, "(certificate signed by unknown authority)"},
		{"plain text", nil, "no plan service answers"},
		{"an empty token", []string{"--token-file", s.ring.put(t, "empty", "\n"), "--tls-ca", ca}, "incentives: --token-file: "},
		{"no token", []string{"--token-file", s.ring.path("none"), "--tls-ca", ca}, "incentives: --token-file: open"},
		{"half a certificate", []string{"--tls-cert", ca}, "incentives: --tls-cert and --tls-key need each other"},
		{"plain text to another machine", []string{"--plansvc", "192.0.2.1:9001", "--token-file", token}, "a token is not sent there in plain text"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := s.in(t).do(t.TempDir(), append([]string{"plans", "show", short}, test.args...)...)
			if test.want == "" {
				if got.Status != done || got.Err != "" || !strings.Contains(got.Out, "APPROVED") {
					t.Errorf("%+v, want the plan", got)
				}
				return
			}
			if got.Status != failed || got.Out != "" || strings.Count(got.Err, "\n") != 1 || !strings.Contains(got.Err, test.want) {
				t.Errorf("%+v, want 1, and one line with %q", got, test.want)
			}
		})
	}
}
