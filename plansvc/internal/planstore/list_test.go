package planstore_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
)

// query is the first page of a list. A filter or an order that is none shows as an empty list.
func query(partner, filter, orderBy string, size int) planstore.Query {
	var v fault.Violations
	q := planstore.Query{
		Partner: partner, Filter: listing.ParseFilter(&v, filter, planstore.Schema()),
		Order: listing.ParseOrder(&v, orderBy, planstore.Orders()...), Page: listing.Page{Size: size},
	}
	if err := v.Err(); err != nil {
		q.Page.Size = 0
	}
	return q
}

// listed is all pages of a list, with what is done in between.
func (w *world) listed(t rapid.TB, q planstore.Query, between func()) []*plan.Plan {
	t.Helper()
	var all []*plan.Plan
	for range 1000 {
		plans, after, err := w.List(context.Background(), q)
		must(t, err)
		if len(plans) > q.Page.Size {
			t.Fatalf("a page of %d holds %d plans", q.Page.Size, len(plans))
		}
		all = append(all, plans...)
		if q.Page.After = after; after == "" {
			return all
		}
		between()
	}
	t.Fatalf("a list that does not end: %+v", q)
	return nil
}

// A predicate is a filter, and what it says in Go.
type predicate struct {
	filter string
	keeps  func(*plan.Plan) bool
}

// reviewers are addresses that stand in an index one beside the other.
var reviewers = []string{"ana@contoso.com", "ana/x@contoso.com", "ana%2Fx@contoso.com", ""}

func predicates() []predicate {
	noon := time.Date(2025, time.July, 1, 12, 0, 30, 0, time.UTC)
	all := []predicate{
		{``, func(*plan.Plan) bool { return true }},
		{`program="programs/azure" AND fund_type="mdf"`, func(p *plan.Plan) bool { return p.Name.FundType == "mdf" }},
		{`program_year!="fy27"`, func(p *plan.Plan) bool { return p.Name.ProgramYear != "fy27" }},
		{`market="DE" OR currency_code="JPY"`, func(p *plan.Plan) bool { return p.Market == "DE" || p.CurrencyCode == "JPY" }},
		{`display_name:"a"`, func(p *plan.Plan) bool { return strings.Contains(p.DisplayName, "a") }},
		{`NOT state=EDITING`, func(p *plan.Plan) bool { return p.State != plan.Editing }},
		{`state=EDITING OR state=APPROVED`, func(p *plan.Plan) bool { return p.State == plan.Editing || p.State == plan.Approved }},
		{`state=EDITING AND display_name:"a"`, func(p *plan.Plan) bool { return p.State == plan.Editing && strings.Contains(p.DisplayName, "a") }},
		{`state=EDITING AND state=APPROVED`, func(*plan.Plan) bool { return false }},
		{`create_time<"2025-07-01T12:00:30Z"`, func(p *plan.Plan) bool { return p.CreateTime.Before(noon) }},
		{`update_time>="2025-07-01T12:00:30Z"`, func(p *plan.Plan) bool { return !p.UpdateTime.Before(noon) }},
		{`submit_time>"2025-07-01T12:00:30Z"`, func(p *plan.Plan) bool { return p.SubmitTime.After(noon) }},
	}
	for _, state := range []plan.State{plan.Editing, plan.Submitted, plan.UnderReview, plan.Approved, plan.ActionRequired, plan.Rejected} {
		all = append(all, predicate{fmt.Sprintf(`state=%q`, state), func(p *plan.Plan) bool { return p.State == state }})
	}
	for _, reviewer := range reviewers {
		all = append(
			all,
			predicate{fmt.Sprintf(`reviewer_email=%q`, reviewer), func(p *plan.Plan) bool { return p.ReviewerEmail == reviewer }},
			predicate{fmt.Sprintf(`reviewer_email=%q AND state="EDITING"`, reviewer), func(p *plan.Plan) bool {
				return p.ReviewerEmail == reviewer && p.State == plan.Editing
			}},
			predicate{fmt.Sprintf(`state=SUBMITTED reviewer_email=%q market="US"`, reviewer), func(p *plan.Plan) bool {
				return p.ReviewerEmail == reviewer && p.State == plan.Submitted && p.Market == "US"
			}},
		)
	}
	return all
}

