package rpc

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
)

const (
	// MessageLimit is the size of the largest message that a call may carry, in bytes.
	MessageLimit = 4 << 20

	// hardMessageLimit is where gRPC itself gives up, without a reason of ours.
	// Between the two a message is refused with one.
	hardMessageLimit = 5 << 20
)

// answer turns what a handler returned into a status, and logs what stays hidden, and what is refused.
func (s *Server) answer(ctx context.Context, method string, err error) error {
	if err == nil {
		return nil
	}
	st, hidden := Status(err)
	if hidden {
		s.tellFailure(ctx, method, st.Code(), err)
	} else {
		s.tell(ctx, method, err)
	}
	return st.Err()
}

// tellFailure logs what is nobody's fault but ours. While something is out, every call fails in the same way, and one line a minute says so;
// a defect is logged each time.
func (s *Server) tellFailure(ctx context.Context, method string, code codes.Code, err error) {
	about := []any{"method", method, "code", code.String(), "error", err}
	if code == codes.Unavailable {
		since, due := s.failures.due(Refusal{Call: method, Reason: code.String()})
		if !due {
			return
		}
		about = append(about, "more", since)
	}
	s.Log.ErrorContext(ctx, "call failed", about...)
}

// tell logs a refusal.
func (s *Server) tell(ctx context.Context, method string, err error) {
	refusal, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return
	}
	who, _ := auth.Caller(ctx)
	s.refusals.Tell(ctx, refusal.Kind, Refusal{
		Source: auth.Source(ctx), Caller: who.ID, Call: s.known(method), Reason: refusal.Reason, Cause: refusal.Cause,
	})
}

// known is a method's name, if the server has it: others' names are what a stranger made up.
func (s *Server) known(method string) string {
	if s.methods[method] != nil {
		return method
	}
	return "unknown"
}

func (s *Server) unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (response any, err error) {
	at := s.handlers(info.FullMethod)
	at.Add(1)
	defer at.Add(-1)
	call := waitedFor(ctx)
	call.arrived()
	if call.refusal != nil {
		return nil, call.refusal
	}
	ctx, cancel := context.WithTimeout(auth.Awaiting(ctx), callDeadline)
	defer cancel()
	response, err = func() (response any, err error) {
		defer fault.Recovered(&err, "the call")
		return handle(ctx, request)
	}()
	return response, s.answer(ctx, info.FullMethod, err)
}

// checked refuses messages that are too large. It stands behind the guard, so that they count as calls of their sender.
func checked(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if err := checkSize(request); err != nil {
		return nil, err
	}
	return handle(ctx, request)
}

func (s *Server) stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	at := s.handlers(info.FullMethod)
	at.Add(1)
	defer at.Add(-1)
	patient := patientStream{ServerStream: stream, call: waitedFor(stream.Context())}
	if patient.call.refusal != nil {
		patient.call.arrived() // or will not be waited for
		return patient.call.refusal
	}
	if !auth.IsOpen(info.FullMethod) {
		patient.call.arrived() // its caller is known, or the guard decides before anything is read
	}
	patient.ctx = auth.Awaiting(stream.Context())
	err := func() (err error) {
		defer fault.Recovered(&err, "the call")
		return handle(server, patient)
	}()
	return s.answer(patient.ctx, info.FullMethod, err)
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
