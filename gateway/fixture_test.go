package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/incentives-dev/incentives/internal/logtest"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// A fake stands in for a service in memory. It keeps what it gets, whichever
// call it is, and answers what the test says.
type fake struct {
	listener *bufconn.Listener
	server   *grpc.Server
	health   *health.Server

	// answer says what comes of a call that is one message; where it is nil, an empty answer.
	answer func(got *received) (proto.Message, error)
	// stream is the handler of the calls that stream.
	stream func(stream grpc.ServerStream) error

	mu    sync.Mutex
	calls []*received
}

// A received is one call that came to a fake.
type received struct {
	method   string // CreatePlan
	request  proto.Message
	metadata metadata.MD
	done     <-chan struct{} // closed when the caller does not wait any more
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{listener: bufconn.Listen(1 << 16), health: health.NewServer()}
	f.server = grpc.NewServer(grpc.UnknownServiceHandler(f.handle), grpc.MaxRecvMsgSize(16<<20), grpc.WaitForHandlers(true))
	grpc_health_v1.RegisterHealthServer(f.server, f.health)
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(f.listener) }()
	t.Cleanup(func() {
		f.server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // it may have been stopped before it began
			t.Errorf("the fake service: %v", err)
		}
	})
	return f
}

// handle is every call of the fake's.
func (f *fake) handle(_ any, stream grpc.ServerStream) error {
	name, _ := grpc.MethodFromServerStream(stream)
	found, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(name[1:], "/", ".")))
	if err != nil {
		return err
	}
	method, ok := found.(protoreflect.MethodDescriptor)
	if !ok {
		return fmt.Errorf("%s is no method", name)
	}
	if method.IsStreamingServer() {
		return f.stream(stream)
	}
	got := &received{method: string(method.Name()), request: empty(method.Input()), done: stream.Context().Done()}
	got.metadata, _ = metadata.FromIncomingContext(stream.Context())
	if err := stream.RecvMsg(got.request); err != nil {
		return err
	}
	f.mu.Lock()
	f.calls = append(f.calls, got)
	f.mu.Unlock()
	stream.SetTrailer(metadata.Pairs("x-internal", "trailer"))
	if err := stream.SetHeader(metadata.Pairs("x-internal", "header")); err != nil {
		return err
	}
	answer := empty(method.Output())
	if f.answer != nil {
		if answer, err = f.answer(got); err != nil {
			return err
		}
	}
	return stream.SendMsg(answer)
}

// empty is a new message of a type.
func empty(message protoreflect.MessageDescriptor) proto.Message {
	found, err := protoregistry.GlobalTypes.FindMessageByName(message.FullName())
	if err != nil {
		panic(err)
	}
	return found.New().Interface()
}

// last is the call that came last since it was asked before.
func (f *fake) last(t testing.TB) *received {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.calls) == 0 {
		t.Fatal("no call came to the service, want one")
	}
	got := f.calls[len(f.calls)-1]
	f.calls = nil
	return got
}

// lastRequest is the request of the call that came last.
func lastRequest[T proto.Message](t *testing.T, f *fake) T {
	t.Helper()
	got := f.last(t)
	request, ok := got.request.(T)
	if !ok {
		t.Fatalf("the service got %s, want a %T", got.method, request)
	}
	return request
}

// count is how many calls came that nobody has asked for.
func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// refuse lets every call fail with err, as a service of ours would.
func (f *fake) refuse(err error) {
	s, _ := rpc.Status(err)
	f.answer = func(*received) (proto.Message, error) { return nil, s.Err() }
}

// A system is a gateway between two fakes, all of it in memory.
type system struct {
	*testing.T
	plans, payouts *fake
	mux            *mux
	client         *http.Client
	log            *logtest.Journal
	listener       *pipes
	stop           context.CancelFunc // of the gateway
	served         chan error         // what serve returned
}

// shutdownTime is how long the gateway of a test waits for what is in flight.
const shutdownTime = 10 * time.Second

