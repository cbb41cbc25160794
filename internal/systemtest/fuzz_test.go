package systemtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// Whatever a request over gRPC is, it is answered, and as a refusal where it is to blame: see [subject.judge].
func FuzzCalls(f *testing.F) { fuzz(f, (*subject).call) }

// Whatever a request over JSON is, it is answered, and as a refusal where it is to blame: see [subject.judgeAnswer].
func FuzzJSON(f *testing.F) { fuzz(f, (*subject).ask) }

func fuzz(f *testing.F, send func(*subject, *testing.T, []byte)) {
	s := newSubject(f)
	random := rand.NewChaCha8([32]byte{1})
	const seeds = 24 // few, since fuzzing begins when each has been run
	for i := range seeds {
		data := make([]byte, 10*i)
		_, _ = random.Read(data) // which never fails
		f.Add(data)
	}
	n := 0
	f.Fuzz(func(t *testing.T, data []byte) {
		n++
		if n%50 == 0 {
			s.restore(t, methods(t))
		}
		send(s, t, data)
	})
}

// More than Go's fuzzing, which spends most of its time on what a request has covered, it is these that find something in a minute.
var (
	requesting = flag.Duration("requesting", 5*time.Second, "how long to send generated requests")
	requested  = flag.Uint64("requested", 2, "which of them: the seed")
)

// Some thousands of requests of all kinds leave nothing behind in the process that answered them, and it works as before.
func TestRequestsLeaveNothingBehind(t *testing.T) {
	s := newSubject(t)
	limit, least := time.Now().Add(*requesting), 800 // of each transport, however slow the machine is
	if testing.Short() {
		limit, least = time.Now(), 150
	}
	random := rand.New(rand.NewPCG(*requested, 0))
	n := 0
	for ; !t.Failed() && (n < least || time.Now().Before(limit)); n++ {
		data := make([]byte, random.IntN(400))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		s.call(t, data)
		s.ask(t, data)
		if n%20 == 0 {
			s.restore(t, methods(t))
		}
	}
	var never []string
	for _, method := range s.methods {
		if s.answers[string(method.Name())+" OK"] == 0 {
			never = append(never, string(method.Name()))
		}
	}
	t.Logf("%d requests over each transport; how often each was answered in which way: %v; never succeeded: %v", n, s.answers, never)
	if !testing.Short() && !t.Failed() && len(never) > len(s.methods)/2 {
		t.Errorf("no request of %v has succeeded: the test has hardly got behind its first checks", never)
	}
}

// A subject is the whole system in this process, with some data, and what is known of it.
type subject struct {
	plans, payouts *grpc.ClientConn
	host           string // of the gateway
	client         *http.Client
	methods        []protoreflect.MethodDescriptor // by name
	alarms         *alarms
	known          known
	answers        map[string]int // how often each method was answered with each code
	probes         int
}

// newSubject starts one. When the test ends, it has to work still, and to go without leaving a goroutine behind.
func newSubject(t testing.TB) *subject {
	t.Helper()
	before := goleak.IgnoreCurrent()
	s := &subject{alarms: &alarms{}, answers: map[string]int{}, known: known{etags: map[string]string{}}}
	folder := t.TempDir()
	at, stop := running(t, "pebble:"+filepath.Join(folder, "plansvc"), "pebble:"+filepath.Join(folder, "payoutsvc"), slog.New(s.alarms))
	s.host, s.plans, s.payouts = at.Gateway, dial(t, at.Plansvc), dial(t, at.Payoutsvc)
	transport := &http.Transport{DisableCompression: true}
	s.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		if t.Failed() && s.probes == 0 {
			return
		}
		s.mustWork(t)
		transport.CloseIdleConnections()
		s.plans.Close()
		s.payouts.Close()
		stop()
		http.DefaultClient.CloseIdleConnections()
		redistest.Await(t, "no goroutine is left", func(context.Context) error { return goleak.Find(before) })
		s.mustBeCalm(t, "the end")
	})
	all := methods(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s.methods = append(s.methods, all[name])
	}
	s.fill(t, all)
	s.restore(t, all)
	s.mustWork(t)
	return s
}

