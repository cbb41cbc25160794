package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	"github.com/incentives-dev/incentives/payoutsvc/internal/schedule"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
)

// A world is what a scheduler lives in. Time passes only while it waits.
type world struct {
	now      time.Time
	programs []terms.Program
	outage   error                     // of plansvc
	stored   map[string]payout.PayDate // what LastScheduled returns
	broken   map[string]error          // what it fails with instead
	changes  []change                  // to come, in order

	started []string // what was started, and when
	waits   []time.Duration
	log     bytes.Buffer
}

// A change happens at a moment.
type change struct {
	at time.Time
	do func()
}

// at has something happen at a moment, after what happens before it.
func (w *world) at(moment string, do func()) {
	w.changes = append(w.changes, change{at: at(moment), do: do})
}

// at reads a moment.
func at(moment string) time.Time {
	t, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		panic(err)
	}
	return t
}

// live runs a scheduler from one moment to another, and returns what it started.
func (w *world) live(t *testing.T, from, to string) []string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.now = at(from)
	w.started, w.waits = nil, nil
	s := schedule.Scheduler{
		Programs: func(context.Context) ([]terms.Program, error) {
			if w.outage != nil {
				return nil, w.outage
			}
			return w.programs, nil
		},
		LastScheduled: func(_ context.Context, program string) (payout.PayDate, error) {
			return w.stored[program], w.broken[program]
		},
		Start: func(name ledger.RunName) {
			w.started = append(w.started, fmt.Sprintf("%s %s at %s", name.Program, name.PayDate, w.now.UTC().Format(time.RFC3339)))
		},
		Clock: func() time.Time { return w.now },
		Wait: func(ctx context.Context, d time.Duration) error {
			if d <= 0 {
				t.Fatalf("it waits for %s at %s, and would never sleep", d, w.now)
			}
			w.waits = append(w.waits, d)
			w.now = w.now.Add(d)
			for len(w.changes) > 0 && !w.now.Before(w.changes[0].at) {
				w.changes[0].do()
				w.changes = w.changes[1:]
			}
			if w.now.After(at(to)) {
				stop()
			}
			return ctx.Err()
		},
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	s.Run(ctx)
	return w.started
}

func (w *world) checkStarted(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.started); diff != "" {
		t.Errorf("runs that were started (-want +got):\n%s", diff)
	}
}

// logged returns how many lines of the log hold a text.
func (w *world) logged(text string) int { return strings.Count(w.log.String(), text) }

// program is one that was created in January 2026.
func program(t *testing.T, name, zone string) terms.Program {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return terms.Program{Name: name, Zone: location, CreateTime: at("2026-01-20T00:00:00Z")}
}

func payDate(t *testing.T, text string) payout.PayDate {
	t.Helper()
	d, err := payout.ParsePayDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestR1_StartsAtMidnightOfThe15th(t *testing.T) {
	const april = "2026-04-15"
	w := world{
		programs: []terms.Program{
			program(t, "programs/la", "America/Los_Angeles"),
			program(t, "programs/tokyo", "Asia/Tokyo"),
			program(t, "programs/line", "Pacific/Kiritimati"),
			program(t, "programs/nepal", "Asia/Kathmandu"),
			program(t, "programs/utc", "UTC"),
		},
		stored: map[string]payout.PayDate{},
	}
	for _, p := range w.programs {
		w.stored[p.Name] = payDate(t, april)
	}
	w.live(t, "2026-05-12T12:34:56Z", "2026-06-16T00:00:00Z")
	w.checkStarted(
		t,
		"programs/line 2026-05-15 at 2026-05-14T10:00:00Z",
		"programs/tokyo 2026-05-15 at 2026-05-14T15:00:00Z",
		"programs/nepal 2026-05-15 at 2026-05-14T18:15:00Z",
		"programs/utc 2026-05-15 at 2026-05-15T00:00:00Z",
		"programs/la 2026-05-15 at 2026-05-15T07:00:00Z",
		"programs/line 2026-06-15 at 2026-06-14T10:00:00Z",
		"programs/tokyo 2026-06-15 at 2026-06-14T15:00:00Z",
		"programs/nepal 2026-06-15 at 2026-06-14T18:15:00Z",
		"programs/utc 2026-06-15 at 2026-06-15T00:00:00Z",
		"programs/la 2026-06-15 at 2026-06-15T07:00:00Z",
	)
	for _, d := range w.waits {
		if d > 30*time.Second {
			t.Fatalf("it waited %s, want 30s at the most, so that new programs are noticed", d)
		}
	}
}

func TestR1_MissedRunsAreStartedOldestFirst(t *testing.T) {
	for _, test := range []struct {
		name, stored, created, from string
		want                        []string
	}{
		{"an outage over three 15ths", "2026-02-15", "2025-01-20T00:00:00Z", "2026-05-20T00:00:00Z", []string{"2026-03-15", "2026-04-15", "2026-05-15"}},
		{"back a second before", "2026-04-15", "2025-01-20T00:00:00Z", "2026-05-14T23:59:59Z", nil},
		{"back in time", "2026-04-15", "2025-01-20T00:00:00Z", "2026-05-15T00:00:00Z", []string{"2026-05-15"}},
		{"nothing missed", "2026-05-15", "2025-01-20T00:00:00Z", "2026-06-10T00:00:00Z", nil},
		{"never run, created on a 14th", "", "2026-03-14T23:59:59Z", "2026-05-20T00:00:00Z", []string{"2026-03-15", "2026-04-15", "2026-05-15"}},
		{"never run, created on a 15th", "", "2026-03-15T00:00:00Z", "2026-05-20T00:00:00Z", []string{"2026-04-15", "2026-05-15"}},
		{"never run, created just now", "", "2026-05-20T00:00:00Z", "2026-05-20T00:00:00Z", nil},
		{"created later than now", "", "2027-05-20T00:00:00Z", "2026-05-20T00:00:00Z", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := program(t, "programs/utc", "UTC")
			p.CreateTime = at(test.created)
			w := world{programs: []terms.Program{p}, stored: map[string]payout.PayDate{}}
			if test.stored != "" {
				w.stored[p.Name] = payDate(t, test.stored)
			}
			w.live(t, test.from, test.from)
			var want []string
			for _, date := range test.want {
				want = append(want, "programs/utc "+date+" at "+test.from)
			}
			w.checkStarted(t, want...)
		})
	}
}