func start(t *testing.T) *system {
	t.Helper()
	s := &system{T: t, plans: newFake(t), payouts: newFake(t), listener: newPipes(), log: &logtest.Journal{}, served: make(chan error, 1)}
	ctx, stop := context.WithCancel(t.Context())
	s.stop = stop
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	told := failures{log: logger, refusals: rpc.NewRefusals(logger)}
	m, err := newMux(&mux{failures: told, plans: dial(t, s.plans), payouts: dial(t, s.payouts), stopping: ctx})
	if err != nil {
		t.Fatal(err)
	}
	s.mux = m
	door, err := newDoor(told, []string{"https://partners.example.com"}, m)
	if err != nil {
		t.Fatal(err)
	}
	config := Config{ShutdownTimeout: shutdownTime, Log: logger}
	go func() { s.served <- config.serve(ctx, s.listener, door) }()
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) { return s.listener.dial(ctx) }
	transport := &http.Transport{DialContext: connect}
	s.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-s.served; err != nil {
			t.Errorf("the gateway ended with %v, want nil", err)
		}
	})
	return s
}

func dial(t testing.TB, f *fake) *grpc.ClientConn {
	t.Helper()
	connect := func(ctx context.Context, _ string) (net.Conn, error) { return f.listener.DialContext(ctx) }
	conn, err := rpc.Dial("passthrough:///memory", grpc.WithContextDialer(connect))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// An answer is what the gateway answered.
type answer struct {
	status int
	header http.Header
	body   string
	close  bool // the connection is of no more use
}

// send sends a request to the gateway; header is name, value, name, value …
func (s *system) send(verb, target, body string, header ...string) answer {
	s.Helper()
	return s.sendBody(verb, target, strings.NewReader(body), header...)
}

func (s *system) sendBody(verb, target string, body io.Reader, header ...string) answer {
	s.Helper()
	response, err := s.client.Do(s.request(verb, target, body, header...))
	if err != nil {
		s.Fatalf("%s %s: %v", verb, target, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.Fatalf("%s %s: %v after %q", verb, target, err, data)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(data), close: response.Close}
}

func (s *system) request(verb, target string, body io.Reader, header ...string) *http.Request {
	s.Helper()
	request, err := http.NewRequestWithContext(s.Context(), verb, "http://gateway"+target, body)
	if err != nil {
		s.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	return request
}

// readAnswer reads an answer from a connection.
func readAnswer(t *testing.T, conn net.Conn) answer {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(data), close: response.Close}
}

// dollars is an amount in US dollars.
func dollars(units int64, nanos int32) *money.Money {
	return &money.Money{CurrencyCode: "USD", Units: units, Nanos: nanos}
}

// A refusal is what an error says to programs.
type refusal struct {
	Code       codes.Code
	Reason     string
	Violations []string // "plan.market FIELD_MALFORMED", in order
}

// checkRefused checks that a request was refused by the gateway itself: as wanted, and
// without a call to a service.
func (s *system) checkRefused(got answer, httpStatus int, want refusal) {
	s.Helper()
	if got.status != httpStatus {
		s.Errorf("HTTP status %d, want %d: %.500s", got.status, httpStatus, got.body)
		return
	}
	if diff := cmp.Diff(want, refusalOf(s.T, statusOf(s.T, got.body))); diff != "" {
		s.Errorf("refused otherwise (-want +got):\n%s%.500s", diff, got.body)
	}
	if calls := s.plans.count() + s.payouts.count(); calls != 0 {
		s.Errorf("%d calls came to the services, want none", calls)
	}
}

// statusOf reads the error that a body is.
func statusOf(t testing.TB, body string) *status.Status {
	t.Helper()
	var p statuspb.Status
	if err := protojson.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("%v: not a google.rpc.Status: %.500s", err, body)
	}
	return status.FromProto(&p)
}

func refusalOf(t testing.TB, s *status.Status) refusal {
	t.Helper()
	got := refusal{Code: s.Code()}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			got.Reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				got.Violations = append(got.Violations, v.GetField()+" "+v.GetReason())
			}
		}
	}
	return got
}