// Parts of a campaign and of an activity that can be submitted.
const (
	long    = `"startDate": {"year": 2026, "month": 3, "day": 1}, "endDate": {"year": 2026, "month": 6, "day": 30}`
	planned = `"activityType": "webinar", "regionCodes": ["US"], "plannedCost": {"currencyCode": "USD", "units": "100"},
		"startDate": {"year": 2026, "month": 4, "day": 1}, "endDate": {"year": 2026, "month": 4, "day": 30}`
)

// drafts make what requests may have deleted, or taken further, and so keep others from getting far.
var drafts = []call{
	{method: "CreateEnrollment", request: `{"parent": "partners/contoso", "enrollmentId": "azure", "enrollment": {}}`},
	{method: "CreateEnrollment", request: `{"parent": "partners/fabrikam", "enrollmentId": "azure", "enrollment": {}}`},
	{method: "CreatePlan", request: `{"parent": "partners/contoso", "plan": ` + strings.Replace(coop, `"coop"`, `"mdf"`, 1) + `}`},
	{method: "CreateCampaign", request: `{"parent": "partners/contoso/plans/azure.mdf.fy26", "campaignId": "draft", "campaign": {"displayName": "C", ` + long + `}}`},
	{method: "CreateActivity", request: `{"parent": "partners/contoso/plans/azure.mdf.fy26/campaigns/draft", "activityId": "draft", "activity": {"displayName": "A", ` + planned + `}}`},
	{method: "ReopenPlan", request: `{"name": "partners/contoso/plans/azure.mdf.fy26"}`},
	{method: "GetPlan", request: `{"name": "partners/contoso/plans/azure.mdf.fy26"}`},
	// One that waits for its reviewer, a limit that does, and a partner who has no plan yet.
	{method: "CreatePlan", request: `{"parent": "partners/fabrikam", "plan": ` + coop + `}`},
	{method: "CreateCampaign", request: `{"parent": "` + reviewed + `", "campaignId": "draft", "campaign": {"displayName": "C", ` + long + `}}`},
	{method: "CreateActivity", request: `{"parent": "` + reviewed + `/campaigns/draft", "activityId": "draft", "activity": {"displayName": "A", ` + planned + `}}`},
	{method: "ReopenPlan", request: `{"name": "` + reviewed + `"}`},
	{method: "GetPlan", request: `{"name": "` + reviewed + `"}`},
	{method: "SubmitPlan", request: `{"name": "` + reviewed + `", "etag": "$ETAG"}`},
	{method: "StartReview", request: `{"name": "` + reviewed + `"}`},
	{method: "CreateLimitChange", request: `{"parent": "` + plansOf + `", "limitChange": {"newLimit": {"currencyCode": "USD", "units": "20000"}}}`},
	{method: "CreateEnrollment", request: `{"parent": "partners/newcomer", "enrollmentId": "azure", "enrollment": {}}`},
	{method: "DeletePlan", request: `{"name": "partners/newcomer/plans/azure.coop.fy26"}`},
	{method: "DeletePlan", request: `{"name": "partners/newcomer/plans/azure.mdf.fy26"}`},
}

// reviewed is a plan that is sent to its reviewer again and again.
const reviewed = "partners/fabrikam/plans/azure.coop.fy26"

// restore makes the drafts, as far as they are not there.
func (s *subject) restore(t testing.TB, methods map[string]protoreflect.MethodDescriptor) {
	t.Helper()
	for _, c := range drafts {
		request := strings.ReplaceAll(c.request, "$ETAG", s.known.etags[reviewed])
		if answer, err := s.send(methods[c.method], []any{s.read(t, methods[c.method], request)}); err == nil {
			s.note(answer)
		}
	}
}

