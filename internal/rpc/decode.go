package rpc

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
)

// To bytes that are no message, or hold a text that is no UTF-8, gRPC answers INTERNAL without a reason, and sends that
// before any handler or interceptor is asked. But nothing is wrong inside then, and nobody should be woken for it. So
// messages are read into an incoming, which takes anything, and what can't be read is refused behind that.

// An incoming is a message to read, and what is wrong with it.
type incoming struct {
	message any
	err     error
}

// receive reads a message, by a function of gRPC that reads one.
func receive(message any, read func(any) error) error {
	in := &incoming{message: message}
	if err := read(in); err != nil {
		return err
	}
	if in.err == nil {
		return nil
	}
	if m, ok := message.(proto.Message); ok {
		proto.Reset(m) // what was read before the fault is nothing to decide by
	}
	if refusal, ok := errors.AsType[*fault.Error](in.err); ok {
		return refusal
	}
	return fault.New(fault.Invalid, "REQUEST_MALFORMED", "the message can't be read: %s", in.err)
}

// A codec is that of protobuf, and reads what is incoming.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(protocodec.Name)} }

// Unmarshal implements [encoding.CodecV2].
func (c codec) Unmarshal(data mem.BufferSlice, message any) error {
	in, ok := message.(*incoming)
	if !ok {
		return c.CodecV2.Unmarshal(data, message)
	}
	if data.Len() > mostWeight/messageWeight*leastBytes {
		whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
		defer whole.Free()
		if in.err = checkWeight(whole.ReadOnlyData(), in.message); in.err != nil {
			return nil
		}
		data = mem.BufferSlice{whole} // so that it is not put together again
	}
	in.err = c.CodecV2.Unmarshal(data, in.message)
	return nil
}

// A registrar registers services whose calls of one message refuse what can't be read. Their interceptors come after the
// reading of it, so they can't; those of streams come before, and do.
type registrar struct{ grpc.ServiceRegistrar }

// RegisterService implements [grpc.ServiceRegistrar].
func (r registrar) RegisterService(service *grpc.ServiceDesc, server any) {
	wrapped := *service
	wrapped.Methods = slices.Clone(service.Methods)
	for i, method := range wrapped.Methods {
		wrapped.Methods[i].Handler = refusing("/"+service.ServiceName+"/"+method.MethodName, method.Handler)
	}
	r.ServiceRegistrar.RegisterService(&wrapped, server)
}

// refusing has a handler refuse what can't be read, by way of the interceptors, so that a caller that may not call is told that first.
func refusing(name string, handle grpc.MethodHandler) grpc.MethodHandler {
	return func(server any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		return handle(server, ctx, func(request any) error {
			refusal := receive(request, decode)
			if refusal == nil {
				return nil
			}
			if _, ok := Carried(refusal); ok {
				return refusal // gRPC's own, which has been sent
			}
			_, err := intercept(ctx, request, &grpc.UnaryServerInfo{Server: server, FullMethod: name}, func(context.Context, any) (any, error) {
				return nil, refusal
			})
			return err
		}, intercept)
	}
}
