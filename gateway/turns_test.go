package gateway

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// Large texts are read, and written, in the turn of their source; small ones do not wait.
func TestTurns(t *testing.T) {
	s := start(t)
	var description string
	s.plans.answer = func(*received) (proto.Message, error) { return &planv1.Plan{Description: description}, nil }
	get := func() (status int, err error) {
		soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		response, err := s.client.Do(s.request(http.MethodGet, "/v1/partners/contoso/plans/azure.coop.fy26", http.NoBody).WithContext(soon))
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		return response.StatusCode, nil
	}
	var leave []func()
	for { // all turns that there are
		soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		left, err := s.mux.turns.take(soon, smallBody+1)
		cancel()
		if err != nil {
			break
		}
		leave = append(leave, left)
	}
	if _, err := s.mux.turns.take(t.Context(), smallBody); err != nil {
		t.Errorf("a small text: %v", err)
	}
	description = strings.Repeat("x", smallBody+1)
	if status, err := get(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a large answer while others have their turn: %d, %v, want that it waits", status, err)
	}
	for _, left := range leave {
		left()
	}
	if got := s.send(http.MethodGet, "/v1/partners/contoso/plans/azure.coop.fy26", ""); got.status != http.StatusOK || len(got.body) < smallBody {
		t.Errorf("a large answer in its turn: %d with %d bytes", got.status, len(got.body))
	}
}
