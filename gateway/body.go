package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
)

// updateMask is the parameter of a PATCH that says which fields to change (AIP-134).
const updateMask = "update_mask"

// readBody reads the body of a call that is one message. A body that is empty
// where the call has one stands for {}, and so does one that only says {} where
// it has none.
func (b *binding) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, rpc.MessageLimit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge()
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "BODY_INCOMPLETE", "the body ends before its time")
	}
	data = bytes.TrimSpace(data)
	switch {
	case b.body == "" && len(data) > 0 && string(data) != "{}":
		return nil, fault.New(fault.Invalid, "BODY_UNEXPECTED", "this call takes no body: what it needs is in the path and the query")
	case b.body == "":
		return nil, nil
	case len(data) == 0:
		return []byte("{}"), nil
	}
	return data, nil
}

func tooLarge() error {
	return fault.New(fault.Limit, "MESSAGE_TOO_LARGE", "the message has more than %d bytes", rpc.MessageLimit)
}

// setMask completes the query of a PATCH. Names of fields in its mask become
// those of the proto. Without a mask, the one of the fields that the body names is
// set, less those that a client cannot set, so that what was read can be changed
// and sent back whole.
func (b *binding) setMask(query url.Values, body []byte) {
	if b.verb != http.MethodPatch || b.method.Input().Fields().ByName(updateMask) == nil {
		return
	}
	for _, key := range []string{updateMask, "updateMask"} {
		if values, ok := query[key]; ok && strings.Join(values, "") != "" {
			query[key] = []string{b.protoPaths(values[0])}
			return
		}
		query.Del(key)
	}
	var paths []string
	for name := range namesIn(body) {
		if field := fieldOf(b.content(), name); field != nil && settable(field) {
			paths = append(paths, string(field.Name()))
		}
	}
	query.Set(updateMask, strings.Join(paths, ","))
}

// namesIn is the names of a JSON object's members; none where it is something else.
func namesIn(body []byte) map[string]json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	return members
}

// settable tells whether a client can set a field of a resource. The etag is
// what the change is checked against, and no change.
func settable(field protoreflect.FieldDescriptor) bool {
	behaviors, ok := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	for _, behavior := range behaviors {
		if behavior == annotations.FieldBehavior_OUTPUT_ONLY || behavior == annotations.FieldBehavior_IDENTIFIER {
			return false
		}
	}
	return ok && field.Name() != "etag"
}

// protoPaths turns the paths of a mask, which people write as in JSON, into those
// of the proto: displayName is display_name. What is unknown stays, and is refused
// by the service.
func (b *binding) protoPaths(mask string) string {
	paths := strings.Split(mask, ",")
	for i, path := range paths {
		names := strings.Split(strings.TrimSpace(path), ".")
		message := b.content()
		for j, name := range names {
			if message == nil {
				break
			}
			field := fieldOf(message, name)
			if field == nil {
				break
			}
			names[j], message = string(field.Name()), field.Message()
		}
		paths[i] = strings.Join(names, ".")
	}
	return strings.Join(paths, ",")
}
