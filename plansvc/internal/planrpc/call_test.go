package planrpc_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/incentives-dev/incentives/internal/store"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// methods are all calls of the service.
func methods() []protoreflect.MethodDescriptor {
	all := planv1.File_incentives_plan_v1_plan_service_proto.Services().ByName("PlanService").Methods()
	list := make([]protoreflect.MethodDescriptor, all.Len())
	for i := range list {
		list[i] = all.Get(i)
	}
	return list
}

// newMessage is an empty message of a kind.
func newMessage(t *testing.T, of protoreflect.MessageDescriptor) protoreflect.Message {
	t.Helper()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(of.FullName())
	must(t, err)
	return kind.New()
}

// invoke makes any call.
func (w *world) invoke(t *testing.T, method protoreflect.MethodDescriptor, request protoreflect.Message) error {
	t.Helper()
	return w.conn.Invoke(t.Context(), pathOf(method), request.Interface(), newMessage(t, method.Output()).Interface())
}

// pathOf is a method as gRPC calls it.
func pathOf(method protoreflect.MethodDescriptor) string {
	return "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
}

// nameOf is where a request says what it is about: its field "name" or
// "parent", or the name of the resource that it updates.
func nameOf(request protoreflect.Message) (holder protoreflect.Message, field protoreflect.FieldDescriptor, path string) {
	fields := request.Descriptor().Fields()
	for _, name := range []protoreflect.Name{"name", "parent"} {
		if f := fields.ByName(name); f != nil {
			return request, f, string(name)
		}
	}
	if fields.ByName("update_mask") == nil {
		return nil, nil, ""
	}
	resource := fields.Get(0)
	holder = request.Mutable(resource).Message()
	return holder, resource.Message().Fields().ByName("name"), string(resource.Name()) + ".name"
}

// A request with nothing in it is the caller's mistake, and says what is missing.
func TestEveryCall_EmptyRequest(t *testing.T) {
	w := newWorld(t)
	for _, method := range methods() {
		err := w.invoke(t, method, newMessage(t, method.Input()))
		want := codes.InvalidArgument
		if method.Name() == "ListPrograms" {
			want = codes.OK
		}
		_, fields := explain(err)
		if got := status.Code(err); got != want || want != codes.OK && len(fields) == 0 {
			t.Errorf("%s: %v with violations of %q, want %s", method.Name(), err, fields, want)
		}
	}
}

func TestEveryCall_MalformedName(t *testing.T) {
	w := newWorld(t)
	for _, method := range methods() {
		for _, name := range []string{
			"azure", "/" + coop, coop + "/", "programs/", "programs/Azure", "programs/-", "programs/azure/x", "partners/", "partners/CONTOSO",
			"partners/-/plans/azure.coop.fy26", "partners/contoso/plans/azure.coop", "partners/contoso/plans/azure.coop.fy26.x",
			"partners/contoso/plans/azure..fy26", "partners//plans/azure.coop.fy26", "partners/contoso/plans/-", coop + "/campaigns/", coop + "/campaigns/-",
			spring + "/activities/Webinar", coop + "/limitChanges/" + strings.Repeat("l", 64), "partners/contoso/enrollments/", "partners/con\ntoso",
		} {
			request := newMessage(t, method.Input())
			holder, field, path := nameOf(request)
			if holder == nil {
				continue
			}
			holder.Set(field, protoreflect.ValueOfString(name))
			err := w.invoke(t, method, request)
			_, fields := explain(err)
			if status.Code(err) != codes.InvalidArgument || !strings.HasPrefix(strings.Join(fields, ",")+",", path) {
				t.Errorf("%s of %q: %v with violations of %q, want INVALID_ARGUMENT for %s first", method.Name(), name, err, fields, path)
			}
		}
	}
}

// What does not exist is NOT_FOUND, with a reason that says what.
func TestEveryCall_NotFound(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	other := strings.ReplaceAll(coop, "coop", "mdf")
	for _, test := range []struct{ name, reason string }{
		{"programs/nope", "PROGRAM_NOT_FOUND"},
		{"partners/contoso/enrollments/nope", "ENROLLMENT_NOT_FOUND"},
		{other, "PLAN_NOT_FOUND"},
		{strings.ReplaceAll(coop, "azure", "nope"), "PLAN_NOT_FOUND"},
		{other + "/campaigns/spring", "PLAN_NOT_FOUND"},
		{coop + "/campaigns/nope", "CAMPAIGN_NOT_FOUND"},
		{coop + "/campaigns/nope/activities/webinar", "CAMPAIGN_NOT_FOUND"},
		{spring + "/activities/nope", "ACTIVITY_NOT_FOUND"},
		{other + "/limitChanges/l1", "PLAN_NOT_FOUND"},
		{coop + "/limitChanges/l1", "LIMIT_CHANGE_NOT_FOUND"},
	} {
		calls := 0
		for _, method := range methods() {
			request := newMessage(t, method.Input())
			holder, field, _ := nameOf(request)
			if holder == nil {
				continue
			}
			if etag := request.Descriptor().Fields().ByName("etag"); etag != nil {
				request.Set(etag, protoreflect.ValueOfString("0-0"))
			}
			holder.Set(field, protoreflect.ValueOfString(test.name))
			err := w.invoke(t, method, request)
			if status.Code(err) == codes.InvalidArgument {
				continue // a name of another kind
			}
			calls++
			refused(t, string(method.Name())+" of "+test.name, err, as{codes.NotFound, test.reason})
		}
		if calls == 0 {
			t.Errorf("no call takes %s", test.name)
		}
	}
}

