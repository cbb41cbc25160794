package planstore_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

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
