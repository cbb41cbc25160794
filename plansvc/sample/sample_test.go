package sample_test

import (
	"testing"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
	"github.com/incentives-dev/incentives/plansvc/internal/planstore"
	"github.com/incentives-dev/incentives/plansvc/sample"
)

// What is written directly can be read as if calls had written it.
func TestWrite(t *testing.T) {
	const count, waiting = 1500, 30
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Partitions: 2}) // so that a partition takes several commits
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	told := 0
	if err := sample.Write(t.Context(), db, sample.Plans{Count: count, Waiting: waiting, Written: func(n int) { told = n }}); err != nil {
		t.Fatal(err)
	}
	if told != count {
		t.Errorf("told of %d plans, want %d", told, count)
	}
	plans := planstore.New(db)
	states := map[plan.State]int{}
	for i := range count {
		name, err := plan.ParseName(sample.Name(i))
		if err != nil {
			t.Fatal(err)
		}
		p, err := plans.Plan(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		states[p.State]++
		if _, err := plans.Enrollment(t.Context(), name.Partner, sample.Program); err != nil {
			t.Error(err)
		}
		limit, ok := p.LimitAt(plan.Month{Year: 2026, Month: 4})
		if approved := p.State == plan.Approved; ok != approved || ok && limit.String() != "USD 10000.00" {
			t.Errorf("%s is %s, its limit in April %v, %v", name, p.State, limit, ok)
		}
	}
	if states[plan.Submitted] != waiting || states[plan.Approved] != count-waiting {
		t.Errorf("states %v, want %d submitted and %d approved", states, waiting, count-waiting)
	}
	var v fault.Violations
	filter := listing.ParseFilter(&v, `state = "SUBMITTED" AND reviewer_email = "`+sample.Reviewer+`"`, planstore.Schema())
	queue, _, err := plans.List(t.Context(), planstore.Query{Filter: filter, Order: listing.Order{Field: "name"}, Page: listing.Page{Size: 100}})
	if err != nil || v.Err() != nil || len(queue) != waiting {
		t.Errorf("%d plans wait for %s (%v), want %d", len(queue), sample.Reviewer, err, waiting)
	}
}
