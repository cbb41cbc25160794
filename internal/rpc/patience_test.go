package rpc_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/logtest"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// endsAfter wants a receive to fail by its deadline, and not before.
func endsAfter(t *testing.T, what string, receive func() error, after time.Duration) {
	t.Helper()
	began := time.Now()
	err := receive()
	if took := time.Since(began); took < after || took > after+time.Second {
		t.Errorf("%s: ended after %s, want %s", what, took, after)
	}
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("%s: ended with %v, want DEADLINE_EXCEEDED", what, err)
	}
}

// A call whose message does not come ends; its handler never ran.
func TestPatience_Call(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, service{call: func(context.Context, *bytesValue) (*bytesValue, error) {
			t.Error("the handler ran")
			return &bytesValue{}, nil
		}})
		stream, err := server.conn.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, callMethod)
		if err != nil {
			t.Fatal(err)
		}
		endsAfter(t, "without a message", func() error { return stream.RecvMsg(&bytesValue{}) }, 30*time.Second)
	})
}

// A call that is given up is forgotten at once, and not told of later.
func TestPatience_GivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, service{})
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := server.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, callMethod); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		time.Sleep(time.Minute) //nolint:forbidigo // in the bubble's time
		if lines := server.log.Lines("CLIENT_TOO_SLOW"); len(lines) > 0 {
			t.Errorf("the log has %q", lines)
		}
	})
}

// What gRPC refuses by itself is in the log, for each method once, and what is taken is not.
func TestPatience_TooLargeForGRPC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, service{
			call:   func(context.Context, *bytesValue) (*bytesValue, error) { return &bytesValue{}, nil },
			stream: func(stream grpc.ServerStream) error { return stream.RecvMsg(&bytesValue{}) },
		})
		if err := server.call(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			stream := server.open(t)
			_ = stream.SendMsg(wrapperspb.Bytes(make([]byte, 17<<20))) // it may be ended before all is sent
			for _, err := range []error{server.call(t.Context(), make([]byte, 17<<20)), stream.RecvMsg(&bytesValue{})} {
				if status.Code(err) != codes.ResourceExhausted {
					t.Errorf("17 MiB: %v, want RESOURCE_EXHAUSTED", err)
				}
			}
		}
		synctest.Wait()
		for _, method := range []string{callMethod, streamMethod} {
			if lines := server.log.Lines("call=" + method + " reason=MESSAGE_NOT_TAKEN"); len(lines) != 1 {
				t.Errorf("%s: the log has %q, want one line", method, lines)
			}
		}
		if lines := server.log.Lines("reason="); len(lines) != 2 {
			t.Errorf("the log has %q, want two refusals", lines)
		}
	})
}

// A handler has two minutes, where the caller gives it no less.
func TestPatience_Handler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, service{call: func(ctx context.Context, _ *bytesValue) (*bytesValue, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		endsAfter(t, "a handler that hangs", func() error { return server.call(t.Context(), nil) }, 2*time.Minute)
	})
}

func TestPatience_SlowWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, echoing())
		stream := server.open(t)
		for range 3 { // each message gives the next its time
			time.Sleep(14 * time.Minute) //nolint:forbidigo // in the bubble's time
			if err := errors.Join(stream.SendMsg(wrapperspb.Bytes(nil)), stream.RecvMsg(&bytesValue{})); err != nil {
				t.Fatal(err)
			}
		}
		endsAfter(t, "nothing sent", func() error { return stream.RecvMsg(&bytesValue{}) }, 15*time.Minute)
	})
}

func TestPatience_SlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		server := start(t, service{stream: func(stream grpc.ServerStream) error {
			for {
				if err := stream.SendMsg(wrapperspb.Bytes(make([]byte, 1<<20))); err != nil {
					ended <- err
					return err
				}
			}
		}})
		server.open(t)
		endsAfter(t, "nothing read", func() error { return <-ended }, time.Minute)
	})
}

// The same refusal is in the log once a minute, with how many there were.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, failing(func() error { return fault.New(fault.Denied, "ROLE_MISSING", "no role") }))
		for range 100 {
			_ = server.call(t.Context(), nil) // it fails, as wanted
		}
		lines := server.log.Lines("a call was refused")
		if len(lines) != 1 || !strings.Contains(lines[0], "level=WARN") || !strings.Contains(lines[0], "reason=ROLE_MISSING") || !strings.Contains(lines[0], callMethod) {
			t.Errorf("after 100 refusals the log has %q", lines)
		}
		time.Sleep(time.Minute)              //nolint:forbidigo // in the bubble's time
		_ = server.call(t.Context(), nil)    // likewise
		lines = server.log.Lines(" more=99") // that came in between
		if len(lines) != 1 {
			t.Errorf("a minute later the log has %q", server.log.Lines("a call was refused"))
		}
	})
}

// Refusals of many kinds do not fill the log either.
func TestRefusals_Many(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logtest.Journal{}
		refusals := rpc.NewRefusals(logger(log))
		for i := range 5000 {
			refusals.Tell(t.Context(), fault.Denied, rpc.Refusal{Source: strconv.Itoa(i)})
		}
		if lines := len(log.Lines("a call was refused")); lines != 200 {
			t.Errorf("5000 at once are %d lines, want 200", lines)
		}
		refusals.Tell(t.Context(), fault.Denied, rpc.Refusal{Caller: "somebody who is known"})
		if lines := len(log.Lines("somebody who is known")); lines != 1 {
			t.Errorf("what a known caller is refused beside all these is %d lines, want 1", lines)
		}
	})
}
