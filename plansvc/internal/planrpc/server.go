package planrpc

import (
	"context"
	"crypto/rand"
	"strings"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A Server answers the calls of the plan service.
type Server struct {
	planv1.UnimplementedPlanServiceServer

	store *planstore.Store
	now   clock.Clock
}

// New is a Server over a store.
func New(store *planstore.Store, now clock.Clock) *Server { return &Server{store: store, now: now} }

// Register adds s to a gRPC server.
func (s *Server) Register(to grpc.ServiceRegistrar) { planv1.RegisterPlanServiceServer(to, s) }

// call is what every change comes with: who makes it and when, the etag that it
// gives or "", and what reading found. It is made within the store's update, so that
// a change that is made again on newer state is dated again, and history never
// goes back in time.
func (s *Server) call(ctx context.Context, v *fault.Violations, etag string) plan.Call {
	return plan.Call{Actor: actor(ctx), Now: s.now(), Etag: etag, Violations: v}
}

// actor is who calls. The service knows no identities yet: whoever reaches it
// is the one local principal, who may also review what it submitted.
func actor(context.Context) plan.Actor { return plan.Actor{ID: "local", Local: true} }

// newID makes an id for what the caller has given none.
func newID(given string) string {
	if given != "" {
		return given
	}
	return strings.ToLower(rand.Text()[:16])
}
