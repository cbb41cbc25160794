package rpc

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/tap"

	"github.com/incentives-dev/incentives/internal/fault"
)

// How long a call may keep a server waiting.
const (
	requestPatience = 30 * time.Second // for the one message of a call, from its headers on
	callDeadline    = 2 * time.Minute  // for a call of one message each way, if its own deadline is not earlier
	streamPatience  = 15 * time.Minute // for the next message of a stream
	readerPatience  = time.Minute      // for the client to make room for an answer
)

// A waiting ends a call whose client lets the server wait for too long. It is made when the headers are there: gRPC itself waits for
// the first message, and only that context ends what waits for a client.
type waiting struct {
	end   context.CancelCauseFunc
	timer *time.Timer // until the message has to be there
}

type waitingKey struct{}

// tap begins each call: it is refused here if its caller is not known, and ends if its message does not come.
func (s *Server) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	known, err := s.Guard.Tap(ctx, info.FullMethodName)
	if err != nil {
		return nil, s.answer(ctx, info.FullMethodName, err)
	}
	known, end := context.WithCancelCause(known)
	w := &waiting{end: end, timer: time.AfterFunc(requestPatience, func() { end(slow("the message of the call did not come")) })}
	return context.WithValue(known, waitingKey{}, w), nil
}

func slow(what string) error { return fault.New(fault.Unavailable, "CLIENT_TOO_SLOW", "%s", what) }

// arrived ends the wait for the first message, and returns what ends the call.
func arrived(ctx context.Context) context.CancelCauseFunc {
	w, ok := ctx.Value(waitingKey{}).(*waiting)
	if !ok {
		return func(error) {}
	}
	w.timer.Stop()
	return w.end
}

// A patientStream ends when its client neither sends nor reads for too long, and refuses messages above MessageLimit.
type patientStream struct {
	grpc.ServerStream

	end context.CancelCauseFunc
}

func (s patientStream) RecvMsg(m any) error {
	timer := time.AfterFunc(streamPatience, func() { s.end(slow("nothing was sent for long")) })
	defer timer.Stop()
	err := s.ServerStream.RecvMsg(m)
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return s.why(err)
	}
	return checkSize(m)
}

func (s patientStream) SendMsg(m any) error {
	timer := time.AfterFunc(readerPatience, func() { s.end(slow("the answers were not read")) })
	defer timer.Stop()
	return s.why(s.ServerStream.SendMsg(m))
}

// why is the reason that the stream was ended for, if it was, and else err.
func (s patientStream) why(err error) error {
	if refusal, ok := errors.AsType[*fault.Error](context.Cause(s.Context())); ok && err != nil {
		return refusal
	}
	return err
}
