// Package bench is the command `bench`: a load generator against a deployment, which says how fast that is. It works on
// the plans that `bench plans` has written, and is for a deployment that is there for nothing else.
//
// What always holds: what is counted was acknowledged; what `bench ingest` generates is the same each time, so that the same
// command a second time sends what is recorded already, while `bench api record` records what is new.
package bench

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/incentives-dev/incentives/internal/cli"
)

// Bench is the command `bench`.
type Bench struct {
	Plans  seedPlans `cmd:"" help:"Write a program and many approved plans into an empty store of plansvc, to measure with."`
	Ingest ingest    `cmd:"" help:"Stream earnings."`
	Run    payoutRun `cmd:"" help:"Run payouts."`
	API    api       `cmd:"" name:"api" help:"Make one call many times, over gRPC or JSON."`
	Empty  empty     `cmd:"" help:"Serve calls that do nothing, to compare the others with."`
}

// A meter measures work that many goroutines do. Its methods may be called by all of them at once.
type meter struct {
	work     string
	console  *cli.Console
	progress *cli.Progress
	began    time.Time

	mu       sync.Mutex
	took     *hdrhistogram.Histogram // microseconds of one call or batch
	done     int64                   // units that were acknowledged
	failed   int64                   // calls that were not
	first    error                   // why
	outcomes *Outcomes               // of earnings; nil where none are streamed
	lasted   time.Duration           // of all of it, where somebody else's clock says so
}

const (
	longest = 10 * time.Minute
	digits  = 3
)

// newMeter begins to measure total units of work; a total below zero is not known.
func newMeter(console *cli.Console, work string, total int64) *meter {
	return &meter{
		work: work, console: console, progress: console.Progress(total, work), began: time.Now(),
		took: hdrhistogram.New(1, longest.Microseconds(), digits),
	}
}

// count counts what one call or batch did, and how long it took.
func (m *meter) count(units int64, took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.failed++
		if m.first == nil {
			m.first = err
		}
		return
	}
	m.done += units
	_ = m.took.RecordValue(max(1, took.Microseconds())) // what takes longer than it knows is not recorded
	m.progress.Set(m.done)
}

// A Result is what was measured; with --json it is printed as it stands.
type Result struct {
	Work      string  `json:"work"`
	Count     int64   `json:"count"`
	Errors    int64   `json:"errors"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	// Of one call, or one batch, in milliseconds.
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
	*Outcomes
}

// finish prints what was measured. It fails where a call did, and where nothing was done.
func (m *meter) finish(asJSON bool) error {
	if m.lasted == 0 {
		m.lasted = time.Since(m.began)
	}
	seconds := m.lasted.Seconds()
	m.progress.Done()
	millis := func(quantile float64) float64 { return float64(m.took.ValueAtQuantile(quantile)) / 1000 }
	r := Result{
		Work: m.work, Count: m.done, Errors: m.failed, Seconds: seconds, PerSecond: float64(m.done) / seconds,
		P50: millis(50), P95: millis(95), P99: millis(99), Max: float64(m.took.Max()) / 1000,
		Outcomes: m.outcomes,
	}
	if asJSON {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		m.console.Printf("%s\n", line)
	} else {
		m.console.Printf("%s: %s in %.2f s, %s/s; p50 %.2f ms, p95 %.2f ms, p99 %.2f ms; %d errors\n",
			r.Work, cli.Count(r.Count), r.Seconds, cli.Count(int64(r.PerSecond)), r.P50, r.P95, r.P99, r.Errors)
		m.outcomes.show(m.console)
	}
	switch {
	case m.first == nil && m.done == 0 && m.outcomes == nil:
		return fmt.Errorf("%s: nothing was done", m.work)
	case m.first == nil:
		return m.outcomes.err()
	case m.done == 0:
		return fmt.Errorf("%s: nothing was done: %w", m.work, m.first)
	}
	return fmt.Errorf("%s: %d calls failed, the first one: %w", m.work, m.failed, m.first)
}
