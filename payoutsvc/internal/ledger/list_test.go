package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A list is one of the ledger's, as lines.
type list func(page listing.Page) (lines []string, after string, err error)

// listOf makes lines of a list.
func listOf[T any](read func(listing.Page) ([]T, string, error), line func(T) string) list {
	return func(page listing.Page) (lines []string, after string, err error) {
		items, after, err := read(page)
		for _, item := range items {
			lines = append(lines, line(item))
		}
		return lines, after, err
	}
}

// pages reads a list to its end, size lines at a time, and lets something happen between two pages.
func (w *world) pages(l list, size int, between func(page int)) (lines []string) {
	w.Helper()
	page := listing.Page{Size: size}
	for n := range 1000 {
		part, after, err := l(page)
		if err != nil {
			w.Fatalf("page %d of %d lines: %v", n, size, err)
		}
		if len(part) > size {
			w.Errorf("page %d has %d lines, want %d at the most", n, len(part), size)
		}
		lines = append(lines, part...)
		if after == "" {
			return lines
		}
		page.After = after
		between(n)
	}
	w.Fatalf("a list in pages of %d does not end", size)
	return nil
}

// wantStable reads a list in pages of several sizes, with something inserted
// between pages, and wants each of the lines that were there from the start once, in order.
func (w *world) wantStable(what string, want []string, l list, insert func(nth int)) {
	w.Helper()
	if got := w.pages(l, 1000, func(int) { w.Errorf("%s: one page of 1000 is not enough", what) }); !slices.Equal(got, want) {
		w.Errorf("%s in one page (-want +got):\n%s", what, cmp.Diff(want, got))
	}
	const enough = 3 // else a list may grow faster than it is read
	inserted := 0
	for _, size := range []int{1, 2, 3, 7, len(want)} {
		got := w.pages(l, size, func(page int) {
			if page < enough {
				insert(inserted)
				inserted++
			}
		})
		if !slices.IsSorted(got) {
			w.Errorf("%s in pages of %d are out of order: %q", what, size, got)
		}
		got = slices.DeleteFunc(got, func(line string) bool { return !slices.Contains(want, line) })
		if diff := cmp.Diff(want, got); diff != "" {
			w.Errorf("%s in pages of %d, with others inserted (-want +got):\n%s", what, size, diff)
		}
	}
	if inserted == 0 && len(want) > 1 {
		w.Errorf("%s: nothing was inserted", what)
	}
}

