package planstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// A step is one change of a plan's life, and what it leaves beside the plan.
type step struct {
	name     string
	run      func() error
	event    plan.Action           // none for what leaves no event
	notifies plan.NotificationKind // nobody for what notifies nobody
}

// life is every change that a plan can make, in an order in which it can.
func (w *world) life() []step {
	does := func(fn change) func() error {
		return func() error {
			_, err := w.change(coop, fn)
			return err
		}
	}
	again := []step{
		{"reopen", does(w.reopen), plan.ReopenPlan, ""},
		{"edit", does(func(c plan.Call, p *plan.Plan, _ *plan.Enrollment) error {
			next := p.Content
			next.ReviewerEmail = "bo@contoso.com"
			return p.Update(c, p.Name, next)
		}), "", ""},
		{"submit again", does(w.submit), plan.SubmitPlan, ""},
		{"review again", does(review), plan.StartReview, ""},
	}
	life := []step{
		{"create", func() error { _, err := w.create(coop, content()); return err }, plan.CreatePlan, ""},
		{"submit", does(w.submit), plan.SubmitPlan, ""},
		{"review", does(review), plan.StartReview, ""},
		{"request action", does(requestAction), plan.RequestAction, plan.NotifyActionRequired},
	}
	life = append(append(life, again...), step{"reject", does(reject), plan.RejectPlan, plan.NotifyRejected})
	life = append(append(life, again...), step{"approve", does(w.approve), plan.ApprovePlan, plan.NotifyApproved})
	return append(
		life,
		step{"ask for a limit", does(w.askForLimit(1)), plan.CreateLimitChange, ""},
		step{"approve the limit", does(func(c plan.Call, p *plan.Plan, e *plan.Enrollment) error {
			return p.ApproveLimitChange(c, w.program, "l1", e.AdminEmails)
		}), plan.ApproveLimitChange, plan.NotifyLimitChangeApproved},
		step{"ask for another", does(w.askForLimit(2)), plan.CreateLimitChange, ""},
		step{"reject the limit", does(func(c plan.Call, p *plan.Plan, e *plan.Enrollment) error {
			return p.RejectLimitChange(c, "l2", e.AdminEmails)
		}), plan.RejectLimitChange, plan.NotifyLimitChangeRejected},
	)
}

// A change is there with its event, its notification and its place in the
// indexes, or nothing of it is: after a commit that fails, and after one that
// conflicts and is tried again.
func TestL12_L13_AChangeIsWholeOrNotAtAll(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		for number, step := range w.life() {
			w.db.refuse = func() error { return store.ErrUnavailable }
			before := w.db.content(t)
			if err := step.run(); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("%s where the store fails: %v, want its error", step.name, err)
			}
			same(t, fmt.Sprintf("the store after %s failed", step.name), w.db.content(t), before)

			conflicts := 2
			w.db.commits, w.db.refuse = 0, func() error {
				conflicts--
				if conflicts >= 0 {
					return store.ErrConflict
				}
				return nil
			}
			if err := step.run(); err != nil {
				t.Fatalf("change %d, %s: %v", number+1, step.name, err)
			}
			if w.db.commits != 3 {
				t.Errorf("%s: %d commits, want one after two that conflicted", step.name, w.db.commits)
			}
			checkAdded(t, step, before, w.db.content(t))
		}
	})
}

