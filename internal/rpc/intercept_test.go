package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/internal/store"
)

// sized is the value of a message that has so many bytes.
func sized(t *testing.T, size int) []byte {
	t.Helper()
	const around = 5 // its field's number and length
	value := make([]byte, size-around)
	if got := proto.Size(wrapperspb.Bytes(value)); got != size {
		t.Fatalf("the message has %d bytes, want %d", got, size)
	}
	return value
}

// echoing answers as long as messages come.
func echoing() service {
	return service{
		call: func(context.Context, *bytesValue) (*bytesValue, error) { return &bytesValue{}, nil },
		stream: func(stream grpc.ServerStream) error {
			for {
				if err := stream.RecvMsg(&bytesValue{}); err != nil {
					if errors.Is(err, io.EOF) {
						return nil
					}
					return err
				}
				if err := stream.SendMsg(&bytesValue{}); err != nil {
					return err
				}
			}
		},
	}
}

func TestMessageLimit(t *testing.T) {
	if rpc.MessageLimit != 4<<20 {
		t.Errorf("the limit is %d bytes, want 4 MiB", rpc.MessageLimit)
	}
	synctest.Test(t, func(t *testing.T) {
		server := start(t, echoing())
		streamed := func(ctx context.Context, value []byte) error {
			stream, err := server.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod)
			if err != nil {
				return err
			}
			if err := stream.SendMsg(wrapperspb.Bytes(value)); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			if err := stream.RecvMsg(&bytesValue{}); err != nil {
				return err
			}
			if err := stream.CloseSend(); err != nil {
				return err
			}
			if err := stream.RecvMsg(&bytesValue{}); !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		}
		for _, test := range []struct {
			name   string
			size   int
			code   codes.Code
			reason string
		}{
			{"the largest", rpc.MessageLimit, codes.OK, ""},
			{"one byte more", rpc.MessageLimit + 1, codes.ResourceExhausted, "MESSAGE_TOO_LARGE"},
			{"as much as gRPC reads", 5 << 20, codes.ResourceExhausted, "MESSAGE_TOO_LARGE"},
			{"more than gRPC reads", 5<<20 + 1, codes.ResourceExhausted, ""},
		} {
			value := sized(t, test.size)
			for kind, call := range map[string]func(context.Context, []byte) error{"unary": server.call, "stream": streamed} {
				err := call(t.Context(), value)
				if status.Code(err) != test.code || fault.ReasonOf(rpc.FromStatus(err)) != test.reason {
					t.Errorf("%s, %s: %v, want %s with the reason %q", test.name, kind, err, test.code, test.reason)
				}
			}
		}
		if err := server.call(t.Context(), nil); err != nil {
			t.Errorf("a call after those that were refused: %v, want none", err)
		}
	})
}

// An asIs is a codec that sends what it is given as it is.
type asIs struct{}

func (asIs) Name() string                { return "proto" }
func (asIs) Unmarshal([]byte, any) error { return nil }
func (asIs) Marshal(v any) ([]byte, error) {
	message, _ := v.([]byte) // it gets no others
	return message, nil
}

// gRPC itself would call that INTERNAL, without a reason.
func TestMessagesThatCannotBeReadAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, echoing())
		for name, message := range map[string][]byte{
			"no message": []byte("\xff"), "cut off": {0x0a, 5, 'x'}, "too deep": bytes.Repeat([]byte{0x0b}, 20_000),
		} {
			err := server.conn.Invoke(t.Context(), callMethod, message, nil, grpc.ForceCodec(asIs{}))
			if status.Code(err) != codes.InvalidArgument || fault.ReasonOf(rpc.FromStatus(err)) != "REQUEST_MALFORMED" {
				t.Errorf("%s: %v, want INVALID_ARGUMENT and REQUEST_MALFORMED", name, err)
			}
			stream, err := server.conn.NewStream(t.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, streamMethod, grpc.ForceCodec(asIs{}))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.SendMsg(message); err != nil {
				t.Fatal(err)
			}
			if err := stream.RecvMsg(nil); status.Code(err) != codes.InvalidArgument || fault.ReasonOf(rpc.FromStatus(err)) != "REQUEST_MALFORMED" {
				t.Errorf("%s in a stream: %v, want INVALID_ARGUMENT and REQUEST_MALFORMED", name, err)
			}
		}
		if lines := server.log.Lines("call failed"); len(lines) > 0 {
			t.Errorf("it logged %q, want nothing", lines)
		}
	})
}

