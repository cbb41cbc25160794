package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
)

const (
	// MessageLimit is the size of the largest message that a call may carry, in bytes.
	MessageLimit = 4 << 20

	// hardMessageLimit is where gRPC itself gives up, without a reason of ours.
	// Between the two a message is refused with one.
	hardMessageLimit = 4 * MessageLimit
)

// answer turns what a handler returned into a status, and logs what stays hidden.
func answer(ctx context.Context, log *slog.Logger, method string, err error) error {
	if err == nil {
		return nil
	}
	s, hidden := Status(err)
	if hidden {
		log.ErrorContext(ctx, "call failed", "method", method, "code", s.Code().String(), "error", err)
	}
	return s.Err()
}

// errPanic is what a handler that panicked is taken to have returned.
var errPanic = errors.New("panic")

//nolint:gocritic // a deferred function answers through the named result
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v\n%s", errPanic, r, debug.Stack())
	}
}

func unary(log *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (response any, err error) {
		response, err = func() (response any, err error) {
			defer recovered(&err)
			if err := checkSize(request); err != nil {
				return nil, err
			}
			return handle(ctx, request)
		}()
		return response, answer(ctx, log, info.FullMethod, err)
	}
}

func stream(log *slog.Logger) grpc.StreamServerInterceptor {
	return func(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		err := func() (err error) {
			defer recovered(&err)
			return handle(server, sizedStream{stream})
		}()
		return answer(stream.Context(), log, info.FullMethod, err)
	}
}

// A sizedStream refuses messages above MessageLimit, and what can't be read.
type sizedStream struct{ grpc.ServerStream }

func (s sizedStream) RecvMsg(m any) error {
	if err := receive(m, s.ServerStream.RecvMsg); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return err
	}
	return checkSize(m)
}

func checkSize(message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return nil
	}
	if size := proto.Size(m); size > MessageLimit {
		return fault.New(fault.Limit, "MESSAGE_TOO_LARGE", "the message has %d bytes; at most %d are taken", size, MessageLimit)
	}
	return nil
}
