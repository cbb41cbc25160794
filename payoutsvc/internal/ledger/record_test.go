package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// said is an outcome in a word: what was refused by its reason, and what failed by its text.
func said(outcomes []ledger.Outcome) []string {
	words := make([]string, len(outcomes))
	for i, o := range outcomes {
		switch {
		case o.Err != nil && fault.ReasonOf(o.Err) != "":
			words[i] = fault.ReasonOf(o.Err)
		case o.Err != nil:
			words[i] = o.Err.Error()
		case o.Duplicate:
			words[i] = "duplicate"
		default:
			words[i] = "recorded"
		}
	}
	return words
}

// wantSaid records entries and compares what became of them.
func (w *world) wantSaid(what string, want []string, entries ...ledger.Entry) []ledger.Outcome {
	w.Helper()
	outcomes := w.ledger.Record(w.Context(), w.now, entries)
	if diff := cmp.Diff(want, said(outcomes)); diff != "" {
		w.Errorf("%s: outcomes (-want +got):\n%s", what, diff)
	}
	return outcomes
}

// wantEarned compares what a month has earned, in cents.
func (w *world) wantEarned(what, plan, earned string, want int64) {
	w.Helper()
	if got, _ := w.total(plan, earned); got != want {
		w.Errorf("%s: %s of %s earned %d cents, want %d", what, earned, short(plan), got, want)
	}
}

func TestE1_Duplicate(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		first := w.entry(plan, "order", "2026-04", 50_00)
		recorded := w.wantSaid("at first", []string{"recorded"}, first)[0].Earning
		w.now = w.now.Add(time.Hour)
		again := w.wantSaid("again", []string{"duplicate"}, first)[0].Earning
		if diff := cmp.Diff(recorded, again); diff != "" {
			t.Errorf("the duplicate is not answered with what is recorded (-recorded +answered):\n%s", diff)
		}

		other := func(change func(*payout.Earning)) ledger.Entry {
			entry := first
			change(&entry.Earning)
			return entry
		}
		for _, test := range []struct {
			name  string
			entry ledger.Entry
			want  string
		}{
			{"another amount", other(func(e *payout.Earning) { e.Amount = usd(50_01) }), "EARNING_ID_REUSED"},
			{"reversed", other(func(e *payout.Earning) { e.Amount = usd(-50_00) }), "EARNING_ID_REUSED"},
			{"a nanosecond later", other(func(e *payout.Earning) { e.EarnTime = e.EarnTime.Add(1) }), "EARNING_ID_REUSED"},
			{"another description", other(func(e *payout.Earning) { e.Description += "!" }), "EARNING_ID_REUSED"},
			{"the same time in another zone", other(func(e *payout.Earning) { e.EarnTime = e.EarnTime.UTC() }), "duplicate"},
			{"the id in capitals", other(func(e *payout.Earning) { e.ID = "ORDER" }), "recorded"},
			{"the id and a dot", other(func(e *payout.Earning) { e.ID = "order." }), "recorded"},
			{"the id in another plan", w.entry(w.planOf("contoso", "growth", 0), "order", "2026-04", 50_01), "recorded"},
			{"the id of another partner", w.entry(w.plan("fabrikam", 0), "order", "2026-04", 50_01), "recorded"},
		} {
			w.wantSaid(test.name, []string{test.want}, test.entry)
		}
		w.wantEarned("after three different earnings of 50.00", plan, "2026-04", 3*50_00)
		stands, err := w.ledger.Earning(t.Context(), plan, "order")
		if diff := cmp.Diff(recorded, stands); err != nil || diff != "" {
			t.Errorf("the first does not stand: %v (-first +stored):\n%s", err, diff)
		}
	})
}

func TestE1_DuplicateWithinOneBatch(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		w.record(w.entry(plan, "old", "2026-04", 1_00))
		a, b, old := w.entry(plan, "a", "2026-04", 10_00), w.entry(plan, "b", "2026-04", 20_00), w.entry(plan, "old", "2026-04", 1_00)
		otherA, otherOld := w.entry(plan, "a", "2026-04", 11_00), w.entry(plan, "old", "2026-05", 1_00)
		w.wantSaid("new ones twice", []string{"recorded", "duplicate"}, b, b)
		w.wantSaid("all together",
			[]string{"recorded", "duplicate", "EARNING_ID_REUSED", "duplicate", "duplicate", "EARNING_ID_REUSED", "duplicate", "duplicate"},
			a, a, otherA, b, old, otherOld, a, old)
		w.wantEarned("each once", plan, "2026-04", 31_00)
		w.wantEarned("what was refused", plan, "2026-05", 0)
	})
}

// What was recorded is a duplicate for ever; what was not is refused.
func TestE1_DuplicateAfterTheWindow(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		first := w.entry(plan, "order", "2026-04", 50_00)
		w.record(first)
		w.now = w.plans.get(plan).LateUntil
		late, other := w.entry(plan, "late", "2026-04", 1_00), w.entry(plan, "order", "2026-04", 51_00)
		w.wantSaid("after the window", []string{"EARNING_WINDOW_CLOSED", "duplicate", "EARNING_ID_REUSED", "duplicate"}, late, first, other, first)
		w.wantEarned("after the window", plan, "2026-04", 50_00)
	})
}

