package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// Large texts are read, and written, in the turn of their source; small ones do not wait.
func TestTurns(t *testing.T) {
	const plan = "/v1/partners/contoso/plans/azure.coop.fy26"
	large := strings.Repeat("x", smallBody+1)
	for name, test := range map[string]struct {
		method, path string
		body         func(text string) string
		answers      bool // with the text
	}{
		"a body":    {http.MethodPatch, plan, func(text string) string { return `{"description": "` + text + `"}` }, false},
		"a line":    {http.MethodPost, earningStream, earning, false},
		"an answer": {http.MethodGet, plan, func(string) string { return "" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.payouts.stream = echo
				send := func(text string) error {
					s.plans.answer = func(*received) (proto.Message, error) {
						answer := &planv1.Plan{}
						if test.answers {
							answer.Description = text
						}
						return answer, nil
					}
					soon, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					response, err := s.client.Do(s.request(test.method, test.path, strings.NewReader(test.body(text))).WithContext(soon))
					if err != nil {
						return err
					}
					defer response.Body.Close()
					if _, err = io.Copy(io.Discard, response.Body); err == nil && response.StatusCode != http.StatusOK {
						err = errors.New(response.Status)
					}
					return err
				}
				leave := takeTurns(t, s)
				if err := send("x"); err != nil {
					t.Errorf("a small one while others have their turn: %v", err)
				}
				if err := send(large); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a large one while others have their turn: %v, want that it waits", err)
				}
				leave()
				for range 1 + runtime.GOMAXPROCS(0) { // more than there are turns, if one were kept
					if err := send(large); err != nil {
						t.Errorf("a large one in its turn: %v", err)
					}
				}
			})
		})
	}
}

// takeTurns takes all turns that there are.
func takeTurns(t *testing.T, s *system) (leave func()) {
	t.Helper()
	var all []func()
	for {
		soon, cancel := context.WithTimeout(t.Context(), time.Second)
		leave, err := s.mux.turns.take(soon, smallBody+1)
		cancel()
		if err != nil {
			break
		}
		all = append(all, leave)
	}
	return func() {
		for _, leave := range all {
			leave()
		}
	}
}