func TestEarnings(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		plan := w.plan("contoso", 100_00)
		w.record(w.entry(w.planOf("contoso", "coo", 0), "x", "2026-04", 1), w.entry(w.planOf("contoso", "coop2", 0), "x", "2026-04", 1), w.entry(w.plan("contoso0", 0), "x", "2026-04", 1))
		var entries []ledger.Entry
		var want []string
		for _, id := range []string{"!", "0", "A", "Z", "a", "a!", "a-1", "a.1", "aa", "a~", "b", "~"} {
			entries = append(entries, w.entry(plan, id, "2026-04", int64(len(want)+1)))
			want = append(want, fmt.Sprint(id, " ", usd(int64(len(want)+1))))
		}
		w.record(entries...)
		line := func(e payout.Earning) string { return fmt.Sprint(e.ID, " ", e.Amount) }
		all := listOf(func(page listing.Page) ([]payout.Earning, string, error) {
			return w.ledger.Earnings(t.Context(), ledger.EarningsQuery{Plan: plan, Page: page})
		}, line)
		w.wantStable("earnings", want, all, func(nth int) {
			w.record(w.entry(plan, fmt.Sprint("#", nth), "2026-04", 1), w.entry(plan, fmt.Sprint("a0", nth), "2026-04", 1), w.entry(plan, fmt.Sprint("~~", nth), "2026-04", 1))
		})
		small := listOf(func(page listing.Page) ([]payout.Earning, string, error) {
			keep := func(e payout.Earning) bool {
				return strings.HasPrefix(e.Description, "order ") && e.Amount.Sub(usd(3)).Sign() <= 0 && len(e.ID) == 1
			}
			return w.ledger.Earnings(t.Context(), ledger.EarningsQuery{Plan: plan, Page: page, Keep: keep})
		}, line)
		if diff := cmp.Diff(want[:3], w.pages(small, 2, func(int) {})); diff != "" {
			t.Errorf("earnings of 0.03 and less (-want +got):\n%s", diff)
		}

		recorded, err := w.ledger.Earning(t.Context(), plan, "a!")
		want0 := entries[5].Earning
		want0.Month, want0.RecordTime, want0.EarnTime = month("2026-04"), w.now, want0.EarnTime.UTC()
		if diff := cmp.Diff(want0, recorded); err != nil || diff != "" {
			t.Errorf("one earning: %v (-want +got):\n%s", err, diff)
		}
		for _, test := range []struct{ plan, id, want string }{
			{plan, "A!", "EARNING_NOT_FOUND"}, {w.plan("fabrikam", 0), "a!", "EARNING_NOT_FOUND"}, {"contoso", "a!", ""},
		} {
			if _, err := w.ledger.Earning(t.Context(), test.plan, test.id); err == nil || fault.ReasonOf(err) != test.want {
				t.Errorf("earning %q of %s: %v, want %q", test.id, test.plan, err, test.want)
			}
		}
		if _, _, err := w.ledger.Earnings(t.Context(), ledger.EarningsQuery{Plan: "contoso", Page: listing.Page{Size: 1}}); err == nil {
			t.Error("earnings of what is no plan were listed")
		}
		w.put("contoso", "earnings", "contoso/azure.coop.fy26/damaged", "12 USD 2026-04 soon 1 x")
		_, _, listErr := all(listing.Page{Size: 1000})
		_, getErr := w.ledger.Earning(t.Context(), plan, "damaged")
		for _, err := range []error{listErr, getErr} {
			if err == nil || !strings.Contains(err.Error(), "contoso/azure.coop.fy26/damaged") {
				t.Errorf("a damaged earning: %v, want an error that names its key", err)
			}
		}
	})
}

// payoutLine is a payout as it is listed: by plan, then by pay date.
func payoutLine(p payout.Payout) string { return fmt.Sprint(p.Plan, " ", p.PayDate, " ", p.Amount) }

