package ledger_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

// A total that would overflow refuses the earning that it can't hold, and no other.
func TestE4_TotalOverflow(t *testing.T) {
	const tooLarge = "EARNED_TOTAL_TOO_LARGE"
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan, other := w.plan("contoso", 100_00), w.planOf("contoso", "growth", 100_00)
		w.record(w.entry(plan, "most", "2026-04", math.MaxInt64-100), w.entry(plan, "least", "2026-05", math.MinInt64+100))
		a := w.entry(plan, "a", "2026-04", 60)
		w.wantSaid("above the range", []string{"recorded", tooLarge, "recorded", "recorded", tooLarge, "recorded", "duplicate", "duplicate"},
			a,
			w.entry(plan, "b", "2026-04", 60), // 40 are left
			w.entry(plan, "c", "2026-03", 60),
			w.entry(plan, "d", "2026-04", 40), // 0 are left
			w.entry(plan, "e", "2026-04", 1),
			w.entry(other, "a", "2026-04", 60),
			a,
			w.entry(plan, "most", "2026-04", math.MaxInt64-100))
		w.wantEarned("full", plan, "2026-04", math.MaxInt64)
		w.wantEarned("another month", plan, "2026-03", 60)
		w.wantEarned("another plan", other, "2026-04", 60)
		w.wantSaid("below the range", []string{tooLarge, "recorded", tooLarge}, w.entry(plan, "f", "2026-05", -101),
			w.entry(plan, "g", "2026-05", -100), w.entry(plan, "h", "2026-05", -1))
		w.wantEarned("empty", plan, "2026-05", math.MinInt64)
		w.wantSaid("room again", []string{"recorded", "recorded", tooLarge}, w.entry(plan, "i", "2026-04", -5),
			w.entry(plan, "b", "2026-04", 5), w.entry(plan, "e", "2026-04", 1))
		w.wantEarned("full again", plan, "2026-04", math.MaxInt64)
		w.wantSaid("in one batch alone", []string{"recorded", tooLarge, "recorded"}, w.entry(plan, "j", "2026-01", math.MaxInt64),
			w.entry(plan, "k", "2026-01", 1), w.entry(plan, "l", "2026-02", 1))
	})
}

// As many as there is room for get in, however many try at once.
func TestE4_TotalOverflowConcurrently(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		const goroutines, each, room = 8, 5, 17
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		w.record(w.entry(plan, "most", "2026-04", math.MaxInt64-room))
		var entries []ledger.Entry
		for range goroutines * each {
			entries = append(entries, w.entry(plan, "", "2026-04", 1), w.entry(plan, "", "2026-03", 1))
		}
		var recorded atomic.Int64
		var group sync.WaitGroup
		for part := range slices.Chunk(entries, 2*each) {
			group.Go(func() {
				for i, word := range said(ledger.New(db).Record(t.Context(), w.now, part)) {
					switch {
					case i%2 == 0 && word == "recorded":
						recorded.Add(1)
					case i%2 == 0 && word != "EARNED_TOTAL_TOO_LARGE", i%2 == 1 && word != "recorded":
						t.Errorf("%s: %s", part[i].Earning.ID, word)
					}
				}
			})
		}
		group.Wait()
		if recorded.Load() != room {
			t.Errorf("%d earnings of 1 got in where there was room for %d", recorded.Load(), room)
		}
		w.wantEarned("full", plan, "2026-04", math.MaxInt64)
		w.wantEarned("beside it", plan, "2026-03", goroutines*each)
	})
}

// A total that is damaged takes no earnings, and no good one with it.
func TestE3_DamagedTotal(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		for i, value := range []string{"", "x", "1.5", "007", "+7", "-0", " 7", "7 ", "1e3", "0x10", "9223372036854775808"} {
			w := newWorld(t, db, fmt.Sprint("azure-", i))
			plan := w.plan("contoso", 100_00)
			id := strings.TrimPrefix(plan, "partners/contoso/plans/")
			w.put("contoso", "earned", "contoso/"+id+"/2026-04", value)
			bad, good := w.entry(plan, "bad", "2026-04", 1_00), w.entry(plan, "good", "2026-05", 2_00)
			outcomes := w.ledger.Record(t.Context(), w.now, []ledger.Entry{bad, good, bad})
			for _, i := range []int{0, 2} {
				if err := outcomes[i].Err; err == nil || !strings.Contains(err.Error(), "contoso/"+id+"/2026-04") {
					t.Errorf("recorded on the damaged total %q: %v, want an error that names its key", value, err)
				}
			}
			if outcomes[1].Err != nil {
				t.Errorf("beside the damaged total %q: %v", value, outcomes[1].Err)
			}
			w.wantEarned("beside a damaged total", plan, "2026-05", 2_00)
		}
	})
}

