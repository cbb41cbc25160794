package gateway

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// setMask completes the mask of a PATCH, which says what to change (AIP-134).
// People write its paths as in JSON: they become those of the proto, and what is
// unknown stays, for the service to refuse. Where there is no mask, it becomes the
// fields that the body names, less those that a client cannot set, so that what
// was read can be changed and sent back whole.
func (b *binding) setMask(request protoreflect.Message, body []byte) {
	field := request.Descriptor().Fields().ByName("update_mask")
	if field == nil {
		return
	}
	resource := b.content(request).Descriptor()
	var paths []string
	if mask, ok := request.Get(field).Message().Interface().(*fieldmaskpb.FieldMask); ok {
		for _, path := range mask.GetPaths() {
			paths = append(paths, protoPath(resource, strings.TrimSpace(path)))
		}
	}
	if len(paths) == 0 {
		paths = settable(resource, body)
	}
	request.Set(field, protoreflect.ValueOfMessage((&fieldmaskpb.FieldMask{Paths: paths}).ProtoReflect()))
}

func protoPath(resource protoreflect.MessageDescriptor, path string) string {
	if known, field := resolve(resource, path); field != nil {
		return known
	}
	return path
}

// settable are the fields of a resource that a body names and that a client can
// set. The etag is what the change is checked against, and no change.
func settable(resource protoreflect.MessageDescriptor, body []byte) []string {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil // it has been read as a message, so this never happens
	}
	var names []string
	for name := range members {
		field := fieldOf(resource, name)
		behaviors, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		if field.Name() != "etag" &&
			!slices.Contains(behaviors, annotations.FieldBehavior_OUTPUT_ONLY) && !slices.Contains(behaviors, annotations.FieldBehavior_IDENTIFIER) {
			names = append(names, string(field.Name()))
		}
	}
	slices.Sort(names)
	return names
}