// The ledger may still say the old date when a run was handed over and has to wait.
func TestR1_NoRunIsStartedTwice(t *testing.T) {
	w := world{programs: []terms.Program{program(t, "programs/utc", "UTC")}}
	w.live(t, "2026-02-14T00:00:00Z", "2026-03-16T00:00:00Z")
	w.checkStarted(t, "programs/utc 2026-02-15 at 2026-02-15T00:00:00Z", "programs/utc 2026-03-15 at 2026-03-15T00:00:00Z")
}

func TestScheduler_PlansvcIsOut(t *testing.T) {
	w := world{programs: []terms.Program{program(t, "programs/utc", "UTC")}, outage: errors.New("plansvc is out")}
	w.at("2026-02-14T23:50:00Z", func() { w.outage = nil })
	w.at("2026-02-14T23:55:00Z", func() { w.outage = errors.New("plansvc is out again") })
	w.at("2026-02-15T00:05:00Z", func() { w.outage = nil })
	// On the 15th it is out, and what was heard before is enough.
	w.live(t, "2026-02-14T23:45:00Z", "2026-02-15T00:10:00Z")
	w.checkStarted(t, "programs/utc 2026-02-15 at 2026-02-15T00:00:00Z")
	if complaints, relieved := w.logged("programs can't be read"), w.logged("programs can be read again"); complaints != 2 || relieved != 2 {
		t.Errorf("it complained %d times and was relieved %d times, want both twice, once for each outage", complaints, relieved)
	}
}

// After an outage at start-up what was missed is started as soon as plansvc is back.
func TestR1_PlansvcIsOutAtStartUp(t *testing.T) {
	w := world{programs: []terms.Program{program(t, "programs/utc", "UTC")}, outage: errors.New("plansvc is out")}
	w.at("2026-02-20T00:00:00Z", func() { w.outage = nil })
	w.live(t, "2026-02-19T23:59:00Z", "2026-02-20T00:00:02Z")
	w.checkStarted(t, "programs/utc 2026-02-15 at 2026-02-20T00:00:00Z")
}

func TestScheduler_NoticesNewPrograms(t *testing.T) {
	w := world{programs: []terms.Program{program(t, "programs/old", "UTC")}, stored: map[string]payout.PayDate{"programs/old": payDate(t, "2026-02-15")}}
	w.at("2026-03-14T23:59:20Z", func() {
		p := program(t, "programs/new", "UTC")
		p.CreateTime = at("2026-03-14T23:59:20Z")
		w.programs = append(w.programs, p)
	})
	w.at("2026-03-20T12:00:00Z", func() {
		late := program(t, "programs/late", "UTC") // its plans came late
		w.programs = append(w.programs, late)
	})
	w.live(t, "2026-03-10T00:00:10Z", "2026-03-21T00:00:00Z")
	w.checkStarted(
		t,
		"programs/old 2026-03-15 at 2026-03-15T00:00:00Z",
		"programs/new 2026-03-15 at 2026-03-15T00:00:00Z",
		"programs/late 2026-02-15 at 2026-03-20T12:00:00Z",
		"programs/late 2026-03-15 at 2026-03-20T12:00:00Z",
	)
}

