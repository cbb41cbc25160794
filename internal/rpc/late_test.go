package rpc_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/auth/authtest"
	"github.com/incentives-dev/incentives/internal/rpc"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// The first call is let in before it is known who makes it, since the issuer has to be asked. The log knows all the same.
func TestTheLogKnowsWhomTheIssuerHadToBeAskedAbout(t *testing.T) {
	t.Parallel()
	issuer := authtest.New(t)
	guard, err := auth.Settings{Tokens: auth.Tokens{
		OIDCIssuer: issuer.URL, OIDCAudience: authtest.Audience, OIDCRolesClaim: "roles", OIDCPartnersClaim: "mpn_ids",
	}}.Guard(slog.New(slog.DiscardHandler), auth.OwnPartners)
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, service{}, func(s *rpc.Server) {
		s.Guard = guard
		s.Register = func(r grpc.ServiceRegistrar) {
			planv1.RegisterPlanServiceServer(r, planv1.UnimplementedPlanServiceServer{})
		}
	})
	token := issuer.Token(t, time.Now(), authtest.Claims{"sub": "ann", "roles": "BILLING_ADMIN", "mpn_ids": "contoso"})
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
	_, err = planv1.NewPlanServiceClient(server.conn).GetPlan(ctx, &planv1.GetPlanRequest{Name: "partners/fabrikam/plans/azure.coop.fy26"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("%v, want NOT_FOUND", err)
	}
	if lines := server.log.Lines("a call was refused"); len(lines) != 1 || !strings.Contains(lines[0], "caller=ann") {
		t.Errorf("logged %q, want one line that names ann", lines)
	}
}
