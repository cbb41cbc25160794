package systemtest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/incentives-dev/incentives/internal/cli/bench"
)

// What is measured was done: the counts of a benchmark are those of the deployment.
func TestBench(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	same(t, "bench plans", finish(t, program(t, "bench", "plans", "--store", "pebble:"+data+"/plansvc", "--count", "300", "--waiting", "20")),
		result{Out: "300 plans written.\n"})
	s := serve(t, data, beforePayDay)
	measure := func(args ...string) bench.Result {
		t.Helper()
		got := s.do(t.TempDir(), append([]string{"bench"}, append(args, "--json")...)...)
		var r bench.Result
		if err := json.Unmarshal([]byte(got.Out), &r); err != nil || got.Status != done || got.Err != "" {
			t.Fatalf("bench %s: %+v (%v)", strings.Join(args, " "), got, err)
		}
		if r.Errors > 0 || r.Seconds <= 0 || r.PerSecond <= 0 || r.P50 <= 0 || r.P50 > r.P95 || r.P95 > r.P99 || r.P99 > r.Max {
			t.Errorf("bench %s: %+v", strings.Join(args, " "), r)
		}
		return r
	}
	for _, want := range []bench.Outcomes{{Recorded: 3000}, {Duplicates: 3000}} {
		r := measure("ingest", "--plans", "300", "--count", "3000", "--batch", "100", "--each")
		if diff := cmp.Diff(&want, r.Outcomes, cmpopts.IgnoreUnexported(want)); diff != "" || r.Count != 3000 {
			t.Errorf("%d earnings were acknowledged, want 3000; outcomes (-want +got):\n%s", r.Count, diff)
		}
	}
	earnings := s.must("GET", "/v1/partners/p0000299/plans/azure.coop.fy26/earnings?pageSize=1000", nil).list("earnings")
	if len(earnings) != 10 {
		t.Errorf("the last plan has %d earnings, want 10", len(earnings))
	}
	if r := measure("run", "2026-05-15"); r.Count != 300 { // also those that wait for their approval are looked at
		t.Errorf("the run counted %d plans, want 300", r.Count)
	}
	if got := s.do(t.TempDir(), "bench", "run", "2026-05-15"); got.Status != failed || !strings.Contains(got.Err, "exists already, and is SUCCEEDED") {
		t.Errorf("the same run again: %+v, want it refused", got)
	}
	// A hundred plans are not there.
	if got := s.do(t.TempDir(), "bench", "ingest", "--plans", "400", "--count", "400", "--each", "--series", "2"); got.Status != partial ||
		!strings.Contains(got.Out, "300 recorded, 0 duplicates, 100 rejected\n  PLAN_NOT_FOUND: 100, such as: ") {
		t.Errorf("with plans that are not there: %+v, want 100 rejected", got)
	}
	for _, call := range []string{"record", "plan", "partner", "queue"} {
		for _, by := range [][]string{nil, {"--gateway", s.gateway}} {
			args := append([]string{"api", call, "--plans", "300", "--workers", "4", "--duration", "300ms"}, by...)
			if r := measure(args...); r.Count == 0 {
				t.Errorf("%s: no call was answered", fmt.Sprint(args))
			}
		}
	}
	s.stop()
}

// What others are compared with answers all that they do.
func TestBenchEmpty(t *testing.T) {
	t.Parallel()
	var address string
	server := launch(t, []string{"bench", "empty", "--listen", anyPort}, func(line string) bool {
		_, address = heard(line)
		return true
	})
	for _, args := range [][]string{{"api", "record", "--workers", "4", "--duration", "300ms"}, {"ingest", "--count", "3000", "--batch", "100"}} {
		got := finish(t, program(t, append(append([]string{"bench"}, args...), "--payoutsvc", address, "--json")...))
		var r bench.Result
		if err := json.Unmarshal([]byte(got.Out), &r); err != nil || got.Status != done || r.Errors > 0 || r.Count == 0 {
			t.Errorf("bench %s: %+v (%v), want that all calls are answered", strings.Join(args, " "), got, err)
		}
	}
	server.stop(t)
}

func TestBenchSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir(), beforePayDay) // without plans
	for _, args := range []string{"ingest --count 100", "ingest --month April", "api record --duration 100ms --workers 1", "run 2026-05-15"} {
		got := s.do(t.TempDir(), append([]string{"bench"}, strings.Fields(args)...)...)
		if got.Status != failed || !strings.HasPrefix(got.Err, "incentives: ") {
			t.Errorf("bench %s: %+v, want status 1 and why", args, got)
		}
	}
	s.stop()
}
