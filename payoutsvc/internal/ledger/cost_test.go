package ledger_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// cost is what starting and working a run asks of the store.
func (w *world) cost(payDate string, wantPayouts int64) map[string]int {
	w.Helper()
	counted := &tap{DB: w.db}
	if err := w.attempt(w.Context(), counted, payDate, true); err != nil {
		w.Fatalf("run of %s: %v", payDate, err)
	}
	run, err := ledger.New(w.db).Run(w.Context(), w.runName(payDate))
	if err != nil || run.PayoutsCount != wantPayouts || run.PlansDone != wantPayouts {
		w.Fatalf("the run of %s looked at %d plans and made %d payouts, %v; want %d", payDate, run.PlansDone, run.PayoutsCount, err, wantPayouts)
	}
	cost := map[string]int{"keys and entries read": counted.read}
	for operation, calls := range counted.made {
		cost[string(operation)] = calls
	}
	return cost
}

// A run costs what is due, whatever there was before: other plans, other months
// of the same plans, payouts, and runs.
func TestRunCostsWhatIsDue(t *testing.T) {
	const due, history = 12, 250
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		earn := func(plans int, months ...string) {
			var entries []ledger.Entry
			for i := range plans {
				plan := w.plan(fmt.Sprint("p", i), 100_00)
				for _, earned := range months {
					entries = append(entries, w.entry(plan, "", earned, 10_00))
				}
			}
			w.record(entries...)
		}
		earn(due, "2026-03")
		fresh := w.cost("2026-04-15", due)
		if got, want := fresh["commit"], few+2; got != want {
			t.Errorf("a run commits %d times, want %d: to start, once a partition, and to finish", got, want)
		}
		for _, payDate := range []string{"2026-04-15", "2026-05-15", "2026-06-15"} {
			earn(history, "2025-07", "2025-08", "2025-12", "2026-01", "2026-03")
			w.run(payDate)
		}
		// Plans that earned, and are not paid any more: they have lapsed, or are negative in a year that is over.
		for i := range history {
			for name, change := range map[string]func(*payout.Terms){
				"lapsed":   func(terms *payout.Terms) { terms.Lapsed = true },
				"negative": func(terms *payout.Terms) { terms.Approved, terms.LateUntil = true, w.now.AddDate(0, 0, -2) },
			} {
				plan := w.planOf(fmt.Sprint("p", i), name, 0)
				earning := w.entry(plan, "", "2026-03", -5_00)
				w.record(earning)
				terms := w.plans.get(plan)
				change(&terms)
				w.plans.set(terms)
			}
		}
		earn(due, "2026-06")
		w.run("2026-07-15")
		earn(due, "2026-05")
		w.now = w.now.AddDate(0, 1, 0)
		old := w.cost("2026-08-15", due)
		if diff := cmp.Diff(fresh, old); diff != "" {
			t.Errorf("with history a run costs another number of calls (-without +with):\n%s", diff)
		}

		counted := &tap{DB: db}
		if _, err := ledger.New(counted).Run(t.Context(), w.runName("2026-08-15")); err != nil || counted.all != 1 {
			t.Errorf("to look at a finished run took %d calls, %v; want 1", counted.all, err)
		}

		// All plans at once: a page, and not a plan, is what a commit takes.
		earn(history, "2026-06")
		many := w.cost("2026-09-15", history)
		delete(old, "keys and entries read")
		delete(many, "keys and entries read")
		if diff := cmp.Diff(old, many); diff != "" {
			t.Errorf("%d plans cost another number of calls than %d, which fit in a page all the same (-few +many):\n%s", history, due, diff)
		}
	})
}

// Recording new earnings reads nothing, and commits once a partition. After
// duplicates more are expected, so that they are not tried to be committed.
func TestRecordCosts(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var entries []ledger.Entry
		partitions := map[store.Partition]bool{}
		for i := range 100 {
			partner := fmt.Sprint("p", i%10)
			partitions[store.PartitionOf(partner, few)] = true
			entries = append(entries, w.entry(w.plan(partner, 0), "", "2026-04", 1))
		}
		counted := &tap{DB: db}
		w.ledger = ledger.New(counted)
		w.record(entries...)
		if diff := cmp.Diff(map[operation]int{commit: len(partitions)}, counted.made); diff != "" {
			t.Errorf("calls for new earnings (-want +got):\n%s", diff)
		}
		other := slices.Clone(entries)
		for i := range other {
			other[i].Earning.ID = fmt.Sprint("other", i)
		}
		third := slices.Clone(entries)
		for i := range third {
			third[i].Earning.ID = fmt.Sprint("third", i)
		}
		for _, step := range []struct {
			name      string
			entries   []ledger.Entry
			duplicate bool
			want      map[operation]int
		}{
			{"duplicates", entries, true, map[operation]int{commit: len(partitions), get: len(partitions)}},
			{"duplicates again", entries, true, map[operation]int{get: len(partitions)}},
			{"new earnings after duplicates", other, false, map[operation]int{commit: len(partitions), get: len(partitions)}},
			{"new earnings again", third, false, map[operation]int{commit: len(partitions)}},
		} {
			counted.made = nil
			for _, outcome := range w.ledger.Record(t.Context(), w.now, step.entries) {
				if outcome.Duplicate != step.duplicate || outcome.Err != nil {
					t.Errorf("%s: %+v, want it recorded, a duplicate: %t", step.name, outcome, step.duplicate)
				}
			}
			if diff := cmp.Diff(step.want, counted.made); diff != "" {
				t.Errorf("calls for %s (-want +got):\n%s", step.name, diff)
			}
		}
		mixed := func(name string) []ledger.Entry {
			entries := slices.Clone(entries)
			for i := range entries[1:] {
				entries[i+1].Earning.ID = fmt.Sprint(name, i)
			}
			return entries
		}
		w.record(mixed("fourth")...)
		counted.made = nil
		w.record(mixed("fifth")[1:]...)
		if diff := cmp.Diff(map[operation]int{commit: len(partitions)}, counted.made); diff != "" {
			t.Errorf("calls for new earnings after others with one duplicate among them (-want +got):\n%s", diff)
		}
	})
}
