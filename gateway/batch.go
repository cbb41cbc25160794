package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// An earning of a batch has an outcome of its own, also where its JSON holds what
// its field cannot, such as the 31st of April: it takes no other with it (rule E3).
// The service never gets to see that, so the gateway says it in its place. A field
// that does not exist is no bad earning but a mistake of the sender's program, and
// the whole message is refused.

// A batch is a request whose earnings are each checked by themselves.
type batch interface {
	proto.Message
	GetEarnings() []*payoutv1.Earning
}

// unread are the earnings of a batch that can't be read, by their places, and why.
type unread map[int]error

// mostUnread is how many earnings of a batch may be left to the service: above what it takes in one, so that it would refuse them all.
const mostUnread = 10_000

// decodeBatch is decode, but for the earnings of a batch that hold what they
// cannot: these it leaves to the service with their names alone, and returns.
func decodeBatch(v *fault.Violations, data []byte, message protoreflect.Message) unread {
	_, isBatch := message.Interface().(batch)
	e := explainer{most: maxViolations}
	if isBatch {
		e.most = fault.MostViolations // as many as can be, in one go
	}
	bad := unread{}
	for {
		var found fault.Violations
		e.decode(&found, data, message)
		more := bad.add(found.List())
		switch {
		case found.Err() == nil:
			return bad
		case !isBatch || !more || len(bad) > mostUnread:
			all := found.List()
			for _, violation := range all[:min(len(all), maxViolations)] {
				v.Add(violation.Path, violation.Reason, "%s", violation.Message)
			}
			return nil
		}
		var err error
		if data, err = bad.takeOut(data); err != nil {
			v.Add("", "REQUEST_MALFORMED", "can't be read: %s", err)
			return nil
		}
		proto.Reset(message.Interface())
	}
}

// add takes in which earnings violations are of. It returns false where one is not of an
// earning alone, or was taken in before.
func (u unread) add(violations []fault.Violation) bool {
	of := map[int]*fault.Violations{}
	for _, violation := range violations {
		var i int
		if _, err := fmt.Sscanf(violation.Path, "earnings[%d]", &i); err != nil || u[i] != nil || violation.Reason != "FIELD_MALFORMED" {
			return false
		}
		if of[i] == nil {
			of[i] = &fault.Violations{}
		}
		of[i].Add(violation.Path, violation.Reason, "%s", violation.Message)
	}
	for i, its := range of {
		u[i] = its.Err()
	}
	return true
}

// takeOut leaves of the earnings that can't be read nothing but their names.
func (u unread) takeOut(data []byte) ([]byte, error) {
	var body map[string]json.RawMessage
	var earnings []json.RawMessage
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body["earnings"], &earnings); err != nil {
		return nil, err
	}
	for i := range u {
		var named struct {
			Name string `json:"name"`
		}
		_ = json.Unmarshal(earnings[i], &named) // what has no name has none in its outcome
		only, err := json.Marshal(map[string]string{"name": strings.ToValidUTF8(named.Name, "")})
		if err != nil {
			return nil, err
		}
		earnings[i] = only
	}
	var err error
	if body["earnings"], err = json.Marshal(earnings); err != nil {
		return nil, err
	}
	return json.Marshal(body)
}

// tell puts into an answer why the earnings were not recorded.
func (u unread) tell(answer proto.Message) {
	outcomes, ok := answer.(interface {
		GetOutcomes() []*payoutv1.EarningOutcome
	})
	if !ok {
		return
	}
	for i, err := range u {
		if i < len(outcomes.GetOutcomes()) {
			why, _ := rpc.Status(err)
			proto.Reset(outcomes.GetOutcomes()[i])
			proto.Merge(outcomes.GetOutcomes()[i], &payoutv1.EarningOutcome{State: payoutv1.EarningOutcome_REJECTED, Status: why.Proto()})
		}
	}
}

// untold are what the answers of a stream have still to be told, in their order.
type untold struct {
	mu    sync.Mutex
	queue []unread
}

func (u *untold) push(next unread) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.queue = append(u.queue, next)
}

// tell tells the next answer.
func (u *untold) tell(answer proto.Message) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.queue) > 0 {
		u.queue[0].tell(answer)
		u.queue = u.queue[1:]
	}
}
