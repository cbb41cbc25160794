package rpc_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/logtest"
	"github.com/incentives-dev/incentives/internal/rpc"
)

type bytesValue = wrapperspb.BytesValue

// A service has one unary call and one stream of both sides, which do what a test says.
type service struct {
	call   func(ctx context.Context, request *bytesValue) (*bytesValue, error)
	stream func(stream grpc.ServerStream) error
}

const (
	serviceName  = "test.Service"
	callMethod   = "/" + serviceName + "/Call"
	streamMethod = "/" + serviceName + "/Stream"
)

func (s service) register(r grpc.ServiceRegistrar) {
	r.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Call", Handler: func(
			_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor,
		) (any, error) {
			request := &bytesValue{}
			if err := decode(request); err != nil {
				return nil, err
			}
			return intercept(ctx, request, &grpc.UnaryServerInfo{FullMethod: callMethod}, func(ctx context.Context, request any) (any, error) {
				value, _ := request.(*bytesValue) // it has no others
				return s.call(ctx, value)
			})
		}}},
		Streams: []grpc.StreamDesc{{StreamName: "Stream", ServerStreams: true, ClientStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
			return s.stream(stream)
		}}},
	}, s)
}

// A running server, and a connection to it.
type running struct {
	conn   *grpc.ClientConn
	drain  chan struct{}
	stop   context.CancelFunc
	served chan error // what Serve returned
	log    *logtest.Journal
}

// start serves a service in memory. What a test changes of the server is set before.
func start(t *testing.T, s service, change ...func(*rpc.Server)) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{drain: make(chan struct{}), stop: stop, served: make(chan error, 1), log: &logtest.Journal{}}
	listener := bufconn.Listen(1 << 16)
	server := rpc.Server{
		Name: "test", Listener: listener, Guard: auth.Open(), Register: s.register, Ready: func(context.Context) error { return nil },
		Drain: r.drain, Deadline: 10 * time.Second, Log: logger(r.log),
	}
	for _, set := range change {
		set(&server)
	}
	go func() { r.served <- server.Serve(ctx) }()
	r.conn = dial(t, func(ctx context.Context) (net.Conn, error) { return listener.DialContext(ctx) })
	return r
}

// logger logs to a journal.
func logger(j *logtest.Journal) *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

func dial(t *testing.T, connect func(context.Context) (net.Conn, error)) *grpc.ClientConn {
	t.Helper()
	conn, err := rpc.Dial("passthrough:///memory", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return connect(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// call makes the unary call with a message of so many bytes.
func (r *running) call(ctx context.Context, value []byte) error {
	return r.conn.Invoke(ctx, callMethod, wrapperspb.Bytes(value), &bytesValue{})
}

func (r *running) open(t *testing.T) grpc.ClientStream {
	t.Helper()
	stream, err := r.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// listServices is what reflection says of a server's services.
func listServices(t *testing.T, stream grpc.ClientStream) string {
	t.Helper()
	if err := stream.SendMsg(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	response := &reflectionpb.ServerReflectionResponse{}
	if err := stream.RecvMsg(response); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	return response.String()
}
