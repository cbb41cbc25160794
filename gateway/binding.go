package gateway

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
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
	verb    string           // POST
	path    string           // /v1/{parent=partners/*/plans/*}/earnings
	body    string           // the field that the body holds, "*" for the whole request, "" for none
	request protoreflect.MessageType
	answer  protoreflect.MessageType
}

// bindings are all bindings, by verb and path: "GET /v1/programs".
type bindings map[string]*binding

// add adds the calls of a service, which conn leads to.
func (b bindings) add(service protoreflect.ServiceDescriptor, conn *grpc.ClientConn) error {
	methods := service.Methods()
	for i := range methods.Len() {
		bound, err := bind(methods.Get(i), conn)
		if err != nil {
			return err
		}
		b[bound.verb+" "+bound.path] = bound
	}
	return nil
}

// find returns the binding that grpc-gateway has chosen for a request.
func (b bindings) find(r *http.Request) (*binding, bool) {
	pattern, ok := runtime.HTTPPattern(r.Context())
	if !ok {
		return nil, false
	}
	found, ok := b[r.Method+" "+pattern.String()]
	return found, ok
}

func bind(method protoreflect.MethodDescriptor, conn *grpc.ClientConn) (*binding, error) {
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil, fmt.Errorf("%s has no HTTP annotation", method.FullName())
	}
	b := &binding{method: method, conn: conn, body: rule.GetBody()}
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

// content is the type of message that the body holds; nil where there is no body.
func (b *binding) content() protoreflect.MessageDescriptor {
	switch b.body {
	case "":
		return nil
	case "*":
		return b.method.Input()
	}
	return b.method.Input().Fields().ByName(protoreflect.Name(b.body)).Message()
}

// contentPath is where the body lies in the request: "plan", or "" where it is the whole.
func (b *binding) contentPath() string { return strings.TrimPrefix(b.body, "*") }

// fullMethod is the call's name in gRPC: /incentives.plan.v1.PlanService/GetPlan.
func (b *binding) fullMethod() string {
	return fmt.Sprintf("/%s/%s", b.method.Parent().FullName(), b.method.Name())
}

// fieldOf returns the field of a message by its JSON name or its name in the proto.
func fieldOf(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByTextName(name)
}
