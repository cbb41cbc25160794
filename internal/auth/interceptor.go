package auth

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
)

// A Guard holds every call of a server to the policies of its methods.
type Guard struct {
	certified

	unguarded bool
	local     bool    // there are no identities, and everybody on this machine is the local principal
	internal  string  // the token of another part of the same process; "" where there is none
	tokens    *issuer // nil where there is none
	limit     Limit
	// strangers are those who call what everybody may, by address.
	strangers limit.Places
	coming    limit.Places      // of calls whose message is not there yet, by caller
	undecided limit.Places      // likewise of those that Tap can't decide on, by address
	policies  map[string]policy // by full method name
	log       *slog.Logger
	visible   Visible
}

// Visible tells whether a caller that is bound to partners may learn what a name stands for, or that there is nothing. Names of other
// partners have been refused when it is asked.
type Visible func(ctx context.Context, a Access, name string) (bool, error)

// OwnPartners has callers see every name of a partner, which is one of theirs, and none that is of no partner.
func OwnPartners(_ context.Context, _ Access, name string) (bool, error) {
	return strings.HasPrefix(name, "partners/"), nil
}

// A Limit admits one more call of a caller that is known, which goes on in the context admitted; release has to be called when it is over.
type Limit func(ctx context.Context, caller string) (admitted context.Context, release func(), err error)

// SetLimit has a limit hold for all calls. It is called before the server serves.
func (g *Guard) SetLimit(l Limit) { g.limit = l }

// mostOpen is how many calls that everybody may make come from one address at once. Some of them, such as watching health, do not end.
const mostOpen = 64

// mostComing is how many messages of one caller come at once. When they are there, calls are counted by the Limit.
const mostComing = 256

type callerKey struct{}

// lateKey is for who makes a call that Tap could not decide on.
type lateKey struct{}

// Awaiting is a context by which Caller knows also whom Unary or Stream find out later, in a context below it.
func Awaiting(ctx context.Context) context.Context {
	if _, ok := Caller(ctx); ok {
		return ctx
	}
	return context.WithValue(ctx, lateKey{}, &Principal{})
}

// Tap looks at who makes a call when its headers are there, before anything is read of a message: what a stranger sends
// takes no memory. It does not wait for anything; whom it cannot decide on, Unary or Stream does. A call that is refused has a
// context, too, which knows its source.
func (g *Guard) Tap(ctx context.Context, method string) (context.Context, error) {
	if g.unguarded {
		return ctx, nil
	}
	ctx = g.through(ctx)
	who, err := g.identify(ctx, false)
	switch {
	case err == nil:
		return WithCaller(ctx, who), nil
	case IsOpen(method) || errors.Is(err, errUndecided):
		return ctx, nil
	}
	return ctx, err
}

// Hold takes a place for a call that Tap has let in, whose message takes memory while it comes: leave gives it back, and is called when the
// message is there or the call has ended. What everybody may call keeps its place to the end. Hold comes after all else that refuses a call
// when its headers are there: gRPC does not end the context of one that is refused then, and the place would never be given back.
func (g *Guard) Hold(ctx context.Context, method string) (leave func(), err error) {
	who, known := Caller(ctx)
	var ok bool
	switch {
	case g.unguarded || known && who.Key() == "":
		return func() {}, nil
	case known:
		if leave, ok = g.coming.Take(who.Key(), mostComing); !ok {
			return nil, tooMany("%d calls of this caller are on their way, which is as many as are taken", mostComing)
		}
		return leave, nil
	case !IsOpen(method):
		if leave, ok = g.undecided.Take(Source(ctx), mostWaiting); !ok { // more would not be decided on, either
			return nil, tooMany("%d calls of this address wait to be decided on, which is as many as are taken", mostWaiting)
		}
		return leave, nil
	}
	if leave, ok = g.strangers.Take(Source(ctx), mostOpen); !ok {
		return nil, tooMany("%d calls of this address are in flight, which is as many as are taken", mostOpen)
	}
	context.AfterFunc(ctx, leave)
	return func() {}, nil
}

func tooMany(format string, most int) error {
	e := fault.New(fault.Limit, "TOO_MANY_CALLS_AT_ONCE", format, most)
	e.RetryAfter = time.Second
	return e
}

// WithCaller is the context of a call that somebody makes.
func WithCaller(ctx context.Context, who Principal) context.Context {
	return context.WithValue(ctx, callerKey{}, who)
}

// Caller returns who makes a call; ok is false where nobody has looked, or Tap could not tell.
func Caller(ctx context.Context) (who Principal, ok bool) {
	if who, ok = ctx.Value(callerKey{}).(Principal); ok {
		return who, ok
	}
	if late, found := ctx.Value(lateKey{}).(*Principal); found && (late.Local || late.ID != "") {
		return *late, true
	}
	return who, false
}

// IsOpen tells whether everybody may call a method.
func IsOpen(method string) bool { return slices.Contains(forAll, serviceOf(method)) }

func serviceOf(method string) string {
	service, _, _ := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	return service
}

// Open is a guard that lets everybody call everything: of a server that has nothing to guard.
func Open() *Guard { return &Guard{unguarded: true} }

// Protect reads the policies of what is registered with a server. It fails where a method has none.
func (g *Guard) Protect(server *grpc.Server) (err error) {
	if !g.unguarded {
		g.policies, err = policies(server)
	}
	return err
}

// enter identifies the caller and counts its call, then admits it. When the call is over, release has to be called.
func (g *Guard) enter(ctx context.Context, method string, request any) (admitted context.Context, release func(), err error) {
	who, ok := Caller(ctx)
	if g.unguarded || IsOpen(method) && !ok {
		return ctx, func() {}, nil
	}
	if !ok {
		if who, err = g.identify(ctx, true); err != nil {
			return nil, nil, err
		}
		if late, ok := ctx.Value(lateKey{}).(*Principal); ok {
			*late = who
		}
		ctx = WithCaller(ctx, who)
	}
	release = func() {}
	if key := who.Key(); g.limit != nil && key != "" {
		if ctx, release, err = g.limit(ctx, key); err != nil {
			return nil, nil, err
		}
	}
	if IsOpen(method) {
		return ctx, release, nil
	}
	if admitted, err = g.admit(ctx, method, who, request); err != nil {
		release()
		return nil, nil, err
	}
	return admitted, release, nil
}

// admit admits a call of a caller to a method, about what a request names.
func (g *Guard) admit(ctx context.Context, method string, who Principal, request any) (context.Context, error) {
	if slices.Contains(forKnown, serviceOf(method)) {
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
	access, err := p.admit(who, name, func(a Access, name string) (bool, error) { return g.visible(ctx, a, name) })
	if err != nil {
		return nil, err
	}
	return With(ctx, access), nil
}

// Unary is the interceptor of calls.
func (g *Guard) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	ctx, release, err := g.enter(ctx, info.FullMethod, request)
	if err != nil {
		return nil, err
	}
	defer release()
	return handle(ctx, request)
}

// Stream is the interceptor of streams. No stream is about what only some partners may see; see policyOf.
func (g *Guard) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	ctx, release, err := g.enter(stream.Context(), info.FullMethod, nil)
	if err != nil {
		return err
	}
	defer release()
	return handle(server, admitted{stream, ctx})
}

// An admitted stream knows as what it was admitted.
type admitted struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // gRPC's own way to give a stream another one
}

func (s admitted) Context() context.Context { return s.ctx }

// unknown is what every caller is told that is not known, whatever the reason: that would help to guess.
func unknown() *fault.Error {
	return fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "the caller is not known: a valid bearer token or a certificate is needed")
}
