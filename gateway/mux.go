package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"golang.org/x/sync/singleflight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/incentives-dev/incentives/gateway/openapi"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A mux answers every HTTP request.
type mux struct {
	failures
	calls    *runtime.ServeMux // which path and verb is which call
	plans    *grpc.ClientConn
	payouts  *grpc.ClientConn
	asking   singleflight.Group
	stopping context.Context // done when streams are to come to an end
	turns    turns           // of all bindings
}

// newMux binds the calls of both services.
func newMux(m *mux) (*mux, error) {
	m.turns = turns{limit.NewTurns()}
	m.calls = runtime.NewServeMux(
		runtime.WithRoutingErrorHandler(func(
			_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpStatus int,
		) {
			m.unroutable(w, r, httpStatus)
		}),
		// Of a request's header the services are told the bearer token, and nothing that would pass for it.
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		// "%2F" has been refused before, so no two paths become one.
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithDisablePathLengthFallback(), // a POST stays one, whatever its header says
	)
	if err := m.bind(planv1.File_incentives_plan_v1_plan_service_proto, m.plans); err != nil {
		return nil, err
	}
	if err := m.bind(payoutv1.File_incentives_payout_v1_payout_service_proto, m.payouts); err != nil {
		return nil, err
	}
	return m, nil
}

// bind binds the calls of the services of a file, which conn leads to.
func (m *mux) bind(file protoreflect.FileDescriptor, conn *grpc.ClientConn) error {
	for i := range file.Services().Len() {
		methods := file.Services().Get(i).Methods()
		for j := range methods.Len() {
			b, err := bind(methods.Get(j), conn)
			if err != nil {
				return err
			}
			b.turns = m.turns
			if err := m.calls.HandlePath(b.verb, b.path, m.handle(b)); err != nil {
				return err
			}
		}
	}
	return nil
}

// ServeHTTP answers one request.
func (m *mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	own := map[string]http.HandlerFunc{"/healthz": m.health, "/readyz": m.ready, "/openapi.json": m.openapi}
	handle, ok := own[r.URL.Path]
	switch {
	case ok && r.Method != http.MethodGet && r.Method != http.MethodHead:
		m.notAllowed(w, r, []string{http.MethodGet, http.MethodHead})
	case ok:
		handle(w, r)
	case strings.Contains(strings.ToLower(r.URL.EscapedPath()), "%2f"):
		m.write(r.Context(), w, fault.New(fault.Invalid, "PATH_MALFORMED", `no id holds "/", so the path can't hold %%2F`))
	default:
		m.calls.ServeHTTP(w, untyped(r))
	}
}

// untyped is a request that says nothing of what its body is. Nobody here asks, but grpc-gateway would write a line about
// each that it can't read, as an error, which callers could fill a log with.
func untyped(r *http.Request) *http.Request {
	const kind = "Content-Type"
	if _, ok := r.Header[kind]; !ok {
		return r
	}
	r = r.WithContext(r.Context())
	r.Header = r.Header.Clone()
	r.Header.Del(kind)
	return r
}

func (m *mux) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openapi.Document) // the caller has gone
}

// handle answers the requests of one call.
func (m *mux) handle(b *binding) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		if reached, ok := r.Context().Value(probeKey{}).(*bool); ok {
			*reached = true
			return
		}
		if b.streams() {
			m.stream(w, r, b, params)
			return
		}
		if err := m.call(w, r, b, params); err != nil {
			m.write(r.Context(), w, err)
		}
	}
}

// call answers a call that is one message each way.
func (m *mux) call(w http.ResponseWriter, r *http.Request, b *binding, params map[string]string) error {
	request, bad, err := b.read(w, r, params)
	if err != nil {
		return err
	}
	ctx, err := m.outgoing(r.Context(), r, b)
	if err != nil {
		return err
	}
	if _, ok := ctx.Deadline(); ok { // the client's own: services need not know of one that they do not wait for
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callPatience-answerPatience)
		defer cancel()
	}
	answer := b.answer.New().Interface()
	if err := b.conn.Invoke(ctx, b.name, request, answer); err != nil {
		return err
	}
	bad.tell(answer)
	body, err := b.marshal(r.Context(), answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(body, '\n')) // the caller has gone
	return nil
}

// marshal is the JSON of an answer. A large one waits for its turn.
func (b *binding) marshal(ctx context.Context, answer proto.Message) ([]byte, error) {
	leave, err := b.turns.take(ctx, proto.Size(answer))
	if err != nil {
		return nil, err
	}
	defer leave()
	return answers().Marshal(answer)
}

// outgoing is the context of a call to a service: ctx with what the header of a
// request says to services.
func (m *mux) outgoing(ctx context.Context, r *http.Request, b *binding) (context.Context, error) {
	ctx, err := runtime.AnnotateContext(ctx, m.calls, r, b.name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "REQUEST_MALFORMED", "the request's header can't be read: %s", status.Convert(err).Message())
	}
	return ctx, nil
}

// unroutable answers what leads to no call.
func (m *mux) unroutable(w http.ResponseWriter, r *http.Request, httpStatus int) {
	if _, probing := r.Context().Value(probeKey{}).(*bool); probing {
		return // else it would probe in turn, without end
	}
	switch httpStatus {
	case http.StatusMethodNotAllowed:
		m.notAllowed(w, r, m.allowed(r))
	case http.StatusNotFound:
		m.write(r.Context(), w, fault.New(fault.NotFound, "PATH_UNKNOWN", "there is nothing at %.200s: /openapi.json lists what there is", r.URL.Path))
	default:
		m.write(r.Context(), w, fault.New(fault.Invalid, "PATH_MALFORMED", "the path can't be read"))
	}
}

func (m *mux) notAllowed(w http.ResponseWriter, r *http.Request, allowed []string) {
	methods := strings.Join(allowed, ", ")
	w.Header().Set("Allow", methods)
	m.write(r.Context(), w, fault.New(fault.Invalid, "METHOD_NOT_ALLOWED", "%.20s is not a method of this path, which has %s", r.Method, methods))
}

type probeKey struct{}

// allowed returns the methods that the path of a request has, by asking for each
// of them without calling it.
func (m *mux) allowed(r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		reached := false
		probe := r.WithContext(context.WithValue(r.Context(), probeKey{}, &reached))
		probe.Method = method
		m.calls.ServeHTTP(nil, probe) // which answers nothing
		if reached {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
