package rpc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
)

// ErrorDomain is the domain of every ErrorInfo: that of whoever defines its reasons.
const ErrorDomain = "incentives.dev"

// A status is sent as headers, and one that is larger than a client takes as such
// costs it the whole connection. So what it says of a request is bounded, in bytes,
// however large the request is, and far above what anybody can mend at once.
const (
	longestMessage = 8000
	longestText    = 1000
	mostViolations = 1000
)

// retryDelay is how long a caller is asked to wait before it tries again.
const retryDelay = time.Second

// kinds says which gRPC code a kind of refusal has.
var kinds = map[fault.Kind]codes.Code{
	fault.Invalid:         codes.InvalidArgument,
	fault.NotFound:        codes.NotFound,
	fault.Exists:          codes.AlreadyExists,
	fault.State:           codes.FailedPrecondition,
	fault.Conflict:        codes.Aborted,
	fault.Limit:           codes.ResourceExhausted,
	fault.Denied:          codes.PermissionDenied,
	fault.Unauthenticated: codes.Unauthenticated,
	fault.Unavailable:     codes.Unavailable,
}

// Status is the status that err is answered with. A *fault.Error keeps its
// reason, message, violations and details. What else is known to pass (a store
// that is out, a call that was given up) keeps its code. Anything else is
// Internal, its text hidden; hidden is true then, and the text belongs in the log.
func Status(err error) (s *status.Status, hidden bool) {
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		if _, known := kinds[refusal.Kind]; known { // one whose kind was forgotten is a defect
			return fromFault(refusal), false
		}
	}
	if s, ok := Carried(err); ok {
		return s, false
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.New(codes.Canceled, "the call was cancelled"), false
	case errors.Is(err, context.DeadlineExceeded):
		return status.New(codes.DeadlineExceeded, "the call's deadline has passed"), false
	case errors.Is(err, store.ErrConflict):
		return fromFault(fault.New(fault.Conflict, "TOO_MUCH_CONTENTION", "others changed the same thing at once, again and again: try again")), false
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed):
		return fromFault(fault.New(fault.Unavailable, "STORE_UNAVAILABLE", "the store can't be reached now: what was sent may be sent again")), true
	}
	return fromFault(&fault.Error{Reason: "INTERNAL", Message: "internal error"}), true
}

func fromFault(e *fault.Error) *status.Status {
	code, ok := kinds[e.Kind]
	if !ok {
		code = codes.Internal
	}
	info := &errdetails.ErrorInfo{Reason: e.Reason, Domain: ErrorDomain, Metadata: make(map[string]string, len(e.Details))}
	for key, value := range e.Details {
		info.Metadata[key] = text(value, longestText)
	}
	details := []protoadapt.MessageV1{info}
	message := text(e.Message, longestMessage)
	if len(e.Fields) > 0 {
		request := &errdetails.BadRequest{}
		for _, f := range e.Fields[:min(len(e.Fields), mostViolations)] {
			request.FieldViolations = append(request.FieldViolations,
				&errdetails.BadRequest_FieldViolation{Field: text(f.Path, longestText), Description: text(f.Message, longestText), Reason: f.Reason})
		}
		details = append(details, request)
		if left := len(e.Fields) - mostViolations; left > 0 {
			message += fmt.Sprintf(" (%d more are not listed)", left)
		}
	}
	delay := e.RetryAfter
	if code == codes.Unavailable && delay == 0 { // and not for every Limit: what is too much at once has to be sent otherwise
		delay = retryDelay
	}
	if delay > 0 {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(delay)})
	}
	s, err := status.New(code, message).WithDetails(details...)
	if err != nil { // a detail that can't be marshalled: its texts are mended, so there is none
		return status.New(code, e.Reason)
	}
	return s
}

// text is s in UTF-8, since a status with a text that is none would lose its
// details on the way, and cut to so many bytes.
func text(s string, most int) string {
	if len(s) <= most {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return strings.ToValidUTF8(s[:most], "\uFFFD") + "…"
}

// Carried is the status in err's chain, as it is: status.FromError would add the
// texts around it to its message, such as gRPC's own about attempts.
func Carried(err error) (s *status.Status, ok bool) {
	carrier, ok := errors.AsType[interface {
		error
		GRPCStatus() *status.Status
	}](err)
	if !ok {
		return nil, false
	}
	s = carrier.GRPCStatus()
	return s, s != nil
}

// FromStatus is the *fault.Error that a status was made from, where err is a
// status of one of the kinds of refusal; else it is err.
func FromStatus(err error) error {
	s, ok := Carried(err)
	if !ok {
		return err
	}
	for kind, code := range kinds {
		if code == s.Code() {
			return toFault(kind, s)
		}
	}
	return err
}

func toFault(kind fault.Kind, s *status.Status) *fault.Error {
	e := &fault.Error{Kind: kind, Message: s.Message()}
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			e.Reason, e.Details = d.GetReason(), d.GetMetadata()
		case *errdetails.RetryInfo:
			e.RetryAfter = d.GetRetryDelay().AsDuration()
		case *errdetails.BadRequest:
			for _, f := range d.GetFieldViolations() {
				e.Fields = append(e.Fields, fault.Violation{Path: f.GetField(), Reason: f.GetReason(), Message: f.GetDescription()})
			}
		}
	}
	return e
}