// E5: the month is fixed when the earning is recorded, and by the program's time zone.
func TestE5_MonthOfTheTotal(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		entry := w.entry(plan, "edge", "2026-04", 50_00)
		entry.Earning.EarnTime = time.Date(2026, time.May, 1, 6, 30, 0, 0, time.UTC)
		w.wantSaid("half an hour before May in Los Angeles", []string{"recorded"}, entry)
		w.wantEarned("at 2026-05-01T06:30Z", plan, "2026-04", 50_00)
		w.wantEarned("at 2026-05-01T06:30Z", plan, "2026-05", 0)
		if diff := cmp.Diff([]string{"mark 2026-04 of contoso"}, w.marks()); diff != "" {
			t.Errorf("marks (-want +got):\n%s", diff)
		}
	})
}

// A commit that was applied, and not acknowledged, counts once when it is sent again, also among others.
func TestE2_Unacknowledged(t *testing.T) {
	for _, test := range []struct {
		name  string
		fail  func(call) error
		again []string // what the earnings are, sent again
	}{
		{"applied", unheard, []string{"recorded", "duplicate", "duplicate"}},
		{"not applied", func(call) error { return store.ErrUnavailable }, []string{"recorded", "recorded", "recorded"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, db store.DB) {
				w := newWorld(t, db, "azure")
				plan := w.plan("contoso", 100_00)
				a, b := w.entry(plan, "a", "2026-04", 10_00), w.entry(plan, "b", "2026-05", 20_00)
				w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
					if c.operation == commit {
						return test.fail(c)
					}
					return c.do()
				}})
				for i, outcome := range w.ledger.Record(t.Context(), w.now, []ledger.Entry{a, b}) {
					if !errors.Is(outcome.Err, store.ErrUnavailable) || outcome.Duplicate || outcome.Earning.ID != "" {
						t.Errorf("outcome %d of an unacknowledged commit is %+v, want ErrUnavailable alone", i, outcome)
					}
				}
				w.ledger = ledger.New(db)
				w.wantSaid("sent again", test.again, w.entry(plan, "new", "2026-04", 5_00), b, a)
				w.wantSaid("and again", []string{"duplicate", "duplicate"}, a, b)
				w.wantEarned("sent again", plan, "2026-04", 15_00)
				w.wantEarned("sent again", plan, "2026-05", 20_00)
			})
		})
	}
}

// Whatever goes wrong at any call: sent again until it is acknowledged, each earning counts once.
func TestE2_SentAgainUntilAcknowledged(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		random := rand.New(rand.NewPCG(1, 2))
		w := newWorld(t, db, "azure")
		faulty := &tap{DB: db, through: func(c call) error {
			switch random.IntN(4) {
			case 0:
				return store.ErrUnavailable
			case 1:
				if c.operation == commit {
					return unheard(c)
				}
			case 2:
				if c.operation == commit {
					return store.ErrConflict
				}
			}
			return c.do()
		}}
		w.ledger = ledger.New(faulty)
		plan := w.plan("contoso", 100_00) // of one plan, so that the random numbers stay in order
		var all []ledger.Entry
		want := map[string]int64{}
		for i := range 60 {
			earned, cents := fmt.Sprintf("2026-0%d", 1+i%6), int64(i*i-900)
			all = append(all, w.entry(plan, "", earned, cents|1))
			want[earned] += cents | 1
		}
		recorded := 0
		for left := slices.Clone(all); len(left) > 0; {
			random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
			sent := left[:1+random.IntN(len(left))]
			left = left[len(sent):]
			for i, outcome := range w.ledger.Record(t.Context(), w.now, sent) {
				switch {
				case outcome.Err != nil:
					left = append(left, sent[i])
				case !outcome.Duplicate:
					recorded++
				}
			}
		}
		w.ledger = ledger.New(db)
		for earned, cents := range want {
			w.wantEarned("after all was acknowledged", plan, earned, cents)
		}
		if recorded > len(all) {
			t.Errorf("%d earnings were reported as recorded, of %d", recorded, len(all))
		}
		w.wantSaid("all again", slices.Repeat([]string{"duplicate"}, len(all)), all...)
	})
}

func TestE2_ContextDone(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		entry := w.entry(plan, "a", "2026-04", 10_00)
		if got := w.ledger.Record(ctx, w.now, []ledger.Entry{entry})[0]; !errors.Is(got.Err, context.Canceled) {
			t.Errorf("recorded with a context that was done: %+v, want context.Canceled", got)
		}
		w.wantEarned("nothing was recorded", plan, "2026-04", 0)
		w.wantSaid("sent again", []string{"recorded"}, entry)
	})
}

