package systemtest

import (
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// losAngeles is the time zone of the test's program.
const losAngeles = "America/Los_Angeles"

// partner is the example of the partner with a number.
func partner(i int) example {
	return example{Name: fmt.Sprintf("p%04d", i), What: "Plan", Currency: "USD", Limit: "10000"}
}

// dueCount is how many partners allDue has.
const dueCount = 200

var due struct {
	made   sync.Once
	folder string
}

// allDue returns a data folder to copy, in which each partner has earned USD 12,000 in April, and nobody is paid.
func allDue(t *testing.T) string {
	t.Helper()
	due.made.Do(func() {
		folder := filepath.Join(filepath.Dir(binary), "due")
		s := serve(t, folder, beforePayDay)
		for _, plan := range partners(s, dueCount) {
			plan.take(s, step{Do: "earn", ID: "april", Amount: "12000", EarnTime: clock.AddDate(0, -1, 0)})
		}
		s.stop()
		due.folder = folder
	})
	if due.folder == "" {
		t.Fatal("there is nobody who earned: another test has failed to make them")
	}
	return due.folder
}

// partners makes n partners, each with an approved plan with a limit of USD 10,000, and returns them as examples.
func partners(s *server, n int) []example {
	s.Helper()
	createProgram(s, losAngeles)
	all := make([]example, n)
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < n; i += 8 {
				all[i] = partner(i)
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

// rounds is how often a test kills the server in a place.
func rounds(in place) int {
	switch {
	case testing.Short():
		return 3
	case in.name == places[0].name:
		return 20
	}
	return scale(3, 20)
}

// endures skips a test that takes long where tests are to be short, as they are under the race detector: it is about what
// happens between processes.
func endures(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long")
	}
}

var whole = flag.Bool("whole", false, "have tests that take long do as much as is promised, and not a part of it")

// scale is how much a test does of something: a part, or with -whole all.
func scale(part, all int) int {
	if *whole {
		return all
	}
	return part
}