// Where the store is out, every call says so, and that it may be tried again.
func TestEveryCall_StoreUnavailable(t *testing.T) {
	w := newWorld(t)
	w.drafted(t)
	out := func() error { return store.ErrUnavailable }
	w.db.trouble(func(store.Key) error { return out() }, out, out)
	for method, call := range w.calls(t) {
		refused(t, method, call(), as{codes.Unavailable, "STORE_UNAVAILABLE"})
	}
	w.db.trouble(func(key store.Key) error {
		if key.Collection != "plans" {
			return store.ErrUnavailable
		}
		return nil
	}, nil, nil)
	_, err := w.SubmitPlan(t.Context(), &planv1.SubmitPlanRequest{Name: coop, Etag: "0-0", ValidateOnly: true})
	refused(t, "validating where only enrollments can't be read", err, as{codes.Unavailable, "STORE_UNAVAILABLE"})
}

// calls is a well-formed call of every method.
func (w *world) calls(t *testing.T) map[string]func() error {
	t.Helper()
	calls := map[string]func() error{}
	for _, request := range []proto.Message{
		&planv1.CreateProgramRequest{ProgramId: "other", Program: azure()},
		&planv1.GetProgramRequest{Name: program},
		&planv1.ListProgramsRequest{},
		&planv1.UpdateProgramRequest{Program: &planv1.Program{Name: program, DisplayName: "A"}},
		&planv1.CreateEnrollmentRequest{Parent: "partners/other", EnrollmentId: "azure"},
		&planv1.GetEnrollmentRequest{Name: enrollment},
		&planv1.ListEnrollmentsRequest{Parent: partner},
		&planv1.UpdateEnrollmentRequest{Enrollment: &planv1.Enrollment{Name: enrollment, AdminEmails: []string{"new@partner.example"}}},
		&planv1.DeleteEnrollmentRequest{Name: enrollment},
		&planv1.CreatePlanRequest{Parent: partner, Plan: draft()},
		&planv1.GetPlanRequest{Name: coop},
		&planv1.ListPlansRequest{Parent: "partners/-"},
		&planv1.UpdatePlanRequest{Plan: &planv1.Plan{Name: coop, DisplayName: "A"}},
		&planv1.DeletePlanRequest{Name: coop},
		&planv1.SubmitPlanRequest{Name: coop, Etag: "0-0"},
		&planv1.StartReviewRequest{Name: coop},
		&planv1.ApprovePlanRequest{Name: coop},
		&planv1.RequestActionRequest{Name: coop, Comment: "More."},
		&planv1.RejectPlanRequest{Name: coop, Comment: "No."},
		&planv1.ReopenPlanRequest{Name: coop},
		&planv1.CreateCampaignRequest{Parent: coop, Campaign: &planv1.Campaign{DisplayName: "A"}},
		&planv1.GetCampaignRequest{Name: spring},
		&planv1.ListCampaignsRequest{Parent: coop},
		&planv1.UpdateCampaignRequest{Campaign: &planv1.Campaign{Name: spring, DisplayName: "A"}},
		&planv1.DeleteCampaignRequest{Name: spring},
		&planv1.CreateActivityRequest{Parent: spring, Activity: &planv1.Activity{DisplayName: "A"}},
		&planv1.GetActivityRequest{Name: webinar},
		&planv1.ListActivitiesRequest{Parent: spring},
		&planv1.UpdateActivityRequest{Activity: &planv1.Activity{Name: webinar, DisplayName: "A"}},
		&planv1.DeleteActivityRequest{Name: webinar},
		&planv1.CreateLimitChangeRequest{Parent: coop, LimitChange: &planv1.LimitChange{NewLimit: usd(1, 0)}},
		&planv1.GetLimitChangeRequest{Name: coop + "/limitChanges/l1"},
		&planv1.ListLimitChangesRequest{Parent: coop},
		&planv1.ApproveLimitChangeRequest{Name: coop + "/limitChanges/l1"},
		&planv1.RejectLimitChangeRequest{Name: coop + "/limitChanges/l1"},
		&planv1.ListPlanEventsRequest{Parent: coop},
		&planv1.BatchGetPlanTermsRequest{Plans: []string{coop}},
	} {
		calls[methodOf(request)] = func() error {
			_, err := w.do(t, request)
			return err
		}
	}
	return calls
}

// Every method of the service is among the calls.
func TestCalls_AreAll(t *testing.T) {
	calls := (&world{}).calls(t)
	for _, method := range methods() {
		if calls[string(method.Name())] == nil {
			t.Errorf("%s is not called by the tests of every call", method.Name())
		}
	}
}
