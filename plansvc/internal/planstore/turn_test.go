package planstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
)

// takeTurns has somebody take as many turns as there are at once.
func takeTurns(t *testing.T, limiter *limit.Limiter) (end func()) {
	t.Helper()
	var ends []func()
	for range max(1, runtime.GOMAXPROCS(0)/2) {
		ctx, release, err := limiter.Admit(t.Context(), "somebody")
		must(t, err)
		must(t, limit.ScanOf(ctx).Turn(ctx))
		ends = append(ends, release)
	}
	return func() {
		for _, release := range ends {
			release()
		}
	}
}

// Whatever reads a large plan waits for its turn, and goes on when it is there. What reads small ones does not wait, in the same lists either.
func TestLargePlansAreReadInTurn(t *testing.T) {
	w := newWorld(t, openPebble)
	small := plan.Name{Partner: "p2", Program: "azure", FundType: "coop", ProgramYear: "fy26"}
	for _, name := range []plan.Name{coop, small} {
		if _, err := w.create(name, content()); err != nil {
			t.Fatal(err)
		}
	}
	year := w.program.ProgramYears[0]
	_, err := w.change(coop, func(c plan.Call, p *plan.Plan, _ *plan.Enrollment) error {
		for i := range 40 {
			objective := strings.Repeat("x", 2000)
			if err := p.AddCampaign(c, fmt.Sprint("more", i), plan.CampaignContent{
				DisplayName: "More", Objective: objective, StartDate: year.StartDate, EndDate: year.EndDate,
			}); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, err)

	limiter := limit.New(limit.Settings{RateLimit: 1000}, nil, slog.New(slog.DiscardHandler))
	admit := func(ctx context.Context, caller string) (context.Context, func()) {
		ctx, release, err := limiter.Admit(ctx, caller)
		must(t, err)
		return ctx, release
	}
	end := takeTurns(t, limiter)
	list := func(ctx context.Context, partner, filter string) error {
		_, _, err := w.List(ctx, query(partner, filter, "", 10))
		return err
	}
	reads := map[string]func(ctx context.Context, name plan.Name) error{
		"get":    func(ctx context.Context, name plan.Name) error { _, err := w.Plan(ctx, name); return err },
		"list":   func(ctx context.Context, name plan.Name) error { return list(ctx, name.Partner, "") },
		"search": func(ctx context.Context, name plan.Name) error { return list(ctx, name.Partner, `state="EDITING"`) },
		"change": func(ctx context.Context, name plan.Name) error {
			_, err := w.UpdatePlan(ctx, name, func(*plan.Plan, *plan.Enrollment) error { return nil })
			return err
		},
	}
	read := func(what string, name plan.Name, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ctx, end := admit(ctx, what+name.Partner) // each is another caller
		defer end()
		return reads[what](ctx, name)
	}
	for what := range reads {
		if err := read(what, small, time.Minute); err != nil {
			t.Errorf("%s of a small plan: %v", what, err)
		}
		if err := read(what, coop, 50*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s of a large plan while others have their turn: %v, want that it waits", what, err)
		}
	}
	standings := func(many int, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ctx, end := admit(ctx, fmt.Sprint(many))
		defer end()
		_, err := w.Standings(ctx, slices.Repeat([]plan.Name{small}, many))
		return err
	}
	if err := standings(64, time.Minute); err != nil {
		t.Errorf("a few standings: %v", err)
	}
	if err := standings(65, 50*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("many standings while others have their turn: %v, want that they wait", err)
	}
	end()
	if err := standings(65, time.Minute); err != nil {
		t.Errorf("many standings in their turn: %v", err)
	}
	for what := range reads {
		if err := read(what, coop, time.Minute); err != nil {
			t.Errorf("%s of a large plan in its turn: %v", what, err)
		}
	}
	all := func(ctx context.Context) error { return list(ctx, "", `state="EDITING"`) } // by the index
	ctx, end := admit(t.Context(), "reviewer")
	defer end()
	if err := all(ctx); err != nil || !limit.ScanOf(ctx).Large() {
		t.Errorf("a list by the index, with a large plan: %v, or it had no turn", err)
	}
}

// A largePlans is a store in which every plan is there, and large.
type largePlans struct {
	store.DB

	reads atomic.Int64
}

func (*largePlans) Partitions() int { return 1 }

func (l *largePlans) Get(context.Context, store.Partition, ...store.Key) ([][]byte, error) {
	l.reads.Add(1)
	return [][]byte{[]byte("{" + strings.Repeat(" ", 65<<10) + "}")}, nil
}

// Who has waited for its turn for long has read something large when it had it, and not when it began to wait: its next call takes no memory
// before its turn.
func TestLargePlansAreReadInTurn_AfterALongWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := &largePlans{}
		s := planstore.New(db)
		limiter := limit.New(limit.Settings{RateLimit: 1000}, nil, slog.New(slog.DiscardHandler))
		read := func(patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			ctx, release, err := limiter.Admit(ctx, "greedy")
			must(t, err)
			defer release()
			_, err = s.Plan(ctx, coop)
			return err
		}
		time.AfterFunc(time.Minute, takeTurns(t, limiter))
		must(t, read(time.Hour))
		if got := db.reads.Load(); got != 2 {
			t.Errorf("a large plan was read %d times, want once to see that it is, and once in its turn", got)
		}
		defer takeTurns(t, limiter)()
		if err := read(time.Second / 2); !errors.Is(err, context.DeadlineExceeded) || db.reads.Load() != 2 {
			t.Errorf("right after it another was read %d times before its turn: %v", db.reads.Load()-2, err)
		}
	})
}
