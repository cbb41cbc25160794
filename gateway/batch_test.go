package gateway

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/incentives-dev/incentives/internal/fault"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// outcomesOf says what became of each earning: its state, and what is wrong with which field.
func outcomesOf(t *testing.T, outcomes []*payoutv1.EarningOutcome) []string {
	t.Helper()
	var told []string
	for _, outcome := range outcomes {
		text := outcome.GetState().String()
		for _, detail := range status.FromProto(outcome.GetStatus()).Details() {
			if request, ok := detail.(*errdetails.BadRequest); ok {
				for _, violation := range request.GetFieldViolations() {
					text += " " + violation.GetField() + " " + violation.GetReason()
				}
			}
		}
		told = append(told, text)
	}
	return told
}

// recordAll is a service that records whatever has an amount, and refuses the rest.
func recordAll(got *received) (proto.Message, error) {
	request, _ := got.request.(interface{ GetEarnings() []*payoutv1.Earning })
	var outcomes []*payoutv1.EarningOutcome
	for _, earning := range request.GetEarnings() {
		state := payoutv1.EarningOutcome_RECORDED
		if earning.GetAmount() == nil {
			state = payoutv1.EarningOutcome_REJECTED
		}
		outcomes = append(outcomes, &payoutv1.EarningOutcome{State: state})
	}
	return &payoutv1.BatchRecordEarningsResponse{Outcomes: outcomes}, nil
}

func TestE3_WhatOneEarningCannotHoldTakesNoOtherWithIt(t *testing.T) {
	good := `{"name": "p/good", "amount": {"units": "1"}, "earnTime": "2026-04-10T00:00:00Z"}`
	for _, test := range []struct {
		name, body string
		want       []string
		names      string // that the service gets
	}{
		{
			"a month 13 among good ones", `{"earnings": [` + good + `, {"name": "p/bad", "amount": {"units": "1"}, "earnTime": "2026-13-10T00:00:00Z"}, ` + good + `]}`,
			[]string{"RECORDED", "REJECTED earnings[1].earn_time FIELD_MALFORMED", "RECORDED"},
			"p/good p/bad p/good",
		},
		{
			"several things of several", `{"earnings": [{"amount": {"units": "x", "nanos": "y"}}, null, ` + good + `, []]}`,
			[]string{
				"REJECTED earnings[0].amount.units FIELD_MALFORMED earnings[0].amount.nanos FIELD_MALFORMED",
				"REJECTED earnings[1] FIELD_MALFORMED", "RECORDED", "REJECTED earnings[3] FIELD_MALFORMED",
			},
			"  p/good ",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.payouts.answer = recordAll
				got := s.send(http.MethodPost, batchRecord, test.body)
				var answer payoutv1.BatchRecordEarningsResponse
				if err := protojson.Unmarshal([]byte(got.body), &answer); err != nil || got.status != http.StatusOK {
					t.Fatalf("HTTP status %d, %v: %s", got.status, err, got.body)
				}
				if diff := cmp.Diff(test.want, outcomesOf(t, answer.GetOutcomes())); diff != "" {
					t.Errorf("outcomes (-want +got):\n%s", diff)
				}
				request, _ := s.payouts.last(t).request.(*payoutv1.BatchRecordEarningsRequest)
				var names []string
				for _, earning := range request.GetEarnings() {
					names = append(names, earning.GetName())
				}
				if got := strings.Join(names, " "); got != test.names {
					t.Errorf("the service gets the earnings %q, want %q", got, test.names)
				}
			})
		})
	}
}

// Many bad ones are more than are told at once, and each is told all the same.
func TestE3_ManyThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const count = 5*maxViolations + 1
		s := start(t)
		s.payouts.answer = recordAll
		got := s.send(http.MethodPost, batchRecord, `{"earnings": [`+strings.Repeat(`{"earnTime": 1},`, count-1)+`{"earnTime": 1}]}`)
		var answer payoutv1.BatchRecordEarningsResponse
		if err := protojson.Unmarshal([]byte(got.body), &answer); err != nil || len(answer.GetOutcomes()) != count {
			t.Fatalf("HTTP status %d, %d outcomes, %v; want %d", got.status, len(answer.GetOutcomes()), err, count)
		}
		for i, told := range outcomesOf(t, answer.GetOutcomes()) {
			if !strings.HasPrefix(told, "REJECTED earnings[") {
				t.Errorf("earning %d: %s, want REJECTED for its time", i, told)
			}
		}
	})
}

// What is wrong with many earnings is found out in one go: a client that sends nonsense must not keep the gateway busy.
func TestE3_NonsenseTakesNoLonger(t *testing.T) {
	decode := func(earning string, count int) (bad unread, told int) {
		var v fault.Violations
		data := `{"earnings":[` + strings.Repeat(earning+",", count-1) + earning + `]}`
		bad = decodeBatch(&v, []byte(data), (&payoutv1.BatchRecordEarningsRequest{}).ProtoReflect())
		return bad, len(v.List())
	}
	began := time.Now()
	if bad, told := decode(`{"amount":1,"earnTime":1,"description":1}`, 6000); len(bad) != 6000 || told != 0 { // in two goes
		t.Errorf("%d earnings can't be read, and %d things are wrong with the whole", len(bad), told)
	}
	if bad, told := decode("1", 1_000_000); bad != nil || told != maxViolations {
		t.Errorf("of more than any batch takes, %d earnings can't be read, and %d things are wrong with the whole", len(bad), told)
	}
	if took := time.Since(began); took > 20*time.Second { // a second or less; it was minutes when it went over all of it for every hundred
		t.Errorf("it took %s", took)
	}
}

// The answers of a stream come in the order of the lines, and so does what they are told.
func TestE3_AnswersOfAStreamAreToldInOrder(t *testing.T) {
	var u untold
	var v fault.Violations
	v.Add("earnings[1].earn_time", "FIELD_MALFORMED", "is no time")
	u.push(nil)
	u.push(unread{1: v.Err()})
	u.push(unread{})
	for i, want := range [][]string{
		{"RECORDED", "RECORDED"}, {"RECORDED", "REJECTED earnings[1].earn_time FIELD_MALFORMED"}, {"RECORDED", "RECORDED"}, {"RECORDED", "RECORDED"},
	} {
		answer := &payoutv1.StreamEarningsResponse{Outcomes: []*payoutv1.EarningOutcome{
			{State: payoutv1.EarningOutcome_RECORDED}, {State: payoutv1.EarningOutcome_RECORDED},
		}}
		u.tell(answer)
		if diff := cmp.Diff(want, outcomesOf(t, answer.GetOutcomes())); diff != "" {
			t.Errorf("answer %d (-want +got):\n%s", i, diff)
		}
	}
}
