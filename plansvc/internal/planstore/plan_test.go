package planstore_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func TestPlans_RoundTrip(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		created, err := w.create(coop, content())
		must(t, err)
		for _, step := range []change{w.submit, review, w.approve, w.askForLimit(1)} {
			if created, err = w.change(coop, step); err != nil {
				t.Fatal(err)
			}
		}
		got, err := w.Plan(t.Context(), coop)
		must(t, err)
		same(t, "the plan that was read", got, created)

		other := plan.Name{Partner: "p2", Program: "azure", FundType: "coop", ProgramYear: "fy26"}
		found, err := w.Plans(t.Context(), []plan.Name{other, coop, coop})
		must(t, err)
		same(t, "plans in the order of their names", found, []*plan.Plan{nil, created, created})
		standings, err := w.Standings(t.Context(), []plan.Name{other, coop, coop})
		must(t, err)
		same(t, "standings in the order of the plans' names", standings, []*plan.Standing{nil, created.Standing(), created.Standing()})

		_, err = w.Plan(t.Context(), other)
		refused(t, "reading what is not there", err, fault.NotFound, "PLAN_NOT_FOUND")
		_, err = w.change(other, w.submit)
		refused(t, "changing what is not there", err, fault.NotFound, "PLAN_NOT_FOUND")
		_, _, err = w.Events(t.Context(), other, listing.Page{Size: 1})
		refused(t, "the history of what is not there", err, fault.NotFound, "PLAN_NOT_FOUND")
		err = w.DeletePlan(t.Context(), other, func(*plan.Plan, *plan.Enrollment) error { return nil })
		refused(t, "deleting what is not there", err, fault.NotFound, "PLAN_NOT_FOUND")
	})
}

func TestL1_CreatingTwiceExistsWhateverTheFirstIs(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		_, err := w.create(coop, content())
		must(t, err)
		for _, step := range []change{nil, w.submit, review, reject, w.reopen, w.submit, review, w.approve} {
			if step != nil {
				_, err = w.change(coop, step)
				must(t, err)
			}
			p, err := w.Plan(t.Context(), coop)
			must(t, err)
			before := w.db.content(t)
			_, err = w.create(coop, plan.Content{DisplayName: "Again"})
			refused(t, fmt.Sprintf("creating a plan that is %s", p.State), err, fault.Exists, "PLAN_EXISTS")
			same(t, "the store after that", w.db.content(t), before)
		}
	})
}

// That the plan exists is said before what else is wrong with the second attempt.
func TestL1_ExistsIsSaidFirst(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		_, err := w.create(coop, content())
		must(t, err)
		w.now = w.now.AddDate(2, 0, 0) // the program year is over
		_, err = w.create(coop, content())
		refused(t, "creating it again after its year", err, fault.Exists, "PLAN_EXISTS")
	})
}

func TestL1_OneOf32CreatorsWins(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		var won atomic.Int32
		var wg sync.WaitGroup
		for n := range 32 {
			wg.Go(func() {
				c := content()
				c.DisplayName = fmt.Sprint("by ", n)
				switch p, err := w.create(coop, c); {
				case err == nil && p.DisplayName == c.DisplayName:
					won.Add(1)
				case fault.ReasonOf(err) != "PLAN_EXISTS":
					t.Errorf("creator %d: %v, want a plan of its own or PLAN_EXISTS", n, err)
				}
			})
		}
		wg.Wait()
		if got := won.Load(); got != 1 {
			t.Errorf("%d of 32 creators won, want 1", got)
		}
		checkHistory(t, w, coop, 1)
	})
}

func TestL2_OnlyInProgramsThatThePartnerIsEnrolledIn(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		stranger := plan.Name{Partner: "stranger", Program: "azure", FundType: "coop", ProgramYear: "fy26"}
		_, err := w.create(stranger, content())
		refused(t, "creating a plan without an enrollment", err, fault.NotFound, "PROGRAM_NOT_FOUND")

		_, err = w.create(coop, content())
		must(t, err)
		must(t, w.DeleteEnrollment(t.Context(), "p1", "azure", func(*plan.Enrollment) error { return nil }))
		_, err = w.create(coop, content())
		refused(t, "creating a plan that exists, without an enrollment", err, fault.NotFound, "PROGRAM_NOT_FOUND")
		_, err = w.UpdatePlan(t.Context(), coop, func(_ *plan.Plan, e *plan.Enrollment) error {
			if e != nil {
				t.Errorf("a change is told the enrollment %v, want none after it was deleted", e)
			}
			return nil
		})
		must(t, err)
	})
}