// The same and different earnings, recorded at once by many: each counts once.
func TestE1_E2_Concurrent(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		const goroutines, shared, own = 8, 40, 10
		w := newWorld(t, db, "azure")
		plans := []string{w.plan("a", 0), w.plan("b", 0), w.planOf("b", "growth", 0), w.plan("c", 0), w.plan("d", 0)}
		want := map[string]int64{}
		entry := func(i int) ledger.Entry {
			plan, cents := plans[i%len(plans)], int64(i%7-3)*100+1
			want[plan] += cents
			return w.entry(plan, "", "2026-04", cents)
		}
		var common []ledger.Entry
		for i := range shared {
			common = append(common, entry(i))
		}
		var recorded [shared]atomic.Int64
		var group sync.WaitGroup
		for g := range goroutines {
			var mine []ledger.Entry
			for i := range own {
				mine = append(mine, entry(g+i))
			}
			order := rand.New(rand.NewPCG(uint64(g), 1)).Perm(shared + own)
			group.Go(func() {
				l := ledger.New(db)
				for part := range slices.Chunk(order, 5+g) {
					var batch []ledger.Entry
					for _, i := range part {
						batch = append(batch, append(common[:shared:shared], mine...)[i])
					}
					for k, outcome := range l.Record(t.Context(), w.now, batch) {
						switch i := part[k]; {
						case outcome.Err != nil:
							t.Errorf("record: %v", outcome.Err)
						case i >= shared && outcome.Duplicate:
							t.Error("an earning that was sent once is called a duplicate")
						case i < shared && !outcome.Duplicate:
							recorded[i].Add(1)
						}
					}
				}
			})
		}
		group.Wait()
		for i := range recorded {
			if n := recorded[i].Load(); n != 1 {
				t.Errorf("%d of %d that sent one earning were told that it was recorded, want 1", n, goroutines)
			}
		}
		for _, plan := range plans {
			w.wantEarned("all at once", plan, "2026-04", want[plan])
		}
	})
}

// Only what was recorded marks its month for the next run.
func TestMarks(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan, other := w.plan("contoso", 100_00), w.planOf("contoso", "growth", 100_00)
		late := w.entry(plan, "late", "2025-06", 1)
		w.wantSaid("refused", []string{"EARN_TIME_OUTSIDE_YEAR"}, late)
		if marks := w.marks(); len(marks) > 0 {
			t.Errorf("what was refused has marked %q", marks)
		}
		april := w.entry(plan, "april", "2026-04", 5_00)
		w.record(april, w.entry(plan, "march", "2026-03", -5_00), w.entry(other, "up", "2026-02", 1_00), w.entry(other, "down", "2026-02", -1_00))
		want := []string{"mark 2026-02 of contoso growth", "mark 2026-03 of contoso", "mark 2026-04 of contoso"}
		if diff := cmp.Diff(want, w.marks()); diff != "" {
			t.Errorf("marks (-want +got):\n%s", diff)
		}
		w.run("2026-05-15")
		if marks := w.marks(); len(marks) > 0 {
			t.Errorf("nothing is due, and %q is marked", marks)
		}
		w.wantSaid("again", []string{"duplicate"}, april)
		if marks := w.marks(); len(marks) > 0 {
			t.Errorf("a duplicate has marked %q", marks)
		}
		w.earn(plan, "2026-04", 1)
		if diff := cmp.Diff([]string{"mark 2026-04 of contoso"}, w.marks()); diff != "" {
			t.Errorf("marks after a late earning (-want +got):\n%s", diff)
		}
	})
}

// Totals are of every month that has earned, oldest first, over any number of months.
func TestTotals(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		terms := w.plans.get(plan)
		for i, m := range []string{"2026-06", "2025-07", "2025-12"} {
			w.earn(plan, m, int64(i+1))
		}
		w.earn(w.plan("contoso-2", 100_00), "2026-01", 9)
		w.earn(w.planOf("contoso", "cooper", 100_00), "2026-01", 9)
		all, err := w.ledger.AllTotals(t.Context(), &terms)
		var got []string
		for _, total := range all {
			got = append(got, fmt.Sprint(total.Month, " ", total.Earned, " ", total.Paid))
		}
		want := []string{"2025-07 USD 0.02 USD 0.00", "2025-12 USD 0.03 USD 0.00", "2026-06 USD 0.01 USD 0.00"}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("all totals: %v (-want +got):\n%s", err, diff)
		}
		some, err := w.ledger.Totals(t.Context(), &terms, month("2026-06"), month("2026-05"))
		if err != nil || len(some) != 2 || some[0].Month != month("2026-06") || !some[0].Earned.Equal(usd(1)) || !some[1].Earned.Equal(usd(0)) {
			t.Errorf("totals of June and May: %v, %v", some, err)
		}
		id := strings.TrimPrefix(plan, "partners/contoso/plans/")
		for y := range 250 { // as no plan has; it shows that the months are read in parts
			w.put("contoso", "earned", "contoso/"+id+"/"+strconv.Itoa(3000+y)+"-01", "5")
		}
		if all, err = w.ledger.AllTotals(t.Context(), &terms); err != nil || len(all) != 253 {
			t.Errorf("%d totals, %v, want 253", len(all), err)
		}
		w.put("contoso", "earned", "contoso/"+id+"/2026-13", "5")
		if _, err = w.ledger.AllTotals(t.Context(), &terms); err == nil || !strings.Contains(err.Error(), "2026-13") {
			t.Errorf("totals with a damaged month: %v, want an error that names its key", err)
		}
	})
}
