package gateway

import (
	"net/url"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/incentives-dev/incentives/internal/fault"
)

// checkQuery records in v what is wrong with the query of a request: a
// parameter that the call does not know, that the path or the body holds, that is
// given twice, or whose value its field cannot hold. grpc-gateway itself ignores
// most of that.
func (b *binding) checkQuery(v *fault.Violations, query url.Values, params map[string]string) {
	seen := map[string]bool{}
	for _, key := range sortedKeys(query) {
		path, field := b.resolve(key)
		switch name := strings.Join(path, "."); {
		case field == nil:
			v.Add(key, "FIELD_UNKNOWN", "is not a query parameter of this call")
		case b.body == "*", path[0] == b.body:
			v.Add(name, "FIELD_UNKNOWN", "is not a query parameter of this call: it belongs into the body")
		case holds(params, name):
			v.Add(name, "FIELD_UNKNOWN", "is not a query parameter of this call: it is taken from the path")
		case seen[name], len(query[key]) > 1 && !field.IsList():
			v.Add(name, "FIELD_REPEATED", "is given more than once")
		default:
			seen[name] = true
			b.checkParameter(v, name, field, query[key])
		}
	}
}

func (b *binding) checkParameter(v *fault.Violations, name string, field protoreflect.FieldDescriptor, values []string) {
	for _, value := range values {
		if err := runtime.PopulateFieldFromPath(b.request.New().Interface(), name, value); err != nil {
			v.Add(name, "FIELD_MALFORMED", "%.100q is not %s", value, wanted(field))
			return
		}
	}
}

// resolve finds the field that a query parameter such as "plan.displayName"
// names, by JSON names or those of the proto; nil where there is none.
func (b *binding) resolve(key string) (path []string, field protoreflect.FieldDescriptor) {
	message := b.method.Input()
	for name := range strings.SplitSeq(key, ".") {
		if message == nil || field != nil && field.Cardinality() == protoreflect.Repeated {
			return nil, nil
		}
		if field = fieldOf(message, name); field == nil {
			return nil, nil
		}
		path = append(path, string(field.Name()))
		message = field.Message()
	}
	return path, field
}

// holds tells whether the path holds a field, or a part of it.
func holds(params map[string]string, name string) bool {
	for param := range params {
		if param == name || strings.HasPrefix(param, name+".") {
			return true
		}
	}
	return false
}

func sortedKeys(query url.Values) []string {
	keys := make([]string, 0, len(query))
	for key := range query {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
