package systemtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// A call is one case: a method, a request as JSON, and what has to come of it.
// The cases of a list run in order on one fresh server.
type call struct {
	name    string
	method  string // of either service
	request string // $word stands for what an earlier case saved

	code   codes.Code
	reason string            // of the ErrorInfo
	fields []string          // paths of the field violations, all of them, in any order
	want   map[string]string // some fields of the answer, by path
	save   map[string]string // word → path in the answer
}

// anything is what a wanted field may hold as long as it holds something.
const anything = "$set"

// clock is when the list of cases happens: the day after a pay date.
var clock = time.Date(2026, time.May, 16, 19, 0, 0, 0, time.UTC)

func TestCalls(t *testing.T) {
	onEach(t, func(t *testing.T, in place) {
		methods := methods(t)
		for name, send := range map[string]transport{"gRPC": overGRPC, "JSON": overJSON} {
			t.Run(name, func(t *testing.T) {
				saved := map[string]string{}
				s := serve(t, in.empty(t), clock)
				for _, c := range slices.Concat(planCalls, payoutCalls) {
					t.Run(c.method+" "+c.name, func(t *testing.T) {
						c.run(s.in(t), methods[c.method], send, saved)
					})
				}
				s.stop()
			})
		}
	})
}

// Every call of both services stands in the list, with its main error.
func TestCallsAreComplete(t *testing.T) {
	var good, bad []string
	for _, c := range slices.Concat(planCalls, payoutCalls) {
		if c.code == codes.OK {
			good = append(good, c.method)
		} else {
			bad = append(bad, c.method)
		}
	}
	for name := range methods(t) {
		if !slices.Contains(good, name) {
			t.Errorf("%s has no case that succeeds", name)
		}
		if !slices.Contains(bad, name) {
			t.Errorf("%s has no case that fails", name)
		}
	}
}

// methods are all methods of both services, by name.
func methods(t testing.TB) map[string]protoreflect.MethodDescriptor {
	t.Helper()
	byName := map[string]protoreflect.MethodDescriptor{}
	for _, file := range []protoreflect.FileDescriptor{
		planv1.File_incentives_plan_v1_plan_service_proto, payoutv1.File_incentives_payout_v1_payout_service_proto,
	} {
		all := file.Services().Get(0).Methods()
		for i := range all.Len() {
			byName[string(all.Get(i).Name())] = all.Get(i)
		}
	}
	return byName
}

func (c call) run(s *server, method protoreflect.MethodDescriptor, send transport, saved map[string]string) {
	s.Helper()
	if method == nil {
		s.Fatalf("there is no method %s", c.method)
	}
	request := c.request
	for word, value := range saved {
		request = strings.ReplaceAll(request, "$"+word, value)
	}
	if !json.Valid([]byte(request)) {
		s.Fatalf("the request is no JSON: %s", request)
	}
	answer, got := send(s, method, []byte(request))
	if got.Code() != c.code {
		s.Fatalf("code %s (%s), want %s", got.Code(), got.Message(), c.code)
	}
	reason, fields := details(got)
	if reason != c.reason {
		s.Errorf("reason %q, want %q: %s", reason, c.reason, got.Message())
	}
	slices.Sort(fields)
	if want := slices.Sorted(slices.Values(c.fields)); !slices.Equal(fields, want) {
		s.Errorf("violations of %q, want %q: %s", fields, want, got.Message())
	}
	for path, want := range c.want {
		if value := fmt.Sprint(answer.at(path)); value != want && (want != anything || value == "") {
			s.Errorf("%s is %s, want %s", path, value, want)
		}
	}
	for word, path := range c.save {
		saved[word] = answer.text(path)
	}
}

// details are the reason and the violated fields that a status carries.
func details(s *status.Status) (reason string, fields []string) {
	for _, detail := range s.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, violation := range d.GetFieldViolations() {
				fields = append(fields, violation.GetField())
			}
		}
	}
	return reason, fields
}
