package planrpc

import (
	"context"
	"crypto/rand"
	"strings"

	"google.golang.org/grpc"

	"github.com/incentives-dev/incentives/internal/auth"
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

// actor is who calls.
func actor(ctx context.Context) plan.Actor {
	a := auth.From(ctx)
	return plan.Actor{ID: a.Actor(), Role: a.Role.String(), Local: a.Local}
}

// Visible is the guard's question about a caller that is bound to partners. Rule L2.
func (s *Server) Visible(ctx context.Context, a auth.Access, name string) (bool, error) {
	by, needed := plan.SeenBy(name, a.Partners)
	if !needed {
		return true, nil
	}
	return s.enrolled(ctx, by)
}

// seesProgramOf tells whether the program of a plan that is the caller's partner's exists for the caller. Rule L2.
func (s *Server) seesProgramOf(ctx context.Context, name plan.Name) (bool, error) {
	if !auth.From(ctx).Bound() {
		return true, nil
	}
	return s.enrolled(ctx, plan.Sight{Partners: []string{name.Partner}, Program: name.Program})
}

// enrolled tells whether any of the partners is enrolled in the program.
func (s *Server) enrolled(ctx context.Context, by plan.Sight) (bool, error) {
	for _, partner := range by.Partners {
		e, err := s.store.Enrollment(ctx, partner, by.Program)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return false, err
		}
		if err == nil && plan.CheckEnrolled(e, by.Program) == nil {
			return true, nil
		}
	}
	return false, nil
}

// newID makes an id for what the caller has given none.
func newID(given string) string {
	if given != "" {
		return given
	}
	return strings.ToLower(rand.Text()[:16])
}
