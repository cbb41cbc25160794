package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// readBody reads the body of a call that is one message.
func (b *binding) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rpc.MessageLimit))
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // what is waited for now is the service
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, incomplete()
	}
	return data, nil
}

// checkBody checks what readBody has read, and returns it as it is to be decoded. A body that is empty where the call has one stands for {}, and
// so does one that only says {} where it has none.
func (b *binding) checkBody(data []byte) ([]byte, error) {
	var v fault.Violations
	checkDepth(v.In(b.contentPath()), data)
	if err := v.Err(); err != nil {
		return nil, err
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

// deepest is how many objects and lists of a JSON text may be in one another: more than any message has.
// mostValues is how many values there may be in one, counted by the brackets and commas: twice as many as the largest batch has.
const (
	deepest    = 32
	mostValues = 100_000
)

// checkDepth records in v that a text that may be JSON goes too deep, or has too many values, before anything takes memory for each.
func checkDepth(v *fault.Violations, data []byte) {
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			values++
		case c == '}' || c == ']':
			depth--
		case c == ',':
			values++
		}
		if depth > deepest {
			v.Add("", "JSON_TOO_DEEP", "the body has more than %d objects and lists in one another", deepest)
			return
		}
		if values > mostValues {
			v.Add("", "JSON_TOO_MANY_VALUES", "the body has more than %d values", mostValues)
			return
		}
	}
}

// decode reads a message from its JSON, and records in v what is wrong with it.
func (e explainer) decode(v *fault.Violations, data []byte, message protoreflect.Message) {
	err := protojson.Unmarshal(data, message.Interface())
	if err == nil {
		return
	}
	known := len(v.List())
	e.explain(v, data, message.Descriptor())
	if len(v.List()) == known { // it is refused for a reason of protojson's own
		v.Add("", "REQUEST_MALFORMED", "can't be read: %s", err)
	}
}
