package auth

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
)

// A Guard holds every call of a server to the policies of its methods.
type Guard struct {
	open     bool
	identify identify
	policies map[string]policy // by full method name
	log      *slog.Logger
	// sees tells whether what a name stands for exists for a caller that is bound to partners, who is bound to that of the name
	// if it has one.
	sees Sees
}

// Sees tells whether what a resource name stands for exists for a caller, whether there is such a resource or not.
type Sees func(ctx context.Context, a Access, name string) (bool, error)

// OwnPartners has callers see what is of their partners, and nothing that is of none.
func OwnPartners(_ context.Context, _ Access, name string) (bool, error) {
	return strings.HasPrefix(name, "partners/"), nil
}

// An identify says who makes a call; UNAUTHENTICATED where that is not known.
type identify func(ctx context.Context) (Principal, error)

// Open is a guard that lets everybody call everything: of a server that has nothing to guard.
func Open() *Guard { return &Guard{open: true} }

// Protect reads the policies of what is registered with a server. It fails where a method has none.
func (g *Guard) Protect(server *grpc.Server) (err error) {
	if !g.open {
		g.policies, err = policies(server)
	}
	return err
}

// admit admits a call to a method, about what a request names.
func (g *Guard) admit(ctx context.Context, method string, request any) (context.Context, error) {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if g.open || slices.Contains(open, service) {
		return ctx, nil
	}
	who, err := g.identify(ctx)
	if err != nil {
		return nil, err
	}
	if slices.Contains(forKnown, service) {
		if !who.Local && len(who.Roles) == 0 {
			return nil, denied()
		}
		return ctx, nil
	}
	p, ok := g.policies[method]
	if !ok {
		return nil, unseen() // deny by default
	}
	name := ""
	if message, ok := request.(proto.Message); ok {
		name = p.named(message)
	}
	access, err := p.admit(who, name, func(a Access, name string) (bool, error) { return g.sees(ctx, a, name) })
	if err != nil {
		return nil, err
	}
	return With(ctx, access), nil
}

// Unary is the interceptor of calls.
func (g *Guard) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, err := g.admit(ctx, info.FullMethod, request)
	if err != nil {
		return nil, err
	}
	return handle(ctx, request)
}

// Stream is the interceptor of streams. No stream is about what only some partners may see; see policyOf.
func (g *Guard) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx, err := g.admit(stream.Context(), info.FullMethod, nil)
	if err != nil {
		return err
	}
	return handle(server, admitted{stream, ctx})
}

// An admitted stream knows as what it was admitted.
type admitted struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // gRPC's own way to give a stream another one
}

func (s admitted) Context() context.Context { return s.ctx }

// unknown is what a caller is told who is not known; why is for the service's own log.
func unknown() *fault.Error {
	return fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "the caller is not known: a valid bearer token or a certificate is needed")
}
