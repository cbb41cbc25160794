package payoutrpc_test

import (
	"log/slog"
	"testing"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/auth/authtable"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payoutrpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Every method × every role × own and other partner, by the guard that the service has.
func TestEveryMethodAndRole(t *testing.T) {
	server := grpc.NewServer()
	payoutv1.RegisterPayoutServiceServer(server, &payoutrpc.Service{})
	guard, err := auth.Settings{}.Guard(slog.New(slog.DiscardHandler), auth.OwnPartners)
	if err != nil {
		t.Fatal(err)
	}
	authtable.Hold(t, server, guard)
}
