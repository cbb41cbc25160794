package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A binding is how one call is bound to HTTP.
type binding struct {
	method  protoreflect.MethodDescriptor
	conn    *grpc.ClientConn // to the service that has it
	name    string           // in gRPC: /incentives.plan.v1.PlanService/GetPlan
	verb    string           // POST
	path    string           // /v1/{parent=partners/*/plans/*}/earnings
	body    string           // the field that the body holds, "*" for the whole request, "" for none
	request protoreflect.MessageType
	answer  protoreflect.MessageType
	turns   turns // of all bindings
}

func bind(method protoreflect.MethodDescriptor, conn *grpc.ClientConn) (*binding, error) {
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil, fmt.Errorf("%s has no HTTP annotation", method.FullName())
	}
	b := &binding{method: method, conn: conn, name: fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()), body: rule.GetBody()}
	switch rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		b.verb, b.path = http.MethodGet, rule.GetGet()
	case *annotations.HttpRule_Post:
		b.verb, b.path = http.MethodPost, rule.GetPost()
	case *annotations.HttpRule_Patch:
		b.verb, b.path = http.MethodPatch, rule.GetPatch()
	case *annotations.HttpRule_Delete:
		b.verb, b.path = http.MethodDelete, rule.GetDelete()
	default:
		return nil, fmt.Errorf("%s has an HTTP annotation that is not understood", method.FullName())
	}
	var err error
	if b.request, err = protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName()); err != nil {
		return nil, fmt.Errorf("the request of %s: %w", method.FullName(), err)
	}
	if b.answer, err = protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName()); err != nil {
		return nil, fmt.Errorf("the answer of %s: %w", method.FullName(), err)
	}
	return b, nil
}

// streams tells whether either side sends more than one message.
func (b *binding) streams() bool { return b.method.IsStreamingClient() || b.method.IsStreamingServer() }

// content is the part of a request that the body holds; nil where there is no body.
func (b *binding) content(request protoreflect.Message) protoreflect.Message {
	switch b.body {
	case "":
		return nil
	case "*":
		return request
	}
	return request.Mutable(request.Descriptor().Fields().ByName(protoreflect.Name(b.body))).Message()
}

// contentPath is where the body lies in the request: "plan", or "" where it is the whole.
func (b *binding) contentPath() string { return strings.TrimPrefix(b.body, "*") }

// fieldOf returns the field of a message by its JSON name or its name in the proto.
func fieldOf(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByTextName(name)
}

// resolve finds the field of a message that a path such as "plan.displayName"
// names, by JSON names or those of the proto, and returns its path in the proto;
// nil where there is none.
func resolve(message protoreflect.MessageDescriptor, path string) (string, protoreflect.FieldDescriptor) {
	var field protoreflect.FieldDescriptor
	var names []string
	for name := range strings.SplitSeq(path, ".") {
		if message == nil || field != nil && field.Cardinality() == protoreflect.Repeated {
			return "", nil
		}
		if field = fieldOf(message, name); field == nil {
			return "", nil
		}
		names = append(names, string(field.Name()))
		message = field.Message()
	}
	return strings.Join(names, "."), field
}
