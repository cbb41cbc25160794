package systemtest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// losAngeles is the time zone of the test's program.
const losAngeles = "America/Los_Angeles"

// partners makes n partners, each with an approved plan with a limit of USD 10,000, and returns them as examples.
func partners(s *server, n int) []example {
	s.Helper()
	createProgram(s, losAngeles)
	all := make([]example, n)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < n; i += 8 {
				all[i] = example{Name: fmt.Sprintf("p%04d", i), What: "Plan", Currency: "USD", Limit: "10000"}
				all[i].create(s)
				all[i].take(s, step{Do: "submit"})
				all[i].take(s, step{Do: "approve"})
			}
		})
	}
	wg.Wait()
	if s.Failed() {
		s.FailNow()
	}
	return all
}

// statement checks what a plan's statement of a month says, in whole units.
func (e example) statement(s *server, month string, want map[string]string) {
	s.Helper()
	answer := s.must(http.MethodGet, e.plan()+"/statements/"+month, nil)
	got := map[string]string{}
	for field := range want {
		got[field] = answer.text(field + ".units")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("%s: statement of %s (-want +got):\n%s", e.Name, month, diff)
	}
}

// rounds is how often a test kills the server.
func rounds(t *testing.T) int {
	t.Helper()
	if testing.Short() {
		return 3
	}
	return 20
}
