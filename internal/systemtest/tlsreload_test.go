package systemtest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/plansvc/sample"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// shows returns the number of the certificate that is shown at an address to a client that trusts some authorities.
func shows(t *testing.T, at string, trusted ...*authority) (string, error) {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: pool(trusted...), NextProtos: []string{"h2", "http/1.1"}}}
	conn, err := dialer.DialContext(within(t), "tcp", at)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].DNSNames[0], nil //nolint:errcheck // it is one
}

// awaitShown waits until a certificate for a name is shown.
func awaitShown(t *testing.T, at, name string, trusted ...*authority) {
	t.Helper()
	redistest.Await(t, "the certificate for "+name, func(context.Context) error {
		got, err := shows(t, at, trusted...)
		if err == nil && got != name {
			err = errors.New(got)
		}
		return err
	})
}

// Certificates are renewed while services run: new connections are made with what is in the files. What can't be used leaves
// in use what is.
func TestCertificatesAreReloaded(t *testing.T) {
	t.Parallel()
	s := startSecured(t)
	next := newAuthority(t)
	held := planv1.NewPlanServiceClient(reach(t, s.plansvc, s.ca.with(t, s.ca.issue(t, "ops.example"))))
	list := func(from planv1.PlanServiceClient) error {
		_, err := from.ListPrograms(within(t), &planv1.ListProgramsRequest{})
		return err
	}
	if err := list(held); err != nil {
		t.Fatal(err)
	}
	// by is a call on a new connection, to a server of the next authority, with a certificate of one.
	by := func(a *authority) error {
		config := next.with(t)
		config.GetClientCertificate = a.with(t, a.issue(t, "ops.example")).GetClientCertificate
		return list(planv1.NewPlanServiceClient(reach(t, s.plansvc, config)))
	}

	s.ring.putLeaf(t, "plansvc", next.issue(t, "second.example", "127.0.0.1"))
	awaitShown(t, s.plansvc, "second.example", next)
	if err := by(next); status.Code(err) != codes.Unavailable {
		t.Errorf("by an authority that is not one yet: %v", err)
	}

	// Broken files: of one, half; of the other, another's. Files are looked at in order, the authorities last.
	good := read(t, string(s.ring), "plansvc.pem")
	s.ring.put(t, "plansvc.pem", good[:len(good)/2])
	s.ring.put(t, "ca.pem", next.pem+s.ca.pem)
	redistest.Await(t, "a certificate of the next authority", func(context.Context) error { return by(next) })
	s.ring.put(t, "plansvc.pem", s.ca.issue(t, "misfit.example").certificate)
	s.ring.put(t, "ca.pem", next.pem)
	redistest.Await(t, "the first authority is no more", func(context.Context) error {
		if err := by(s.ca); status.Code(err) != codes.Unavailable {
			return fmt.Errorf("not yet: %w", err)
		}
		return nil
	})
	s.ring.put(t, "ca.pem", "nothing\n")
	s.ring.putLeaf(t, "plansvc", next.issue(t, "third.example", "127.0.0.1"))
	awaitShown(t, s.plansvc, "third.example", next)
	s.ring.putLeaf(t, "plansvc", next.issue(t, "fourth.example", "127.0.0.1")) // so that the authorities have been looked at, too
	awaitShown(t, s.plansvc, "fourth.example", next)
	if err := by(next); err != nil {
		t.Errorf("with a broken file of authorities: %v", err)
	}

	// The gateway's, too.
	s.ring.putLeaf(t, "gateway", next.issue(t, "door.example", "127.0.0.1"))
	awaitShown(t, s.gateway[len("https://"):], "door.example", next)
	if err := list(held); err != nil {
		t.Errorf("a connection of before: %v", err)
	}
	s.stop()
}

// A payoutsvc whose certificate stands for nobody says that it can't work, and not that its caller is unknown. With the
// certificate that it is given while it runs, it makes its next connection.
func TestPayoutsvcIsGivenAnotherCertificate(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	s.plansvc = s.start("plansvc", "plansvc.example", "--client-roles", planRoles)
	at := s.start("payoutsvc", "nobody.example", "--client-roles", payoutRoles, "--plansvc", s.plansvc)
	conn := reach(t, at, s.ca.with(t, s.ca.issue(t, "operator.example")))
	operator := payoutv1.NewPayoutServiceClient(conn)
	is := func(want string) error {
		answer, err := grpc_health_v1.NewHealthClient(conn).Check(within(t), &grpc_health_v1.HealthCheckRequest{})
		if err != nil {
			return err
		}
		if log := s.parts[1].log.String(); answer.GetStatus().String() != want || want == "NOT_SERVING" && !strings.Contains(log, "refuses this service") {
			return fmt.Errorf("%s, want %s, and the reason in the log:\n%s", answer, want, log)
		}
		return nil
	}
	preview := func() error {
		_, err := operator.PreviewPayoutRun(within(t), &payoutv1.PreviewPayoutRunRequest{Parent: "programs/" + sample.Program, PayDate: payDate})
		return err
	}
	if err := preview(); status.Code(err) != codes.Unavailable || fault.ReasonOf(rpc.FromStatus(err)) != "PLANSVC_REFUSES" {
		t.Errorf("plansvc does not know payoutsvc: %v", err)
	}
	redistest.Await(t, "it is not ready", func(context.Context) error { return is("NOT_SERVING") })

	s.ring.putLeaf(t, "payoutsvc", s.ca.issue(t, "payoutsvc.example"))
	s.parts[0].stop(t)
	redistest.Await(t, "the new certificate", func(context.Context) error {
		again := s.start("plansvc", "plansvc.example", "--client-roles", planRoles, "--listen", s.plansvc)
		defer func() { s.parts[len(s.parts)-1].stop(t) }()
		if again != s.plansvc {
			t.Fatalf("it listens on %s, not %s", again, s.plansvc)
		}
		if err := preview(); err != nil {
			return err
		}
		redistest.Await(t, "it is ready", func(context.Context) error { return is("SERVING") })
		return nil
	})
}

// What one caller of payoutsvc may call plansvc for is not all that there is for its others: payoutsvc is not limited there as a caller is.
func TestCallersOfPayoutsvcAreNotOneOfPlansvc(t *testing.T) {
	t.Parallel()
	s := newSecured(t)
	s.plansvc = s.start("plansvc", "plansvc.example", "--client-roles", planRoles, "--rate-limit", "5")
	at := s.start("payoutsvc", "payoutsvc.example", "--client-roles", payoutRoles, "--plansvc", s.plansvc)
	auditor := payoutv1.NewPayoutServiceClient(reach(t, at, s.ca.with(t, s.ca.issue(t, "auditor.example"))))
	for i := range 30 { // and twice five at once
		if _, err := auditor.ListStatements(within(t), &payoutv1.ListStatementsRequest{Parent: sample.Name(0)}); err != nil {
			t.Fatalf("after %d calls: %v", i, err)
		}
	}
	s.stop()
}