func TestPayouts(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		var all []string
		for i := range 9 {
			for _, fund := range []string{"coop", "growth"}[:1+i%2] {
				plan := w.planOf(fmt.Sprint("p", i), fund, 100_00)
				w.record(w.entry(plan, "", "2026-03", 1_00), w.entry(plan, "", "2026-04", 2_00))
			}
		}
		longer := w.plan("p30", 100_00) // a name that begins as another partner's
		w.record(w.entry(longer, "", "2026-03", 1_00), w.entry(longer, "", "2026-04", 2_00))
		w.run("2026-04-15")
		w.run("2026-05-15")
		for _, plan := range w.plans.names() {
			all = append(all, plan+" 2026-04-15 USD 1.00", plan+" 2026-05-15 USD 2.00")
		}
		confirmed := "partners/p3/plans/azure.coop.fy26"
		for _, plan := range []string{confirmed, longer, "partners/p7/plans/azure.growth.fy26"} {
			if _, err := w.ledger.UpdatePayout(t.Context(), plan, date("2026-05-15"), func(p *payout.Payout) error { return p.Confirm("moved", w.now) }); err != nil {
				t.Fatal(err)
			}
		}
		only := func(words ...string) (lines []string) {
			for _, line := range all {
				if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
					lines = append(lines, line)
				}
			}
			return lines
		}
		moved := []string{confirmed + " 2026-05-15 USD 2.00", longer + " 2026-05-15 USD 2.00", "partners/p7/plans/azure.growth.fy26 2026-05-15 USD 2.00"}
		scheduled := slices.DeleteFunc(only("2026-05-15"), func(line string) bool { return slices.Contains(moved, line) })
		for nth, test := range []struct {
			name  string
			query ledger.PayoutsQuery
			want  []string
		}{
			{"all payouts", ledger.PayoutsQuery{}, all},
			{"payouts of a partner", ledger.PayoutsQuery{Partner: "p3"}, only("/p3/")},
			{"payouts of a plan", ledger.PayoutsQuery{Partner: "p3", Plan: "azure.coop.fy26"}, only("/p3/", "coop")},
			{"payouts of a plan of every partner", ledger.PayoutsQuery{Plan: "azure.growth.fy26"}, only("growth")},
			{"scheduled payouts of a pay date", ledger.PayoutsQuery{State: payout.Scheduled, PayDate: date("2026-05-15")}, scheduled},
			{"paid payouts of a pay date", ledger.PayoutsQuery{State: payout.Paid, PayDate: date("2026-05-15")}, moved},
			{"paid payouts of a pay date of a partner", ledger.PayoutsQuery{Partner: "p3", State: payout.Paid, PayDate: date("2026-05-15")}, moved[:1]},
			{
				"scheduled payouts of a pay date of a plan of every partner",
				ledger.PayoutsQuery{Plan: "azure.growth.fy26", State: payout.Scheduled, PayDate: date("2026-04-15")},
				only("growth", "2026-04-15"),
			},
			{"paid payouts", ledger.PayoutsQuery{State: payout.Paid}, moved},
			{"payouts of a pay date", ledger.PayoutsQuery{PayDate: date("2026-04-15")}, only("2026-04-15")},
			{"scheduled payouts of a partner", ledger.PayoutsQuery{Partner: "p3", State: payout.Scheduled}, slices.DeleteFunc(only("/p3/"), func(line string) bool { return line == moved[0] })},
			{"payouts of a plan that are paid", ledger.PayoutsQuery{Partner: "p3", Plan: "azure.coop.fy26", State: payout.Paid}, moved[:1]},
		} {
			// Of another program, so that a list can tell what was inserted; of plans before, among and after the others.
			more := newWorld(t, db, fmt.Sprint("az", nth))
			test.query.Keep = func(p payout.Payout) bool {
				return p.Program == "programs/azure" || p.Program == "programs/"+more.program
			}
			l := listOf(func(page listing.Page) ([]payout.Payout, string, error) {
				test.query.Page = page
				return w.ledger.Payouts(t.Context(), test.query)
			}, payoutLine)
			w.wantStable(test.name, test.want, l, func(nth int) {
				if nth > 2 { // runs take long
					return
				}
				for _, partner := range []string{"p", "p3", fmt.Sprint("p3", nth), "p9"} {
					more.earn(more.planOf(partner, fmt.Sprint("f", nth), 100_00), "2026-03", 1_00)
				}
				more.run("2026-04-15")
			})
		}
	})
}

func TestRuns(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		w := newWorld(t, db, "azure")
		w.earn(w.plan("contoso", 100_00), "2026-04", 10_00)
		newWorld(t, db, "azure-2").start("2026-03-15")
		newWorld(t, db, "azur").start("2026-03-15")
		for i := range 9 {
			w.start(fmt.Sprintf("2027-0%d-15", i+1))
		}
		w.run("2026-06-15")
		want := []string{"2026-06-15 SUCCEEDED 1 of 1, paid 1"}
		for i := range 9 {
			want = append(want, fmt.Sprintf("2027-0%d-15 RUNNING 0 of 1, paid 0", i+1))
		}
		runs := listOf(func(page listing.Page) ([]ledger.Run, string, error) {
			return w.ledger.Runs(t.Context(), ledger.RunsQuery{Program: "programs/azure", Page: page})
		}, func(r ledger.Run) string {
			if r.Program != "programs/azure" {
				t.Errorf("a run of %s is listed", r.Program)
			}
			return fmt.Sprintf("%s %s %d of %d, paid %d", r.PayDate, r.State, r.PlansDone, r.PlansTotal, r.PayoutsCount)
		})
		w.wantStable("runs", want, runs, func(nth int) {
			w.start(fmt.Sprintf("%d-05-15", 2000+nth))
			w.start(fmt.Sprintf("2027-%d-15", 10+nth%3))
			w.start(fmt.Sprintf("%d-05-15", 2100+nth))
		})
		if _, _, err := w.ledger.Runs(t.Context(), ledger.RunsQuery{Program: "azure", Page: listing.Page{Size: 1}}); err == nil {
			t.Error("runs of what is no program were listed")
		}
	})
}
