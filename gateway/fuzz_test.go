package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// Whatever a body is, the call is answered: as the service answers, or with what
// is wrong with the body. It is wrong exactly where protojson says so, and then
// there is a violation that says why.
func FuzzBody(f *testing.F) {
	for _, body := range []string{
		"", "{}", "null", "[]", `"x"`, "{} {}", "{}\u00a0", "\ufeff{}", "\x00", "{\"displayName\":\"\xff\"}", `{"\ud800":1}`,
		`{"displayName":"x","display_name":"y"}`, `{"displayName":null,"displayName":"\ud800"}`, `{"requestedLimit":{"units":"1e3","nanos":1.0}}`,
		`{"earnings":[{"name":"a","amount":{"units":"-5"},"earnTime":"2026-05-15T00:00:00.123456789+02:00"},null,[],{"earnTime":{}}]}`,
		`{"state":1,"state":"EDITING"}`, `{"state":"PERHAPS"}`, `{"limits":[{"amount":{}}],"campaigns":[{"activities":[{"regionCodes":["US",1]}]}]}`,
		`{"resubmitDeadline":{"year":2147483648}}`, `{"[x.y]":1}`, `{"@type":"x"}`, "{\"a\u2028b\":1}", `{"createTime":"0000-01-01T00:00:00Z"}`, `{"market":"US",}`,
	} {
		f.Add(false, []byte(body))
		f.Add(true, []byte(body))
	}
	plansvc, payoutsvc := newFake(f), newFake(f)
	m, err := newMux(&mux{
		failures: failures{log: slog.New(slog.DiscardHandler)}, plans: dial(f, plansvc), payouts: dial(f, payoutsvc), stopping: context.Background(),
	})
	if err != nil {
		f.Fatal(err)
	}
	send := func(target string, body []byte) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		m.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body)))
		return answer
	}
	f.Fuzz(func(t *testing.T, whole bool, body []byte) {
		target, message, service := plans, proto.Message(&planv1.Plan{}), plansvc
		if whole {
			target, message, service = batchRecord, &payoutv1.BatchRecordEarningsRequest{}, payoutsvc
		}
		read := body
		if len(bytes.Trim(read, " \t\r\n")) == 0 {
			read = []byte("{}")
		}
		refused := protojson.Unmarshal(read, message)
		if isPartly(t, read, message) {
			refused = nil // by the service, earning by earning
		}

		answer := send(target, body)
		if refused == nil {
			if answer.Code != http.StatusOK {
				t.Errorf("HTTP status %d, want 200: %s", answer.Code, answer.Body)
			}
			service.last(t)
		} else {
			got := refusalOf(t, statusOf(t, answer.Body.String()))
			if answer.Code != http.StatusBadRequest || len(got.Violations) == 0 || service.count() != 0 {
				t.Errorf("HTTP status %d, violations %q, %d calls, want 400 with a violation and without a call, since %v",
					answer.Code, got.Violations, service.count(), refused)
			}
		}

		// Beside a fault of the query, too.
		answer = send(target+"?force=1", body)
		violations := refusalOf(t, statusOf(t, answer.Body.String())).Violations
		if len(violations) == 0 || violations[0] != "force FIELD_UNKNOWN" || refused == nil != (len(violations) == 1) {
			t.Errorf("violations %q, want that of the query, and one of the body if and only if %v is an error", violations, refused)
		}
	})
}

// isPartly tells whether a body is a batch of which some earnings can't be read,
// and nothing else is wrong. Of these, protojson refuses each.
func isPartly(t *testing.T, body []byte, message proto.Message) bool {
	t.Helper()
	if _, ok := message.(batch); !ok {
		return false
	}
	var v fault.Violations
	bad := decodeBatch(&v, body, message.ProtoReflect().New())
	if len(bad) == 0 || v.Err() != nil {
		return false
	}
	var parts struct{ Earnings []json.RawMessage }
	if err := json.Unmarshal(body, &parts); err != nil {
		t.Fatalf("%v: not JSON, and read in part", err)
	}
	for i := range bad {
		if protojson.Unmarshal(parts.Earnings[i], &payoutv1.Earning{}) == nil {
			t.Errorf("earning %d is not read, and nothing is wrong with it: %s", i, parts.Earnings[i])
		}
	}
	return true
}

// Lines of a stream are read as bodies are.
func FuzzLine(f *testing.F) {
	f.Add([]byte(earning("a")))
	f.Add([]byte("\n \n{\"earnings\":[{}]}\r\n{}\noops\n{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		sent := &recorder{}
		b, err := bind(payoutv1.File_incentives_payout_v1_payout_service_proto.Services().Get(0).Methods().ByName("StreamEarnings"), nil)
		if err != nil {
			t.Fatal(err)
		}
		failure := b.feed(t.Context(), &upload{Reader: bytes.NewReader(body), control: http.NewResponseController(httptest.NewRecorder())}).send(t.Context(), context.Background(), sent)
		var want []proto.Message
		var refused error
		for line := range bytes.Lines(body) {
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			request := &payoutv1.StreamEarningsRequest{}
			if refused = protojson.Unmarshal(line, request); refused != nil && !isPartly(t, line, request) {
				break
			}
			if refused != nil {
				proto.Reset(request)
				decodeBatch(&fault.Violations{}, line, request.ProtoReflect())
				refused = nil
			}
			want = append(want, request)
		}
		if !slices.EqualFunc(sent.messages, want, proto.Equal) {
			t.Errorf("the service gets %v, want %v", sent.messages, want)
		}
		if refused == nil != (failure == nil) {
			t.Errorf("it fails with %v, want a failure if and only if %v is an error", failure, refused)
		}
		if !sent.closed {
			t.Error("the service is not told that nothing more comes")
		}
	})
}

// A recorder is a stream to a service that keeps what it is sent.
type recorder struct {
	grpc.ClientStream
	messages []proto.Message
	closed   bool
}

func (r *recorder) SendMsg(m any) error {
	message, ok := m.(proto.Message)
	if !ok {
		return io.ErrUnexpectedEOF
	}
	r.messages = append(r.messages, message)
	return nil
}

func (r *recorder) CloseSend() error {
	r.closed = true
	return nil
}