// What can't be known of one program delays no other.
func TestScheduler_TroubleOfOneProgram(t *testing.T) {
	odd := program(t, "programs/odd", "UTC")
	odd.Zone = nil
	w := world{
		programs: []terms.Program{odd, program(t, "programs/broken", "UTC"), program(t, "programs/utc", "UTC")},
		broken:   map[string]error{"programs/broken": errors.New("the store is out")},
	}
	w.at("2026-02-15T06:00:00Z", func() { w.broken = nil })
	w.at("2026-02-15T07:00:00Z", func() { w.programs[0] = program(t, "programs/odd", "UTC") })
	w.live(t, "2026-02-14T12:00:00Z", "2026-02-16T00:00:00Z")
	w.checkStarted(
		t,
		"programs/utc 2026-02-15 at 2026-02-15T00:00:00Z",
		"programs/broken 2026-02-15 at 2026-02-15T06:00:00Z",
		"programs/odd 2026-02-15 at 2026-02-15T07:00:00Z",
	)
	for _, name := range []string{"programs/odd", "programs/broken"} {
		if w.logged(name) == 0 {
			t.Errorf("the log does not name %s:\n%s", name, w.log.String())
		}
	}
}

// An end to it all is no trouble of plansvc.
func TestScheduler_Stops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var log bytes.Buffer
	calls := 0
	s := schedule.Scheduler{
		Programs: func(ctx context.Context) ([]terms.Program, error) {
			calls++
			stop()
			return nil, ctx.Err()
		},
		Clock: func() time.Time { return at("2026-02-14T12:00:00Z") },
		Wait:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Log:   slog.New(slog.NewTextHandler(&log, nil)),
	}
	s.Run(ctx)
	s.Run(ctx)
	if calls != 1 || log.Len() > 0 {
		t.Errorf("it asked for programs %d times and logged %q, want once and nothing", calls, log.String())
	}
}

// Whoever moves the clock by centuries, or creates a program in 1970, waits for no thousands of runs.
func TestR1_ClockFarAhead(t *testing.T) {
	for _, test := range []struct {
		name, created, from, first string
		count                      int
	}{
		{"ten years", "2026-01-20T00:00:00Z", "2036-01-20T00:00:00Z", "2026-02-15", 120},
		{"a month more", "2026-01-20T00:00:00Z", "2036-02-20T00:00:00Z", "2026-03-15", 120},
		{"the end of time", "2026-01-20T00:00:00Z", "9999-12-20T00:00:00Z", "9990-01-15", 120},
		{"a program without a time", "1970-01-01T00:00:00Z", "2026-05-20T00:00:00Z", "2016-06-15", 120},
		{"a program of the year 1", "0001-01-01T00:00:00Z", "2026-05-20T00:00:00Z", "2016-06-15", 120},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := program(t, "programs/utc", "UTC")
			p.CreateTime = at(test.created)
			w := world{programs: []terms.Program{p}}
			started := w.live(t, test.from, test.from)
			if len(started) != test.count {
				t.Fatalf("%d runs were started, want %d", len(started), test.count)
			}
			last := payout.PayDate(payout.MonthOf(at(test.from), time.UTC))
			for i, date := range []payout.PayDate{payDate(t, test.first), last} {
				if want, got := fmt.Sprintf("programs/utc %s at %s", date, test.from), started[i*(test.count-1)]; got != want {
					t.Errorf("started %q, want %q", got, want)
				}
			}
			if got, want := w.logged("more payout runs were missed"), test.name != "ten years"; (got == 1) != want {
				t.Errorf("%d lines say that runs were left out, want one: %t", got, want)
			}
		})
	}
}

// A clock that was ahead once, and is right now, keeps nobody from being paid.
func TestR1_ClockWasAhead(t *testing.T) {
	for _, test := range []struct {
		name, stored string
		want         []string
	}{
		{"ten years", "2036-05-15", []string{
			"programs/utc 2026-05-15 at 2026-05-20T00:00:00Z", "programs/utc 2026-06-15 at 2026-06-15T00:00:00Z",
		}},
		{"a month", "2026-06-15", []string{
			"programs/utc 2026-05-15 at 2026-05-20T00:00:00Z", "programs/utc 2026-06-15 at 2026-06-15T00:00:00Z",
		}},
		{"not at all", "2026-05-15", []string{"programs/utc 2026-06-15 at 2026-06-15T00:00:00Z"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world{
				programs: []terms.Program{program(t, "programs/utc", "UTC")},
				stored:   map[string]payout.PayDate{"programs/utc": payDate(t, test.stored)},
			}
			w.live(t, "2026-05-20T00:00:00Z", "2026-06-16T00:00:00Z")
			w.checkStarted(t, test.want...)
			if got, want := w.logged("ahead of their time"), test.name != "not at all"; (got == 1) != want {
				t.Errorf("%d lines say that the clock was ahead, want one: %t", got, want)
			}
		})
	}
	// Of several instances one may be a little ahead.
	w := world{
		programs: []terms.Program{program(t, "programs/utc", "UTC")},
		stored:   map[string]payout.PayDate{"programs/utc": payDate(t, "2026-06-15")},
	}
	w.live(t, "2026-06-14T23:59:50Z", "2026-06-16T00:00:00Z")
	w.checkStarted(t)
}
