// Package authtable holds services to docs/rules.md §5: what each role may do, of what is its own and of what is not.
package authtable

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/fault"
	authv1 "github.com/incentives-dev/incentives/proto/incentives/auth/v1"
)

// Groups of calls that docs/rules.md §5 says the same of: who may make them, and who else sees what they are about. P is the three
// roles of the partner side, by a partner of their own.
var rules5 = []struct {
	who, viewers string
	methods      string
}{
	{"PROGRAM_ADMIN", "P REVIEWER AUDITOR", "CreateProgram UpdateProgram"},
	{"P REVIEWER PROGRAM_ADMIN AUDITOR", "", "GetProgram ListPrograms"},
	{"PROGRAM_ADMIN", "P AUDITOR", "CreateEnrollment UpdateEnrollment DeleteEnrollment"},
	{"P PROGRAM_ADMIN AUDITOR", "", "GetEnrollment ListEnrollments"},
	{"P", "REVIEWER AUDITOR", "CreatePlan UpdatePlan DeletePlan SubmitPlan ReopenPlan CreateLimitChange"},
	{"P", "REVIEWER AUDITOR", "CreateCampaign UpdateCampaign DeleteCampaign CreateActivity UpdateActivity DeleteActivity"},
	{"REVIEWER", "P AUDITOR", "StartReview ApprovePlan RequestAction RejectPlan ApproveLimitChange RejectLimitChange"},
	{"P REVIEWER AUDITOR", "", "GetPlan ListPlans GetCampaign ListCampaigns GetActivity ListActivities GetLimitChange ListLimitChanges ListPlanEvents"},
	{"AUDITOR", "", "BatchGetPlanTerms"},
	{"EARNINGS_WRITER", "P AUDITOR", "RecordEarning BatchRecordEarnings StreamEarnings"},
	{"P AUDITOR", "", "GetEarning ListEarnings GetStatement ListStatements"},
	{"P PAYOUT_OPERATOR AUDITOR", "", "GetPayout ListPayouts"},
	{"PAYOUT_OPERATOR", "P AUDITOR", "ConfirmPayout FailPayout RetryPayout"},
	{"PAYOUT_OPERATOR", "AUDITOR", "CreatePayoutRun"},
	{"PAYOUT_OPERATOR AUDITOR", "", "GetPayoutRun ListPayoutRuns WatchPayoutRun PreviewPayoutRun"},
}

// want is the outcome that docs/rules.md §5 gives a role: that it may call, or the reason why not.
func want(t *testing.T, method string, role authv1.Role, own bool) string {
	t.Helper()
	for _, group := range rules5 {
		if !slices.Contains(strings.Fields(group.methods), method) {
			continue
		}
		has := func(roles string) bool {
			if slices.Contains(partnerSide, role) {
				return own && slices.Contains(strings.Fields(roles), "P")
			}
			return slices.Contains(strings.Fields(roles), role.String())
		}
		switch {
		case has(group.who):
			return "may"
		case has(group.viewers):
			return "ROLE_MISSING"
		}
		return "NOT_FOUND"
	}
	t.Fatalf("nothing is said about %s: add it to a row of rules5", method)
	return ""
}

// partnerSide are the roles that are bound to partners.
var partnerSide = []authv1.Role{authv1.Role_INCENTIVES_ADMIN, authv1.Role_BILLING_ADMIN, authv1.Role_GLOBAL_ADMIN}

// Hold calls every method that a server has as every role, about what is of the caller's own partner, contoso, and of another,
// fabrikam: the outcome is what docs/rules.md §5 says. The guard is the server's, with all that it asks. Of programs, contoso
// has to be enrolled in programs/azure, and not in programs/office.
func Hold(t *testing.T, server *grpc.Server, guard *auth.Guard) {
	t.Helper()
	if err := guard.Protect(server); err != nil {
		t.Fatal(err)
	}
	roles := slices.DeleteFunc(slices.Sorted(maps.Keys(authv1.Role_name)), func(n int32) bool {
		return authv1.Role(n) == authv1.Role_ROLE_UNSPECIFIED || authv1.Role(n) == authv1.Role_PARTNER
	})
	for name, info := range server.GetServiceInfo() {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			t.Fatal(err)
		}
		service, _ := d.(protoreflect.ServiceDescriptor)
		for _, method := range info.Methods {
			for _, role := range roles {
				for _, own := range []bool{true, false} {
					check(t, guard, service.Methods().ByName(protoreflect.Name(method.Name)), authv1.Role(role), own)
				}
			}
		}
	}
}

func check(t *testing.T, guard *auth.Guard, method protoreflect.MethodDescriptor, role authv1.Role, own bool) {
	t.Helper()
	partner, program := "contoso", "azure"
	if !own {
		partner, program = "fabrikam", "office"
	}
	request, named := about(t, method, partner, program)
	ctx := auth.WithCaller(t.Context(), auth.Principal{ID: "someone", Roles: []authv1.Role{role}, Partners: []string{"contoso"}})
	info := &grpc.UnaryServerInfo{FullMethod: "/" + string(method.Parent().FullName()) + "/" + string(method.Name())}
	var as authv1.Role
	_, err := guard.Unary(ctx, request, info, func(ctx context.Context, _ any) (any, error) {
		as = auth.From(ctx).Role
		return nil, nil //nolint:nilnil // nobody looks at the answer
	})
	got := "may"
	if err != nil {
		got = fault.ReasonOf(err)
	}
	if want := want(t, string(method.Name()), role, own || !named); got != want {
		t.Errorf("%s by %s, own %t: %s (%v), want %s", method.Name(), role, own, got, err, want)
	}
	if err == nil && as != role {
		t.Errorf("%s by %s is made as %s", method.Name(), role, as)
	}
}

// about is a request of a method about what is of a partner, or a program; named is false where it names nothing.
func about(t *testing.T, method protoreflect.MethodDescriptor, partner, program string) (request proto.Message, named bool) {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		t.Fatal(err)
	}
	m := kind.New()
	path := auth.ResourceOf(method)
	if len(path) == 0 {
		return m.Interface(), false
	}
	at := m
	for _, name := range path[:len(path)-1] {
		at = at.Mutable(at.Descriptor().Fields().ByName(protoreflect.Name(name))).Message()
	}
	name := "partners/" + partner + "/plans/azure.coop.fy26"
	if programs := strings.Contains(string(method.Name()), "Program") || strings.Contains(string(method.Name()), "PayoutRun"); programs {
		name = "programs/" + program
	}
	at.Set(at.Descriptor().Fields().ByName(protoreflect.Name(path[len(path)-1])), protoreflect.ValueOfString(name))
	return m.Interface(), true
}