var orders = []string{"", "name", "name desc", "create_time", "create_time desc", "update_time", "update_time desc", "submit_time", "submit_time desc"}

// timeOf is the time that an order is by; names have none.
func timeOf(p *plan.Plan, orderBy string) time.Time {
	switch field, _, _ := strings.Cut(orderBy, " "); field {
	case "create_time":
		return p.CreateTime
	case "update_time":
		return p.UpdateTime
	case "submit_time":
		return p.SubmitTime
	}
	return time.Time{}
}

// inOrder compares two plans as a list in an order does: equal ones are by name.
func inOrder(orderBy string) func(a, b *plan.Plan) int {
	return func(a, b *plan.Plan) int {
		byTime, byName := timeOf(a, orderBy).Compare(timeOf(b, orderBy)), cmp.Compare(a.Name.String(), b.Name.String())
		switch {
		case orderBy == "name desc":
			return -byName
		case strings.HasSuffix(orderBy, " desc"):
			byTime = -byTime
		}
		return cmp.Or(byTime, byName)
	}
}

// A model is what the plans in a world have to be.
type model map[plan.Name]*plan.Plan

// matching are the plans that a list has to have.
func (m model) matching(partner string, keeps func(*plan.Plan) bool) model {
	found := model{}
	for name, p := range m {
		if (partner == "" || name.Partner == partner) && keeps(p) {
			found[name] = p
		}
	}
	return found
}

// sorted are the plans in the order of a list.
func (m model) sorted(orderBy string) []*plan.Plan {
	return slices.SortedFunc(maps.Values(m), inOrder(orderBy))
}

// states tell which plans a list has, and in which state of theirs.
func states(plans []*plan.Plan) []string {
	all := make([]string, len(plans))
	for i, p := range plans {
		all[i] = p.Name.String() + " " + p.Etag()
	}
	return all
}

// act does something to some plan, in the world and in the model. Refusals are part of life.
func (w *world) act(r *rapid.T, m model) {
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 2).Draw(r, "seconds later")) * time.Second)
	name := plan.Name{
		Partner: rapid.SampledFrom(partners).Draw(r, "partner"), Program: "azure",
		FundType:    rapid.SampledFrom([]string{"coop", "mdf"}).Draw(r, "fund type"),
		ProgramYear: rapid.SampledFrom([]string{"fy26", "fy27"}).Draw(r, "year"),
	}
	c := content()
	c.DisplayName = rapid.SampledFrom([]string{"a", "b", "ab"}).Draw(r, "display name")
	c.Market = rapid.SampledFrom([]string{"US", "DE"}).Draw(r, "market")
	c.ReviewerEmail = rapid.SampledFrom(reviewers).Draw(r, "reviewer")
	var err error
	p := m[name]
	switch {
	case p == nil:
		p, err = w.create(name, c)
	case rapid.IntRange(0, 9).Draw(r, "delete") == 0:
		err = w.DeletePlan(context.Background(), name, func(p *plan.Plan, _ *plan.Enrollment) error { return p.MayDelete(w.call()) })
		p = nil
	default:
		p, err = w.change(name, w.next(r, p.State, c))
	}
	switch {
	case err != nil && fault.KindOf(err) == 0:
		r.Fatal(err)
	case err == nil && p == nil:
		delete(m, name)
	case err == nil:
		m[name] = p
	}
}

