package planrpc

import (
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/incentives-dev/incentives/internal/fault"
)

// changed is what an update changes of a resource: the fields, and a resource
// with these alone, since what else the request carries says nothing. By AIP-134
// they are those that the mask names, every one for "*", and without a mask
// those that carry a value. A path below a field stands for the whole field.
//
// Fields that only the service writes are passed over, so that what was read can
// be sent back whole. It records a path that names one of them, or none.
func changed[M proto.Message](v *fault.Violations, mask *fieldmaskpb.FieldMask, resource M) (given M, set map[string]bool) {
	message := resource.ProtoReflect()
	next, fields := message.New(), message.Descriptor().Fields()
	set = inMask(v, mask, resource)
	for i := range fields.Len() {
		if field := fields.Get(i); set[string(field.Name())] && message.Has(field) {
			next.Set(field, message.Get(field))
		}
	}
	given, _ = next.Interface().(M)
	return given, set
}

// maxPaths is how many paths a mask may have: above the fields of any resource, and of what is below them.
const maxPaths = 100

func inMask(v *fault.Violations, mask *fieldmaskpb.FieldMask, resource proto.Message) map[string]bool {
	message := resource.ProtoReflect()
	fields := message.Descriptor().Fields()
	paths := mask.GetPaths()
	all := slices.Equal(paths, []string{"*"})
	set := map[string]bool{}
	if len(paths) == 0 || all {
		for i := range fields.Len() {
			if field := fields.Get(i); writable(field) && (all || message.Has(field)) {
				set[string(field.Name())] = true
			}
		}
		return set
	}
	if len(paths) > maxPaths {
		v.Add("update_mask", "TOO_MANY", "has %d paths, and can have %d", len(paths), maxPaths)
		return set
	}
	for _, path := range paths {
		name, _, _ := strings.Cut(path, ".")
		field := fields.ByName(protoreflect.Name(name))
		switch {
		case field == nil || !(&fieldmaskpb.FieldMask{Paths: []string{path}}).IsValid(resource):
			v.Add("update_mask", "FIELD_UNKNOWN", "%.200q is not a field of %s", path, message.Descriptor().Name())
		case !writable(field):
			v.Add("update_mask", "FIELD_OUTPUT_ONLY", "%.200q is written by the service alone", path)
		default:
			set[name] = true
		}
	}
	return set
}

// writable tells whether callers write a field.
func writable(field protoreflect.FieldDescriptor) bool {
	behaviors, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return field.Name() != "etag" &&
		!slices.Contains(behaviors, annotations.FieldBehavior_OUTPUT_ONLY) && !slices.Contains(behaviors, annotations.FieldBehavior_IDENTIFIER)
}

// pick sets *to to value where the field is changed.
func pick[T any](set map[string]bool, field string, to *T, value T) {
	if set[field] {
		*to = value
	}
}