// A change is decided again when the enrollment that it was decided on ends meanwhile.
func TestL2_AnEnrollmentThatEndsMeanwhile(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		_, err := w.create(coop, content())
		must(t, err)
		calls := 0
		_, err = w.UpdatePlan(t.Context(), coop, func(_ *plan.Plan, e *plan.Enrollment) error {
			calls++
			if calls == 1 {
				must(t, w.DeleteEnrollment(t.Context(), "p1", "azure", func(*plan.Enrollment) error { return nil }))
			}
			return plan.CheckEnrolled(e, "azure")
		})
		refused(t, "a change while the enrollment ends", err, fault.NotFound, "PROGRAM_NOT_FOUND")
	})
}

// Refusals of the domain leave everything as it was, and reach the caller as they are.
func TestUpdatePlan_RefusalsChangeNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		before := w.db.content(t)
		_, err := w.create(coop, plan.Content{})
		refused(t, "creating what has no name", err, fault.Invalid, "FIELD_REQUIRED")
		same(t, "the store after that", w.db.content(t), before)
		_, err = w.create(coop, content())
		must(t, err)
		before = w.db.content(t)
		_, err = w.change(coop, func(c plan.Call, p *plan.Plan, e *plan.Enrollment) error {
			must(t, w.submit(c, p, e)) // what was done to the plan before the refusal is dropped
			return p.Reject(c, nil)
		})
		refused(t, "rejecting what nobody reviews", err, fault.State, "PLAN_STATE")
		err = w.DeletePlan(t.Context(), coop, func(*plan.Plan, *plan.Enrollment) error { return fault.New(fault.State, "NO", "no") })
		refused(t, "deleting what may not go", err, fault.State, "NO")
		same(t, "the store", w.db.content(t), before)
	})
}

func TestL4_DeletionLeavesNothingAndFreesTheName(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		empty := w.db.content(t)
		first, err := w.create(coop, content())
		must(t, err)
		must(t, w.DeletePlan(t.Context(), coop, func(p *plan.Plan, _ *plan.Enrollment) error { return p.MayDelete(w.call()) }))
		same(t, "the store after the deletion", w.db.content(t), empty)

		w.now = w.now.Add(time.Microsecond)
		second, err := w.create(coop, content())
		must(t, err)
		checkHistory(t, w, coop, 1)
		if first.Etag() == second.Etag() {
			t.Errorf("both plans of the name have the etag %s", first.Etag())
		}
	})
}

// A plan that lies in the store damaged is an error that says where, and no refusal.
func TestDamageIsSaidByItsKey(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		_, err := w.create(coop, content())
		must(t, err)
		var b store.Batch
		b.Put(store.Key{Collection: "plans", ID: "p1/azure.coop.fy26"}, []byte(`{"name": 7}`))
		must(t, w.db.Commit(t.Context(), store.PartitionOf("p1", w.db.Partitions()), &b))
		_, read := w.Plan(t.Context(), coop)
		_, batch := w.Plans(t.Context(), []plan.Name{coop})
		_, change := w.change(coop, w.submit)
		_, _, list := w.List(context.Background(), query("p1", "", "name", 10))
		_, _, index := w.List(context.Background(), query("", `state="EDITING"`, "name", 10))
		for what, err := range map[string]error{"read": read, "read several": batch, "change": change, "list": list, "list by an index": index} {
			if err == nil || fault.KindOf(err) != 0 || !strings.Contains(err.Error(), "p1/azure.coop.fy26") {
				t.Errorf("%s: %v, want an error that names the plan's key", what, err)
			}
		}
	})
}