// next draws what can come next in a state.
func (w *world) next(r *rapid.T, state plan.State, c plan.Content) change {
	edit := func(call plan.Call, p *plan.Plan, _ *plan.Enrollment) error { return p.Update(call, p.Name, c) }
	ask := w.askForLimit(rapid.IntRange(1, 99).Draw(r, "limit"))
	return rapid.SampledFrom(map[plan.State][]change{
		plan.Editing: {edit, w.submit}, plan.Submitted: {review}, plan.UnderReview: {w.approve, requestAction, reject},
		plan.ActionRequired: {w.reopen}, plan.Rejected: {w.reopen}, plan.Approved: {ask},
	}[state]).Draw(r, "next")
}

// Whatever the plans go through, every list is what a look at all of them gives.
func TestList_IndexesAgreeWithThePlans(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		start := w.now
		rapid.Check(t, func(r *rapid.T) {
			w.db.wipe(r)
			w.now = start
			w.populate(r)
			m := model{}
			for range rapid.IntRange(1, 40).Draw(r, "acts") {
				w.act(r, m)
			}
			for name, want := range m {
				got, err := w.Plan(context.Background(), name)
				must(r, err)
				same(r, "the stored plan "+name.String(), got, want)
				standings, err := w.Standings(context.Background(), []plan.Name{name})
				must(r, err)
				same(r, "the standing of "+name.String(), standings[0], want.Standing())
			}
			for range 12 {
				partner := rapid.SampledFrom(append([]string{"", "", "", ""}, partners...)).Draw(r, "of")
				keep := rapid.SampledFrom(predicates()).Draw(r, "filter")
				orderBy := rapid.SampledFrom(orders).Draw(r, "order")
				size := rapid.IntRange(1, 20).Draw(r, "size")
				got := w.listed(r, query(partner, keep.filter, orderBy, size), func() {})
				want := m.matching(partner, keep.keeps).sorted(orderBy)
				if !slices.Equal(states(got), states(want)) {
					r.Errorf("plans of %q with %s by %q, %d a page:\n%q\nwant\n%q", partner, keep.filter, orderBy, size, states(got), states(want))
				}
			}
		})
	})
}

// A plan that is there and matches from the first page to the last is listed
// exactly once, whatever comes, goes and changes between the pages. By a time that
// changes meanwhile it moves with it: forward it can be listed twice, backward
// not at all.
func TestList_PagesAreStable(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		start := w.now
		rapid.Check(t, func(r *rapid.T) {
			w.db.wipe(r)
			w.now = start
			w.populate(r)
			m := model{}
			for range rapid.IntRange(1, 40).Draw(r, "acts before") {
				w.act(r, m)
			}
			partner := rapid.SampledFrom(append([]string{"", "", ""}, partners...)).Draw(r, "of")
			keep := rapid.SampledFrom(predicates()).Draw(r, "filter")
			orderBy := rapid.SampledFrom(orders).Draw(r, "order")
			moments := []model{m.matching(partner, keep.keeps)}
			got := w.listed(r, query(partner, keep.filter, orderBy, rapid.IntRange(1, 4).Draw(r, "size")), func() {
				for range rapid.IntRange(0, 4).Draw(r, "acts between") {
					w.act(r, m)
				}
				moments = append(moments, m.matching(partner, keep.keeps))
			})
			times := map[plan.Name]int{}
			for _, p := range got {
				times[p.Name]++
			}
			for name, first := range moments[0] {
				stays, moves := true, false
				for _, then := range moments {
					p := then[name]
					stays = stays && p != nil && p.CreateTime.Equal(first.CreateTime)
					moves = moves || stays && !timeOf(p, orderBy).Equal(timeOf(first, orderBy))
				}
				n := times[name]
				switch desc := strings.HasSuffix(orderBy, " desc"); {
				case !stays:
				case !moves && n != 1, moves && desc && n > 1, moves && !desc && n < 1:
					r.Fatalf("%s was there on all %d pages of %q with %s by %q, and is listed %d times (it moved: %t)",
						name, len(moments), partner, keep.filter, orderBy, n, moves)
				}
			}
		})
	})
}