func TestPanic_IsInternalAndTheServerLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const secret = "hunter2"
		service := echoing()
		answer := service.call
		service.call = func(ctx context.Context, request *bytesValue) (*bytesValue, error) {
			if len(request.GetValue()) > 0 {
				panic(secret)
			}
			return answer(ctx, request)
		}
		service.stream = func(grpc.ServerStream) error { panic(secret) }
		server := start(t, service)
		for _, test := range []struct {
			name, method string
			call         func() error
		}{
			{"unary", callMethod, func() error { return server.call(t.Context(), []byte("x")) }},
			{"stream", streamMethod, func() error { return server.open(t).RecvMsg(&bytesValue{}) }},
		} {
			server.log.Clear()
			err := test.call()
			if s := status.Convert(err); s.Code() != codes.Internal || reasonOf(s) != "INTERNAL" || strings.Contains(s.Proto().String(), secret) {
				t.Errorf("%s: the caller gets %v, want INTERNAL and no word of the panic", test.name, err)
			}
			lines := server.log.Lines("call failed")
			if len(lines) != 1 || !strings.Contains(lines[0], test.method) || !strings.Contains(lines[0], secret) ||
				!strings.Contains(lines[0], "intercept_test.go") {
				t.Errorf("%s: logged %q, want one line with the method, the panic and where it was", test.name, lines)
			}
			if err := server.call(t.Context(), nil); err != nil {
				t.Errorf("%s: the next call: %v, want none", test.name, err)
			}
		}
	})
}

// While the store is out, every call fails: a line a minute says so, and how many there were, where one a call would fill the disk.
func TestOutageIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := echoing()
		var calls atomic.Int32 // the client makes some again
		service.call = func(context.Context, *bytesValue) (*bytesValue, error) {
			calls.Add(1)
			return nil, fmt.Errorf("%w: disk 7", store.ErrUnavailable)
		}
		server := start(t, service)
		fail := func(times int) {
			for range times {
				if err := server.call(t.Context(), nil); status.Code(err) != codes.Unavailable {
					t.Fatalf("%v, want UNAVAILABLE", err)
				}
			}
		}
		fail(5)
		before := calls.Load()
		if lines := server.log.Lines("call failed"); len(lines) != 1 || !strings.Contains(lines[0], "disk 7") || !strings.Contains(lines[0], callMethod) {
			t.Errorf("%d calls logged %q, want one line that says why", before, lines)
		}
		server.log.Clear()
		time.Sleep(time.Minute) //nolint:forbidigo // in the bubble's time
		fail(1)
		if lines := server.log.Lines("call failed"); len(lines) != 1 || !strings.HasSuffix(lines[0], fmt.Sprintf("more=%d\n", before-1)) {
			t.Errorf("a minute later: %q, want one line that tells of the %d before", lines, before-1)
		}
	})
}

// What the server does not have is refused as gRPC does, before anything is read, and is in the log without the caller's own words.
func TestUnknownMethods(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, echoing())
		for _, method := range []string{"/test.Service/Nope", "/nope.Service/Call", "/test.Service/"} {
			for range 50 {
				if err := server.conn.Invoke(t.Context(), method, wrapperspb.Bytes(nil), wrapperspb.Bytes(nil)); status.Code(err) != codes.Unimplemented {
					t.Fatalf("%s: %v, want UNIMPLEMENTED", method, err)
				}
			}
		}
		if lines := server.log.Lines("METHOD_UNKNOWN"); len(lines) != 1 || !strings.Contains(lines[0], "call=unknown") {
			t.Errorf("logged %q, want one line", lines)
		}
	})
}

// Calls of what there is not take no place of a stranger's that health is asked by.
func TestUnknownMethodsOfHealthTakeNoPlace(t *testing.T) {
	guard, err := auth.Settings{ClientRoles: map[string]string{"ops.example": "AUDITOR"}}.Guard(slog.New(slog.DiscardHandler), auth.OwnPartners)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		server := start(t, service{}, func(s *rpc.Server) {
			s.Guard, s.Register = guard, func(grpc.ServiceRegistrar) {}
		})
		for range 100 {
			err := server.conn.Invoke(t.Context(), "/grpc.health.v1.Health/Nope", wrapperspb.Bytes(nil), wrapperspb.Bytes(nil))
			if status.Code(err) != codes.Unimplemented {
				t.Fatalf("%v, want UNIMPLEMENTED", err)
			}
		}
		if _, err := grpc_health_v1.NewHealthClient(server.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Errorf("health: %v", err)
		}
	})
}
