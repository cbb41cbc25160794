package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// readBody reads the body of a call that is one message. A body that is empty
// where the call has one stands for {}, and so does one that only says {} where
// it has none.
func (b *binding) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rpc.MessageLimit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, incomplete()
	}
	data = bytes.Trim(data, " \t\r\n") // what JSON takes for space
	if len(data) == 0 {
		data = []byte("{}")
	}
	if b.body == "" && string(data) != "{}" {
		return nil, fault.New(fault.Invalid, "BODY_UNEXPECTED", "this call takes no body: what it needs is in the path and the query")
	}
	return data, nil
}

func tooLarge() error {
	return fault.New(fault.Limit, "MESSAGE_TOO_LARGE", "the message has more than %d bytes", rpc.MessageLimit)
}

func incomplete() error {
	return fault.New(fault.Invalid, "BODY_INCOMPLETE", "the body ends before its time")
}

// decode reads a message from its JSON, and records in v what is wrong with it.
func decode(v *fault.Violations, data []byte, message protoreflect.Message) {
	err := protojson.Unmarshal(data, message.Interface())
	if err == nil {
		return
	}
	known := len(v.List())
	explain(v, data, message.Descriptor())
	if len(v.List()) == known { // it is refused for a reason of protojson's own
		v.Add("", "REQUEST_MALFORMED", "can't be read: %s", err)
	}
}