// checkAdded fails where a change did not add exactly its event and its notification.
func checkAdded(t *testing.T, step step, before, after map[store.Key]string) {
	t.Helper()
	added := map[string][]string{}
	for key, value := range after {
		if _, ok := before[key]; !ok {
			added[key.Collection] = append(added[key.Collection], value)
		}
	}
	var event plan.Event
	if step.event != "" {
		if len(added["events"]) != 1 {
			t.Fatalf("%s added the events %q, want one", step.name, added["events"])
		}
		must(t, json.Unmarshal([]byte(added["events"][0]), &event))
	}
	if event.Action != step.event || step.event == "" && len(added["events"]) > 0 {
		t.Errorf("%s added the events %q, want %q", step.name, added["events"], step.event)
	}
	var want []plan.Notification
	if step.notifies != "" {
		want = []plan.Notification{{Kind: step.notifies, Plan: coop, DisplayName: "Spring", Event: event, Recipients: []string{"admin@p1.example"}}}
	}
	var got []plan.Notification
	for _, value := range added["outbox"] {
		var n plan.Notification
		must(t, json.Unmarshal([]byte(value), &n))
		got = append(got, n)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s left in the outbox (-want +got):\n%s", step.name, diff)
	}
	for _, index := range []string{"plans_by_state", "plans_by_reviewer"} {
		n := 0
		for key := range after {
			if key.Collection == index {
				n++
			}
		}
		if n != 1 {
			t.Errorf("after %s the one plan stands %d times in %s", step.name, n, index)
		}
	}
}

// Refusals of the domain leave everything as it was, and reach the caller as they are.
func TestUpdatePlan_RefusalsChangeNothing(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		_, err := w.create(coop, content())
		must(t, err)
		before := w.db.content(t)
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

// Whatever 16 callers ask and reject at once, events are numbered without a gap,
// and each rejection waits in the outbox.
func TestL12_NumberedWithoutAGapUnderConcurrency(t *testing.T) {
	onEachEngine(t, func(t *testing.T, open factory) {
		w := newWorld(t, open)
		_, err := w.create(coop, content())
		must(t, err)
		for _, step := range []change{w.submit, review, w.approve} {
			_, err := w.change(coop, step)
			must(t, err)
		}
		var changed, rejected atomic.Int64
		var wg sync.WaitGroup
		for n := range 16 {
			wg.Go(func() {
				for round := range 5 {
					asked := false
					_, err := w.change(coop, func(c plan.Call, p *plan.Plan, e *plan.Enrollment) error {
						pending, waits := p.PendingLimitChange()
						if asked = !waits; asked {
							return w.askForLimit(10*n+round)(c, p, e)
						}
						return p.RejectLimitChange(c, pending.ID, e.AdminEmails)
					})
					if err != nil {
						t.Errorf("caller %d, round %d: %v", n, round, err)
						continue
					}
					changed.Add(1)
					if !asked {
						rejected.Add(1)
					}
				}
			})
		}
		wg.Wait()
		checkHistory(t, w, coop, 4+changed.Load())
		outbox := 0
		for key := range w.db.content(t) {
			if key.Collection == "outbox" {
				outbox++
			}
		}
		if want := int(rejected.Load()) + 1; outbox != want {
			t.Errorf("the outbox has %d notifications, want %d: of the approval and each rejection", outbox, want)
		}
	})
}

// checkHistory fails where a plan's events are not numbered from 1 to count.
func checkHistory(t *testing.T, w *world, name plan.Name, count int64) {
	t.Helper()
	var all []*plan.Event
	for page := (listing.Page{Size: 7}); ; {
		events, after, err := w.Events(t.Context(), name, page)
		must(t, err)
		all = append(all, events...)
		if page.After = after; after == "" {
			break
		}
	}
	for i, event := range all {
		if event.Number != int64(i+1) {
			t.Fatalf("event %d has number %d", i+1, event.Number)
		}
	}
	p, err := w.Plan(t.Context(), name)
	must(t, err)
	if int64(len(all)) != count || p.EventCount != count {
		t.Errorf("%d events are stored and the plan counts %d, want %d", len(all), p.EventCount, count)
	}
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

// refused fails where err is not a refusal of a kind with a reason.
func refused(t *testing.T, what string, err error, kind fault.Kind, reason string) {
	t.Helper()
	if fault.KindOf(err) != kind || fault.ReasonOf(err) != reason {
		t.Errorf("%s: %v (%s), want %s", what, err, fault.ReasonOf(err), reason)
	}
}
