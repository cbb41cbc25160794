package gateway

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/incentives-dev/incentives/internal/fault"
)

// read makes the request of a call, where it is one message, of the body, the
// path and the query. Earnings of a batch that can't be read come back by themselves.
func (b *binding) read(w http.ResponseWriter, r *http.Request, params map[string]string) (proto.Message, unread, error) {
	body, err := b.readBody(w, r)
	if err != nil {
		return nil, nil, err
	}
	leave, err := b.turns.take(r.Context(), len(body))
	if err != nil {
		return nil, nil, err
	}
	defer leave()
	if body, err = b.checkBody(body); err != nil {
		return nil, nil, err
	}
	var bad unread
	var v fault.Violations
	query := b.readQuery(&v, r, params)
	message := b.request.New()
	if content := b.content(message); content != nil {
		bad = decodeBatch(v.In(b.contentPath()), body, content)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		setPath(&v, message, name, params[name])
	}
	if err := v.Err(); err != nil {
		return nil, nil, err
	}
	request := message.Interface()
	if err := runtime.PopulateQueryParameters(request, query, utilities.NewDoubleArray(nil)); err != nil {
		return nil, nil, fault.New(fault.Invalid, "QUERY_MALFORMED", "the query can't be read: %s", err)
	}
	b.setMask(message, body)
	return request, bad, nil
}

// setPath sets a field of a request to what the path of the call says. The body
// may say the same, as that of a resource that was read does, but nothing else.
func setPath(v *fault.Violations, message protoreflect.Message, path, value string) {
	names := strings.Split(path, ".")
	last := len(names) - 1
	for _, name := range names[:last] {
		message = message.Mutable(message.Descriptor().Fields().ByName(protoreflect.Name(name))).Message()
	}
	field := message.Descriptor().Fields().ByName(protoreflect.Name(names[last]))
	given := message.Get(field).String()
	switch {
	case !utf8.ValidString(value):
		v.Add(path, "FIELD_MALFORMED", "%.100q is not %s", value, wanted(field))
	case given != "" && given != value:
		v.Add(path, "FIELD_MALFORMED", "%.100q is not what stands in the path: %.100q", given, value)
	default:
		message.Set(field, protoreflect.ValueOfString(value))
	}
}

// readQuery returns the query of a request, and records in v what is wrong with
// it: a parameter that the call does not know, that the path or the body holds,
// that is given twice, or whose value its field cannot hold.
func (b *binding) readQuery(v *fault.Violations, r *http.Request, params map[string]string) url.Values {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		v.Add("", "QUERY_MALFORMED", "the query can't be read: %s", err)
		return nil
	}
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(query)) {
		name, field := resolve(b.method.Input(), key)
		switch top, _, _ := strings.Cut(name, "."); {
		case field == nil:
			v.Add(key, "FIELD_UNKNOWN", "is not a query parameter of this call")
		case b.body == "*", top == b.body:
			v.Add(name, "FIELD_UNKNOWN", "is not a query parameter of this call: it belongs into the body")
		case params[name] != "":
			v.Add(name, "FIELD_UNKNOWN", "is not a query parameter of this call: it is taken from the path")
		case seen[name], len(query[key]) > 1 && !field.IsList():
			v.Add(name, "FIELD_REPEATED", "is given more than once")
		default:
			seen[name] = true
			b.checkParameter(v, name, field, query[key])
		}
	}
	return query
}

func (b *binding) checkParameter(v *fault.Violations, name string, field protoreflect.FieldDescriptor, values []string) {
	for _, value := range values {
		err := runtime.PopulateFieldFromPath(b.request.New().Interface(), name, value)
		if err != nil || !utf8.ValidString(value) {
			v.Add(name, "FIELD_MALFORMED", "%.100q is not %s", value, wanted(field))
			return
		}
	}
}
