package systemtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// most is the size of the largest request that is sent, in bytes: some above what is taken.
const most = 6 << 20

// call makes a request out of the bytes of a fuzzer, sends it over gRPC, and judges the answer.
func (s *subject) call(t *testing.T, data []byte) {
	t.Helper()
	g, method := s.generator(data)
	requests := 1
	if method.IsStreamingClient() {
		requests = g.roll(4) + 1
	}
	var encoded []any
	text := string(method.Name())
	for range requests {
		message := g.request(method)
		one := g.encode(message)
		if len(one) > most {
			return
		}
		encoded = append(encoded, one)
		text += fmt.Sprintf("\n%s\n%.2000q", prototext.Format(message), one)
	}
	answer, err := s.send(method, encoded)
	got := status.Convert(err)
	s.answers[string(method.Name())+" "+got.Code().String()]++
	if err == nil {
		s.note(answer)
	}
	s.judge(t, got, text)
	s.mustBeCalm(t, text)
}

// encode encodes a message, and at times something in its place.
func (g generator) encode(message proto.Message) raw {
	encoded, err := proto.Marshal(message)
	if err != nil {
		panic(err) // its texts are UTF-8
	}
	encoded = spoil(encoded)
	if !g.odd(16) {
		return encoded
	}
	at := g.roll(len(encoded) + 1)
	switch g.roll(4) {
	case 0:
		return encoded[:at]
	case 1:
		return append(encoded[:at:at], append([]byte(g.text()), encoded[at:]...)...)
	case 2:
		return append(encoded, encoded...) // fields that are there twice are merged
	}
	if at < len(encoded) {
		encoded[at] ^= byte(g.roll(256))
	}
	return encoded
}

// judge checks a status that a call was answered with: that it says what is wrong with the request, and not with the system.
func (s *subject) judge(t *testing.T, got *status.Status, request string) {
	t.Helper()
	switch got.Code() {
	case codes.OK:
		return
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted, codes.ResourceExhausted, codes.PermissionDenied, codes.Unauthenticated:
	default:
		t.Errorf("%s (%s), which is no refusal, for %.9000s", got.Code(), got.Message(), request)
	}
	if reason, _ := details(got); reason == "" {
		t.Errorf("%s (%s) without a reason for %.9000s", got.Code(), got.Message(), request)
	}
}

// send sends the requests of a call, and returns its last answer.
func (s *subject) send(method protoreflect.MethodDescriptor, requests []any) (*dynamicpb.Message, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callPatience)
	defer cancel()
	conn := s.plans
	if strings.Contains(string(method.FullName()), "payout") {
		conn = s.payouts
	}
	options := []grpc.CallOption{grpc.ForceCodec(codec{}), grpc.MaxCallRecvMsgSize(64 << 20)}
	path := fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
	answer := dynamicpb.NewMessage(method.Output())
	if !method.IsStreamingServer() {
		return answer, conn.Invoke(ctx, path, requests[0], answer, options...)
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: method.IsStreamingClient()}, path, options...)
	if err != nil {
		return answer, err
	}
	for _, request := range requests {
		if err := stream.SendMsg(request); errors.Is(err, io.EOF) {
			break // it has ended: receiving says why
		} else if err != nil {
			return answer, err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return answer, err
	}
	for {
		next := dynamicpb.NewMessage(method.Output())
		if err := stream.RecvMsg(next); errors.Is(err, io.EOF) {
			return answer, nil
		} else if err != nil {
			return answer, err
		}
		answer = next
	}
}

// Raw is a message that is encoded already, or pretends to be.
type raw []byte

// A codec is that of protobuf, which sends what is raw as it is.
type codec struct{}

// Name implements encoding.Codec.
func (codec) Name() string { return "proto" }

// Marshal implements encoding.Codec.
func (codec) Marshal(message any) ([]byte, error) {
	if encoded, ok := message.(raw); ok {
		return encoded, nil
	}
	m, ok := message.(proto.Message)
	if !ok {
		return nil, errNoRequest
	}
	return proto.Marshal(m)
}

// Unmarshal implements encoding.Codec.
func (codec) Unmarshal(data []byte, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return errNoRequest
	}
	return proto.Unmarshal(data, m)
}
