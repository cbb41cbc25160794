package auth

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/incentives-dev/incentives/internal/fault"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

// A policy is who may call a method, and which field of a request names what it is about.
type policy struct {
	roles, viewers []authv1.Role // viewers may not call it, and see what it is about
	resource       []string      // the path of the field, from the request on; empty where it names no one resource
}

// forAll are the services that anybody may call, forKnown those that a caller with any role may call. They have no policies.
var (
	forAll   = []string{"grpc.health.v1.Health"}
	forKnown = []string{"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}
)

// policies reads the policies of all methods that a server has, by their full names. It fails where one has none.
func policies(server interface {
	GetServiceInfo() map[string]grpc.ServiceInfo
},
) (map[string]policy, error) {
	found := map[string]policy{}
	for name, info := range server.GetServiceInfo() {
		if slices.Contains(forAll, name) || slices.Contains(forKnown, name) {
			continue
		}
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return nil, fmt.Errorf("the service %s: %w", name, err)
		}
		service, ok := d.(protoreflect.ServiceDescriptor)
		if !ok {
			return nil, fmt.Errorf("%s is no service", name)
		}
		for _, method := range info.Methods {
			p, err := policyOf(service.Methods().ByName(protoreflect.Name(method.Name)))
			if err != nil {
				return nil, err
			}
			found["/"+name+"/"+method.Name] = p
		}
	}
	return found, nil
}

// policyOf reads a method's policy.
func policyOf(method protoreflect.MethodDescriptor) (policy, error) {
	options, _ := proto.GetExtension(method.Options(), authv1.E_Policy).(*authv1.Policy)
	if len(options.GetRoles()) == 0 {
		return policy{}, fmt.Errorf("%s has no policy that says who may call it", method.FullName())
	}
	p := policy{roles: options.GetRoles(), viewers: options.GetSees(), resource: ResourceOf(method)}
	if slices.Contains(p.roles, authv1.Role_PARTNER) && (method.IsStreamingClient() || method.IsStreamingServer()) {
		return policy{}, fmt.Errorf("%s admits partners, and names no partner that they could be bound to", method.FullName())
	}
	return p, nil
}

// ResourceOf returns the path of the field that names what a call is about: the one in the URL of its JSON form.
func ResourceOf(method protoreflect.MethodDescriptor) []string {
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	for _, path := range []string{rule.GetGet(), rule.GetPost(), rule.GetPatch(), rule.GetPut(), rule.GetDelete()} {
		if _, variable, ok := strings.Cut(path, "{"); ok {
			field, _, _ := strings.Cut(variable, "=")
			return strings.Split(field, ".")
		}
	}
	return nil
}

// named returns the resource name that a request says its call is about.
func (p policy) named(request proto.Message) string {
	if len(p.resource) == 0 {
		return ""
	}
	m := request.ProtoReflect()
	for i, name := range p.resource {
		field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if i == len(p.resource)-1 {
			return m.Get(field).String()
		}
		m = m.Get(field).Message()
	}
	return ""
}

// as returns the access of a principal that calls by a role of a policy; ok is false where it does not have that role.
func as(who Principal, role authv1.Role) (access Access, ok bool) {
	switch {
	case who.Local && role == authv1.Role_PARTNER:
		role = authv1.Role_INCENTIVES_ADMIN
	case who.Local:
	case role == authv1.Role_PARTNER:
		i := slices.IndexFunc(who.Roles, isPartner)
		if i < 0 {
			return Access{}, false
		}
		role = who.Roles[i]
	case !slices.Contains(who.Roles, role):
		return Access{}, false
	}
	return Access{Principal: who, Role: role}, true
}

// Unseen is the reason of a call that is refused for what the caller may not see.
const Unseen = "NOT_FOUND"

// unseen is what a call is answered with about what the caller may not see, whether it exists or not.
func unseen() error {
	return fault.New(fault.NotFound, Unseen, "it does not exist, or not for this caller")
}

// denied is what a caller is told that may see what the call is about, but not make it.
func denied() error {
	return fault.New(fault.Denied, "ROLE_MISSING", "the caller has no role that may do this")
}

// admit decides on a call of a known caller about a resource: by any one of its roles, since an auditor that is a partner's
// billing admin, too, sees what either of them sees.
func (p policy) admit(who Principal, name string, visible func(a Access, name string) (bool, error)) (Access, error) {
	if !who.Local && len(who.Roles) == 0 {
		return Access{}, denied() // it sees nothing, so this tells nothing
	}
	find := func(roles []authv1.Role) (Access, bool, error) {
		for _, bound := range []bool{false, true} { // first by a role that sees all
			for _, role := range roles {
				access, ok := as(who, role)
				if !ok || access.Bound() != bound {
					continue
				}
				if seen, err := access.seesNamed(name, visible); seen || err != nil {
					return access, seen, err
				}
			}
		}
		return Access{}, false, nil
	}
	access, found, err := find(p.roles)
	if found || err != nil {
		return access, err
	}
	if _, found, err = find(p.viewers); err != nil {
		return Access{}, err
	}
	if found {
		return Access{}, denied()
	}
	return Access{}, unseen()
}

// seesNamed tells whether what a name stands for exists for the caller. Of all partners ("-") and of a name that is none it
// does: the handler lists what the caller sees, and refuses what is no name.
func (a Access) seesNamed(name string, visible func(a Access, name string) (bool, error)) (bool, error) {
	if !a.Bound() {
		return true, nil
	}
	parts := strings.SplitN(name, "/", 3) // and no more: a name may be millions of "/"
	if len(parts) < 2 || parts[1] == "-" || parts[1] == "" {
		return true, nil
	}
	if parts[0] == "partners" && !a.SeesPartner(parts[1]) {
		return false, nil
	}
	return visible(a, name)
}