// What an index finds and the filter then drops costs a page, not the list.
func TestList_APageCanBeEmptyAndNotTheLast(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		for n := range 30 {
			w.enroll(t, fmt.Sprintf("q%02d", n))
			c := content()
			c.DisplayName = fmt.Sprint("number ", n)
			_, err := w.create(plan.Name{Partner: fmt.Sprintf("q%02d", n), Program: "azure", FundType: "coop", ProgramYear: "fy26"}, c)
			must(t, err)
		}
		q := query("", `state=EDITING AND display_name="number 29"`, "name", 1)
		plans, after, err := w.List(t.Context(), q)
		must(t, err)
		if len(plans) != 0 || after == "" {
			t.Fatalf("the first page has %d plans and ends at %q, want none and where to go on", len(plans), after)
		}
		if got := w.listed(t, q, func() {}); len(got) != 1 || got[0].DisplayName != "number 29" {
			t.Errorf("all pages have %d plans, want the one that matches", len(got))
		}
	})
}

// More plans than are read at once are put in order, too.
func TestList_OrdersMoreThanItReadsAtOnce(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		const count = 1010
		var wg sync.WaitGroup
		for n := range count {
			wg.Go(func() {
				partner := fmt.Sprintf("q%04d", n)
				e, err := plan.NewEnrollment(w.call(), partner, "azure", plan.EnrollmentContent{})
				if err == nil {
					err = w.CreateEnrollment(context.Background(), e)
				}
				if err == nil {
					c := w.call()
					c.Now = c.Now.Add(time.Duration(count-n) * time.Second)
					name := plan.Name{Partner: partner, Program: "azure", FundType: "coop", ProgramYear: "fy26"}
					_, err = w.CreatePlan(context.Background(), name, func() (*plan.Plan, error) { return plan.New(c, name, w.program, content()) })
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got := w.listed(t, query("", "", "create_time", 300), func() {})
		if len(got) != count || !slices.IsSortedFunc(got, inOrder("create_time")) {
			t.Errorf("%d plans, sorted: %t; want %d in order", len(got), slices.IsSortedFunc(got, inOrder("create_time")), count)
		}
	})
}

// A filter finds what it says, whatever stands in its texts.
func TestList_TextsThatLookLikeKeys(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		_, err := w.create(coop, content())
		must(t, err)
		for _, reviewer := range []string{"ana@contoso.com/p1", "ana@contoso.com/", "", "%", "\u0000"} {
			q := query("", fmt.Sprintf(`state="EDITING" AND reviewer_email=%q`, reviewer), "name", 10)
			plans, after, err := w.List(t.Context(), q)
			if err != nil || len(plans) != 0 || after != "" {
				t.Errorf("reviewer %q: %d plans, after %q, %v; want none", reviewer, len(plans), after, err)
			}
		}
	})
}

// A cursor that was made up moves within the list, and no further.
func FuzzList_After(f *testing.F) {
	for _, after := range []string{"p1/azure.coop.fy26", "EDITING/p1", "2025-07-01T12:00:00.000000000Z/p1", "\xff", "/"} {
		f.Add(after, 0, 0)
	}
	w := newWorld(f, openPebble)
	_, err := w.create(coop, content())
	must(f, err)
	f.Fuzz(func(t *testing.T, after string, filter, order int) {
		keep := predicates()[uint(filter)%uint(len(predicates()))]
		q := query("", keep.filter, orders[uint(order)%uint(len(orders))], 10)
		q.Page.After = after
		plans, next, err := w.List(t.Context(), q)
		if err != nil || next != "" || len(plans) > 1 || len(plans) == 1 && !keep.keeps(plans[0]) {
			t.Errorf("after %q with %s: %d plans, after %q, %v; want at most the one, if it matches", after, keep.filter, len(plans), next, err)
		}
	})
}
