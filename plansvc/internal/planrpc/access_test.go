package planrpc_test

import (
	"log/slog"
	"testing"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/auth/authtable"
	"github.com/incentives-dev/incentives/plansvc/internal/planrpc"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// Every method × every role × own and other partner, with what the store has of enrollments. Rule L2.
func TestL2_EveryMethodAndRole(t *testing.T) {
	w := newWorld(t)
	w.found(t)
	_, err := w.CreateProgram(t.Context(), &planv1.CreateProgramRequest{ProgramId: "office", Program: azure()})
	must(t, err)
	for _, id := range []string{"azure", "office"} {
		_, err := w.CreateEnrollment(t.Context(), &planv1.CreateEnrollmentRequest{Parent: "partners/fabrikam", EnrollmentId: id})
		must(t, err)
	}
	service, server := planrpc.New(planstore.New(w.db), w.clock), grpc.NewServer()
	service.Register(server)
	guard, err := auth.Settings{}.Guard(slog.New(slog.DiscardHandler), service.Visible)
	must(t, err)
	authtable.Hold(t, server, guard)
}