// fill makes the data that the generator knows the names of, and a plan that it does not know.
func (s *subject) fill(t testing.TB, methods map[string]protoreflect.MethodDescriptor) {
	t.Helper()
	const steady = "partners/steady/plans/steady.coop.fy26"
	steps := slices.Concat(planCalls, payoutCalls)
	steps = append(steps,
		call{method: "CreateProgram", request: `{"programId": "steady", "program": ` + azure + `}`},
		call{method: "CreateEnrollment", request: `{"parent": "partners/steady", "enrollmentId": "steady"}`},
		call{method: "CreatePlan", request: `{"parent": "partners/steady", "plan": ` + strings.Replace(coop, "azure", "steady", 1) + `}`},
		call{method: "CreateCampaign", request: `{"parent": "` + steady + `", "campaignId": "c", "campaign": {"displayName": "C", ` + long + `}}`},
		call{method: "CreateActivity", request: `{"parent": "` + steady + `/campaigns/c", "activityId": "a", "activity": {"displayName": "A", ` + planned + `}}`},
		call{method: "GetPlan", request: `{"name": "` + steady + `"}`, save: map[string]string{"NOW": "etag"}},
		call{method: "SubmitPlan", request: `{"name": "` + steady + `", "etag": "$NOW"}`},
	)
	saved := map[string]string{}
	for _, c := range steps {
		if c.code != codes.OK {
			continue
		}
		request := c.request
		for word, value := range saved {
			request = strings.ReplaceAll(request, "$"+word, value)
		}
		answer := s.must(t, methods[c.method], request)
		for word, field := range c.save {
			saved[word] = answer.Get(answer.Descriptor().Fields().ByJSONName(field)).String()
		}
	}
}

// mustWork checks that the system reads and writes, whatever it was asked before.
func (s *subject) mustWork(t testing.TB) {
	t.Helper()
	s.probes++
	all := methods(t)
	s.must(t, all["GetPlan"], `{"name": "partners/steady/plans/steady.coop.fy26"}`)
	s.must(t, all["RecordEarning"], fmt.Sprintf(`{"parent": "partners/steady/plans/steady.coop.fy26", "earningId": "probe-%d",
		"earning": {"amount": {"currencyCode": "USD", "units": "1"}, "earnTime": "2026-05-01T06:30:00Z"}}`, s.probes))
}

// must sends a request that has to succeed, and returns the last answer.
func (s *subject) must(t testing.TB, method protoreflect.MethodDescriptor, request string) *dynamicpb.Message {
	t.Helper()
	answer, err := s.send(method, []any{s.read(t, method, request)})
	if err != nil {
		t.Fatalf("%s: %v", method.Name(), err)
	}
	return answer
}

func (s *subject) read(t testing.TB, method protoreflect.MethodDescriptor, request string) *dynamicpb.Message {
	t.Helper()
	message := dynamicpb.NewMessage(method.Input())
	if err := protojson.Unmarshal([]byte(request), message); err != nil {
		t.Fatal(err)
	}
	return message
}

// mustBeCalm checks that nothing was logged that an operator would be woken for.
func (s *subject) mustBeCalm(t testing.TB, after string) {
	t.Helper()
	for _, alarm := range s.alarms.take() {
		t.Errorf("after %s the log says: %s", after, alarm)
	}
}

// note keeps what later requests may use of an answer.
func (s *subject) note(answer protoreflect.Message) {
	text := func(name protoreflect.Name) string {
		if field := answer.Descriptor().Fields().ByName(name); field != nil {
			return answer.Get(field).String()
		}
		return ""
	}
	s.known.learn(text("name"), text("etag"), text("next_page_token"))
}

// callPatience is how long a call may take. Go's fuzzing gives up what takes 10 seconds, and then does not say on what.
const callPatience = 8 * time.Second

// Alarms are a log of which only what is wrong is kept: a call that failed inside, and a panic, whoever caught it.
type alarms struct {
	mutex sync.Mutex
	lines []string
}

func (a *alarms) Enabled(context.Context, slog.Level) bool { return true }
func (a *alarms) WithAttrs([]slog.Attr) slog.Handler       { return a }
func (a *alarms) WithGroup(string) slog.Handler            { return a }

// Handle keeps a record if it is an alarm.
func (a *alarms) Handle(_ context.Context, record slog.Record) error {
	if record.Level < slog.LevelError && !strings.Contains(record.Message, "panic") {
		return nil
	}
	line := []any{record.Level, record.Message}
	record.Attrs(func(attr slog.Attr) bool {
		line = append(line, attr)
		return true
	})
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.lines = append(a.lines, fmt.Sprintln(line...))
	return nil
}

func (a *alarms) take() []string {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	lines := a.lines
	a.lines = nil
	return lines
}

var errNoRequest = errors.New("it is no request that can be sent")
