package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// failures answers calls with errors.
type failures struct {
	log      *slog.Logger
	refusals *rpc.Refusals // made by the gateway: those of services are in the services' logs
}

// status is the status that a call fails with, always with an ErrorInfo. What a
// service refused passes as it is.
func (f failures) status(ctx context.Context, err error) *status.Status {
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		if source, ok := ctx.Value(sourceKey{}).(string); ok && refusal.Kind != fault.Unavailable {
			f.refusals.Tell(ctx, refusal.Kind, rpc.Refusal{Source: source, Call: "gateway", Reason: refusal.Reason})
		}
		s, _ := rpc.Status(err)
		return s
	}
	s, ok := rpc.Carried(err)
	if !ok {
		s = status.Convert(err)
	}
	if reasonOf(s) != "" {
		return showable(s)
	}
	// Made by gRPC or the gateway itself, which know no reasons.
	f.tell(ctx, s)
	return withReason(s.Code())
}

// tell logs a failure that no service of ours has given a reason for: once a minute, where it is the caller's.
func (f failures) tell(ctx context.Context, s *status.Status) {
	source, ok := ctx.Value(sourceKey{}).(string)
	switch s.Code() {
	case codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Unavailable:
		if ok {
			f.refusals.Tell(ctx, fault.Unavailable, rpc.Refusal{Source: source, Call: "gateway", Reason: code.Code(s.Code()).String()}, "error", s.Message())
			return
		}
	default:
	}
	f.log.WarnContext(ctx, "call failed", "code", s.Code().String(), "error", s.Message())
}

// withReason is a status of a code alone: what else was said may tell of what is inside.
func withReason(c codes.Code) *status.Status {
	var message string
	switch c {
	case codes.Unavailable:
		message = "the service can't be reached now: try again"
	case codes.Canceled:
		message = "the call was cancelled"
	case codes.DeadlineExceeded:
		message = "the call took longer than its deadline allows"
	case codes.Unimplemented:
		message = "the service does not know this call"
	case codes.ResourceExhausted:
		message = "the answer is larger than can be sent: ask for a smaller page"
	default:
		message = "the call failed inside"
	}
	s, err := status.New(c, message).WithDetails(&errdetails.ErrorInfo{Reason: code.Code(c).String(), Domain: rpc.ErrorDomain})
	if err != nil {
		return status.New(c, message)
	}
	return s
}

// showable is a status without the details whose types this program does not
// know: JSON can't show them, and without them it can show the rest.
func showable(s *status.Status) *status.Status {
	p := s.Proto()
	p.Details = slices.DeleteFunc(p.GetDetails(), func(detail *anypb.Any) bool {
		_, err := protojson.Marshal(detail)
		return err != nil
	})
	return status.FromProto(p)
}

func reasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

func retryDelayOf(s *status.Status) time.Duration {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}

// write answers with an error.
func (f failures) write(ctx context.Context, w http.ResponseWriter, err error) {
	s := f.status(ctx, err)
	httpStatus := runtime.HTTPStatusFromCode(s.Code())
	switch reasonOf(s) {
	case "MESSAGE_TOO_LARGE":
		httpStatus = http.StatusRequestEntityTooLarge
	case "METHOD_NOT_ALLOWED":
		httpStatus = http.StatusMethodNotAllowed
	case "ENCODING_UNSUPPORTED", "CONTENT_TYPE_UNSUPPORTED":
		httpStatus = http.StatusUnsupportedMediaType
	}
	if httpStatus == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if delay := retryDelayOf(s); delay > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((delay+time.Second-1)/time.Second), 10))
	}
	body, err := protojson.Marshal(s.Proto())
	if err != nil { // a text that is none, which gRPC carries nowhere
		body, httpStatus = []byte(`{"code":13,"message":"the error can't be shown"}`), http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(httpStatus)
	_, _ = w.Write(body) // the caller has gone
}
