package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// A request is what the gateway knows of the call that is in hand.
type request struct {
	binding *binding
	body    []byte
}

type requestKey struct{}

// failures answers calls with errors.
type failures struct{ log *slog.Logger }

// status is the status that a call fails with, always with an ErrorInfo. What a
// service refused passes as it is.
func (f failures) status(ctx context.Context, err error) *status.Status {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		s, _ := rpc.Status(err)
		return s
	}
	s := status.Convert(err)
	if reasonOf(s) != "" {
		return s
	}
	// Made by gRPC or by generated code, which know no reasons.
	if s.Code() == codes.InvalidArgument {
		s, _ = rpc.Status(malformed(ctx, s.Message()))
		return s
	}
	f.log.WarnContext(ctx, "call failed", "code", s.Code().String(), "error", s.Message())
	return withReason(s.Code())
}

// withReason is a status of a code alone: what else was said may tell of what is inside.
func withReason(c codes.Code) *status.Status {
	message := "the call failed inside"
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
	}
	s, err := status.New(c, message).WithDetails(&errdetails.ErrorInfo{Reason: code.Code(c).String(), Domain: rpc.ErrorDomain})
	if err != nil {
		return status.New(c, message)
	}
	return s
}

// malformed says what is wrong with a request that generated code could not read.
func malformed(ctx context.Context, message string) error {
	if in, ok := ctx.Value(requestKey{}).(request); ok && in.binding.content() != nil {
		var v fault.Violations
		explain(v.In(in.binding.contentPath()), in.body, in.binding.content())
		if err := v.Err(); err != nil {
			return err
		}
	}
	return fault.New(fault.Invalid, "REQUEST_MALFORMED", "the request can't be read: %s", message)
}

func reasonOf(s *status.Status) string {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
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
	}
	body, err := protojson.Marshal(s.Proto())
	if err != nil { // a detail of a type that this program does not know
		body, httpStatus = []byte(`{"code":13,"message":"the error can't be shown"}`), http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(httpStatus)
	_, _ = w.Write(body) // the caller has gone
}

// handler answers for grpc-gateway.
func (f failures) handler(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	f.write(r.Context(), w, err)
}
