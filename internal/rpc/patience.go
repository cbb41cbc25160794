package rpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
)

// How long a call may keep a server waiting.
const (
	requestPatience = 30 * time.Second // for the one message of a call, from its headers on
	callDeadline    = 2 * time.Minute  // for a call of one message each way, if its own deadline is not earlier
	streamPatience  = 15 * time.Minute // for the next message of a stream
	readerPatience  = time.Minute      // for the client to make room for an answer

	refusedDeadline = 10 * time.Second      // above it, a refused call is ended by its handler
	refusedPatience = 5 * time.Second       // for its message, which gRPC reads before it asks a handler
	manyRefused     = 10 * time.Millisecond // likewise, where its address has more than mostRefused of them
	mostRefused     = 8                     // at once, of an address
)

// after is for what gRPC waits for by itself; its tests have a clock of their own.
func after(d time.Duration, end func()) *time.Timer {
	return time.AfterFunc(d, end) //nolint:forbidigo // as said
}

// A waited call ends when its client lets the server wait for too long. Its context is made when the headers are there: gRPC itself waits
// for messages, and that context alone ends its waiting. What ends so is DEADLINE_EXCEEDED to gRPC, and not given up by the client.
type waited struct {
	context.Context

	cancel context.CancelCauseFunc
	first  *time.Timer // until the first message has to be there
	forget func() bool // stops what stops first when the call ends before
	tell   func(error) // the log
	leave  func()      // gives back the place that it has until its message is there

	refusal error // what it is answered with, whatever its message; nil for what is let in
}

// arrived ends the wait for the first message.
func (w *waited) arrived() {
	w.first.Stop()
	w.leave()
	w.forget() // else it would take a goroutine at the end of each call
}

func (w *waited) Err() error {
	if err := w.Context.Err(); err == nil || !errors.Is(context.Cause(w.Context), errTooSlow) {
		return err
	}
	return context.DeadlineExceeded
}

type waitedKey struct{}

// Value implements context.Context: the call itself is one of its values.
func (w *waited) Value(key any) any {
	if key == (waitedKey{}) {
		return w
	}
	return w.Context.Value(key)
}

func (w *waited) end() {
	w.tell(errTooSlow)
	w.cancel(errTooSlow)
}

// errTooSlow is why a call ends whose client lets the server wait for too long, and what is logged of it.
var errTooSlow = fault.New(fault.Limit, "CLIENT_TOO_SLOW", "its message does not come")

// errNotTaken is what is logged of a call that gRPC ends before its message is handed on: there is no word of it otherwise.
var errNotTaken = fault.New(fault.Invalid, "MESSAGE_NOT_TAKEN", "it is compressed or larger than gRPC takes, or its client has gone")

// errNoMethod is what a call is refused with that the server does not have.
var errNoMethod = fault.New(fault.Invalid, "METHOD_UNKNOWN", "there is no such method")

// tap begins each call: it is refused here if its caller is not known, and ends if its message does not come.
func (s *Server) tap(ctx context.Context, info *tap.Info) (context.Context, error) {
	method := info.FullMethodName
	known, err := s.Guard.Tap(ctx, method)
	if err != nil {
		return s.refuse(known, method, s.answer(known, method, err))
	}
	if s.methods[method] == nil { // gRPC would say so itself, without a word in the log
		s.tell(known, method, errNoMethod)
		return s.refuse(known, method, status.Error(codes.Unimplemented, errNoMethod.Message))
	}
	leave, err := s.Guard.Hold(known, method)
	if err != nil {
		return s.refuse(known, method, s.answer(known, method, err))
	}
	w := &waited{leave: leave, tell: func(why error) { s.tell(known, method, why) }}
	w.begin(known, requestPatience)
	return w, nil
}

// begin has a call end if its message does not come.
func (w *waited) begin(ctx context.Context, patience time.Duration) {
	w.Context, w.cancel = context.WithCancelCause(ctx)
	w.first = after(patience, w.end)
	w.forget = context.AfterFunc(ctx, func() {
		w.leave()
		if w.first.Stop() { // so that a call that has ended is not held on to until then
			w.tell(errNotTaken)
		}
	})
}

// refuse refuses a call. gRPC holds on to what a tap refuses until the deadline of that, which a stranger may have set years ahead. So one
// whose deadline is not near is let in, to be refused by an interceptor: when a call has had an answer, gRPC lets go of it. What an
// address can have read of messages in this way is little.
func (s *Server) refuse(ctx context.Context, method string, refusal error) (context.Context, error) {
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) <= refusedDeadline { //nolint:forbidigo // deadlines of contexts are of that clock
		return nil, refusal
	}
	if s.methods[method] == nil {
		return ctx, nil // gRPC refuses it, and reads nothing
	}
	patience := manyRefused
	leave, ok := s.refused.Take(auth.Source(ctx), mostRefused)
	if ok {
		patience = refusedPatience
		context.AfterFunc(ctx, leave)
	}
	w := &waited{refusal: refusal, leave: func() {}, tell: func(error) {}} // the refusal has been told
	w.begin(ctx, patience)
	return w, nil
}

// waitedFor is the call of a context.
func waitedFor(ctx context.Context) *waited {
	w, ok := ctx.Value(waitedKey{}).(*waited)
	if !ok {
		return &waited{cancel: func(error) {}, first: after(0, func() {}), forget: func() bool { return false }, leave: func() {}, tell: func(error) {}}
	}
	return w
}

// A patientStream ends when its client neither sends nor reads for too long, and refuses messages above MessageLimit.
// Where everybody may call, the first message has to come as soon as that of any call.
type patientStream struct {
	grpc.ServerStream

	call *waited
	ctx  context.Context //nolint:containedctx // gRPC's own way to give a stream another one
}

func (s patientStream) Context() context.Context { return s.ctx }

func (s patientStream) RecvMsg(m any) error {
	timer := after(streamPatience, s.call.end)
	defer timer.Stop()
	if err := receive(m, s.ServerStream.RecvMsg); err != nil {
		if code := status.Code(err); code == codes.Unimplemented || code == codes.ResourceExhausted { // gRPC's own, of a message
			s.call.tell(errNotTaken)
		}
		return err
	}
	s.call.arrived()
	return checkSize(m)
}

func (s patientStream) SendMsg(m any) error {
	timer := after(readerPatience, s.call.end)
	defer timer.Stop()
	return s.ServerStream.SendMsg(m)
}