// A bad earning takes no good one with it, and each outcome stands where its earning did.
func TestE3_BadAmongGood(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		a, b, c := w.plan("a", 100_00), w.plan("b", 100_00), w.plan("c", 100_00)
		w.record(w.entry(a, "used", "2026-04", 1_00))
		draft := w.entry(w.plan("draft", 0), "draft", "2026-04", 1_00)
		draft.Terms.Submitted = false
		early, future := w.entry(b, "early", "2025-06", 1_00), w.entry(c, "future", "2026-06", 1_00)
		future.Earning.EarnTime = w.now.Add(5*time.Minute + 1)
		future.Terms.YearEnd = w.now.AddDate(1, 0, 0)
		noPlan, noProgram := w.entry(a, "no-plan", "2026-04", 1_00), w.entry(a, "no-program", "2026-04", 1_00)
		noPlan.Terms.Plan, noProgram.Terms.Program = "partners/a", "azure"
		unchecked := w.entry(c, "unchecked", "2026-04", 1_00)
		unchecked.Earning.Amount.Currency = "JPY"
		entries := []ledger.Entry{
			w.entry(a, "a1", "2026-04", 10_00), draft, w.entry(b, "b1", "2026-04", 20_00), early,
			w.entry(a, "used", "2026-04", 2_00), w.entry(c, "c1", "2026-04", 30_00), future, noPlan,
			w.entry(a, "a2", "2026-04", 11_00), noProgram, unchecked, w.entry(b, "b2", "2026-04", 21_00),
		}
		outcomes := w.wantSaid("bad among good", []string{
			"recorded", "PLAN_NOT_SUBMITTED", "recorded", "EARN_TIME_OUTSIDE_YEAR",
			"EARNING_ID_REUSED", "recorded", "EARN_TIME_IN_FUTURE", `"partners/a" is not the name of a plan`,
			"recorded", `"azure" is not the name of a program`,
			"JPY 1 is no amount that " + c + " can earn: it was not checked", "recorded",
		}, entries...)
		for i, outcome := range outcomes {
			if outcome.Err == nil && outcome.Earning.ID != entries[i].Earning.ID {
				t.Errorf("outcome %d is of earning %q, want of %q", i, outcome.Earning.ID, entries[i].Earning.ID)
			}
		}
		w.wantEarned("with the good ones", a, "2026-04", 22_00)
		w.wantEarned("with the good ones", b, "2026-04", 41_00)
		w.wantEarned("with the good ones", c, "2026-04", 30_00)
		w.wantSaid("no earnings", []string{})
	})
}

// One partition that fails takes no other with it, and its earnings have its error, whatever they would have had.
func TestE3_OnePartitionFails(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		broken := errors.New("broken disk")
		for _, failing := range []operation{commit, get} {
			w := newWorld(t, db, "azure-"+string(failing))
			down := store.PartitionOf("p0", few)
			var entries []ledger.Entry
			var want []string
			sums := map[string]int64{}
			for i := range 32 {
				partner := fmt.Sprint("p", i/2)
				entry := w.entry(w.plan(partner, 0), "", "2026-04", int64(i+1))
				if i%5 == 0 {
					entry.Earning.EarnTime = w.plans.get(entry.Terms.Plan).YearEnd // so that stored earnings are read
				}
				entries = append(entries, entry)
				switch {
				case store.PartitionOf(partner, few) == down:
					want = append(want, broken.Error())
				case i%5 == 0:
					want = append(want, "EARN_TIME_OUTSIDE_YEAR")
				default:
					want = append(want, "recorded")
					sums[entry.Terms.Plan] += int64(i + 1)
				}
			}
			w.ledger = ledger.New(&tap{DB: db, through: func(c call) error {
				if c.operation == failing && c.partition == down {
					return broken
				}
				return c.do()
			}})
			w.wantSaid(string(failing)+" fails in one partition", want, entries...)
			w.ledger = ledger.New(db)
			for _, plan := range w.plans.names() {
				w.wantEarned(string(failing)+" failed", plan, "2026-04", sums[plan])
			}
			if joined := strings.Join(want, " "); !strings.Contains(joined, "broken") || !strings.Contains(joined, "recorded") {
				t.Fatalf("the partners lie in one partition, and the test tests nothing: %s", joined)
			}
		}
	})
}

// Of different earnings that are sent under one id at once, one is recorded, and all others are told so.
func TestE1_OneIDAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		const at, rounds = 8, 5
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		var sum int64
		for round := range rounds {
			var recorded atomic.Int64
			var group sync.WaitGroup
			for n := range at {
				entry := w.entry(plan, fmt.Sprint("order-", round), "2026-04", int64(n+1))
				group.Go(func() {
					switch word := said(ledger.New(db).Record(t.Context(), w.now, []ledger.Entry{entry}))[0]; word {
					case "recorded":
						recorded.Add(int64(n + 1))
					case "EARNING_ID_REUSED":
					default:
						t.Errorf("one of %d under one id: %s", at, word)
					}
				})
			}
			group.Wait()
			stands, err := w.ledger.Earning(t.Context(), plan, fmt.Sprint("order-", round))
			if err != nil || !stands.Amount.Equal(usd(recorded.Load())) {
				t.Errorf("what was recorded adds up to %s, and %s stands, %v", usd(recorded.Load()), stands.Amount, err)
			}
			sum += recorded.Load()
		}
		w.wantEarned("one of each id", plan, "2026-04", sum)
	})
}
