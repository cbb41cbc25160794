package gateway

import (
	"fmt"
	"io"
	"reflect"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// answers is how messages are written: see the package's comment on defaults.
func answers() protojson.MarshalOptions { return protojson.MarshalOptions{EmitDefaultValues: true} }

// A marshaler reads and writes JSON for grpc-gateway. It reads one message to
// the end of the body, so that what follows it is refused and not dropped.
type marshaler struct{ runtime.JSONPb }

func newMarshaler() *marshaler {
	return &marshaler{runtime.JSONPb{MarshalOptions: answers()}}
}

// NewDecoder returns a decoder of the one message in r.
func (*marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(target any) error {
		data, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		message, err := messageOf(target)
		if err != nil {
			return err
		}
		return protojson.Unmarshal(data, message)
	})
}

// messageOf is the message that a decoder's target is, or is a pointer to; it is
// made where that pointer is nil.
func messageOf(target any) (proto.Message, error) {
	if message, ok := target.(proto.Message); ok {
		return message, nil
	}
	field := reflect.ValueOf(target)
	if field.Kind() == reflect.Pointer && field.Elem().Kind() == reflect.Pointer {
		if field.Elem().IsNil() {
			field.Elem().Set(reflect.New(field.Elem().Type().Elem()))
		}
		if message, ok := field.Elem().Interface().(proto.Message); ok {
			return message, nil
		}
	}
	return nil, fmt.Errorf("%T is no message", target)
}
