package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/incentives-dev/incentives/gateway/openapi"
	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A mux answers every HTTP request.
type mux struct {
	failures
	calls    *runtime.ServeMux
	bindings bindings
	plans    *grpc.ClientConn
	payouts  *grpc.ClientConn
	draining <-chan struct{} // closed when streams are to come to an end
}

// newMux connects the calls of both services.
func newMux(ctx context.Context, m *mux) (*mux, error) {
	m.bindings = bindings{}
	m.calls = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler()),
		runtime.WithErrorHandler(m.handler),
		runtime.WithRoutingErrorHandler(m.unroutable),
		runtime.WithMiddlewares(m.check),
		// "%2F" has been refused before, so no two paths become one.
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithOutgoingHeaderMatcher(drop),
		runtime.WithOutgoingTrailerMatcher(drop),
	)
	plans := planv1.File_incentives_plan_v1_plan_service_proto.Services().ByName("PlanService")
	payouts := payoutv1.File_incentives_payout_v1_payout_service_proto.Services().ByName("PayoutService")
	if err := m.bindings.add(plans, m.plans); err != nil {
		return nil, err
	}
	if err := m.bindings.add(payouts, m.payouts); err != nil {
		return nil, err
	}
	if err := planv1.RegisterPlanServiceHandler(ctx, m.calls, m.plans); err != nil {
		return nil, fmt.Errorf("register the calls of plansvc: %w", err)
	}
	if err := payoutv1.RegisterPayoutServiceHandler(ctx, m.calls, m.payouts); err != nil {
		return nil, fmt.Errorf("register the calls of payoutsvc: %w", err)
	}
	return m, nil
}

// drop keeps gRPC's own headers from the answers.
func drop(string) (string, bool) { return "", false }

// ServeHTTP answers one request.
func (m *mux) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
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
		m.calls.ServeHTTP(w, r)
	}
}

func (m *mux) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openapi.Document) // the caller has gone
}

// check stands before every call: it refuses what grpc-gateway would ignore, and
// takes over the calls that stream.
func (m *mux) check(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		if probed, ok := r.Context().Value(probeKey{}).(*bool); ok {
			*probed = true
			return
		}
		b, ok := m.bindings.find(r)
		if !ok {
			m.write(r.Context(), w, status.Error(12, "not bound")) // no call of ours, so nothing that could be reached
			return
		}
		if b.method.IsStreamingClient() || b.method.IsStreamingServer() {
			m.stream(w, r, b, params)
			return
		}
		r, err := b.prepare(w, r, params)
		if err != nil {
			m.write(r.Context(), w, err)
			return
		}
		next(w, r, params)
	}
}

// prepare reads the body of a call that is one message, checks its query, and
// returns the request as generated code is to see it.
func (b *binding) prepare(w http.ResponseWriter, r *http.Request, params map[string]string) (*http.Request, error) {
	body, err := b.readBody(w, r)
	if err != nil {
		return r, err
	}
	var v fault.Violations
	query := b.readQuery(&v, r, params)
	if v.Err() != nil && b.content() != nil {
		explain(v.In(b.contentPath()), body, b.content())
	}
	if err := v.Err(); err != nil {
		return r, err
	}
	b.setMask(query, body)
	r = r.WithContext(context.WithValue(r.Context(), requestKey{}, request{binding: b, body: body}))
	target := *r.URL
	target.RawQuery = query.Encode()
	r.URL = &target
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Del("Content-Type") // JSON, whatever curl says; a form would be read as a query
	return r, nil
}

// readQuery returns the query of a request, and records in v what is wrong with it.
func (b *binding) readQuery(v *fault.Violations, r *http.Request, params map[string]string) url.Values {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		v.Add("", "QUERY_MALFORMED", "the query can't be read: %s", err)
		return nil
	}
	b.checkQuery(v, query, params)
	return query
}

// unroutable answers what leads to no call.
func (m *mux) unroutable(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpStatus int) {
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
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	m.write(r.Context(), w, fault.New(fault.Invalid, "METHOD_NOT_ALLOWED", "%.20s is not a method of this path, which has %s", r.Method, strings.Join(allowed, ", ")))
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
		if method != r.Method {
			m.calls.ServeHTTP(nothing{}, probe)
		}
		if reached {
			allowed = append(allowed, method)
		}
	}
	return slices.Clip(allowed)
}

// nothing is where the answer to a probe goes.
type nothing struct{}

func (nothing) Header() http.Header            { return http.Header{} }
func (nothing) Write(data []byte) (int, error) { return len(data), nil }
func (nothing) WriteHeader(int)                {}
