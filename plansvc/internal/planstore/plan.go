package planstore

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

func id(n plan.Name) string { return n.Partner + "/" + n.ID() }

func planKey(n plan.Name) store.Key { return store.Key{Collection: plans, ID: id(n)} }

func standingKey(n plan.Name) store.Key { return store.Key{Collection: standings, ID: id(n)} }

func eventKey(n plan.Name, number int64) store.Key {
	return store.Key{Collection: events, ID: id(n) + "/" + plan.EventID(number)}
}

func noPlan(n plan.Name) *fault.Error {
	return fault.New(fault.NotFound, "PLAN_NOT_FOUND", "there is no plan %s", n).With("plan", n.String())
}

// CreatePlan stores the plan that fn makes. PROGRAM_NOT_FOUND where the partner
// is not enrolled in its program (rule L2); PLAN_EXISTS where it has this plan,
// whatever else is wrong with another (rule L1).
func (s *Store) CreatePlan(ctx context.Context, name plan.Name, fn func() (*plan.Plan, error)) (*plan.Plan, error) {
	var created *plan.Plan
	err := s.change(ctx, name, func(stored *plan.Plan, e *plan.Enrollment, b *store.Batch) (err error) {
		if err := plan.CheckEnrolled(e, name.Program); err != nil {
			return err
		}
		if stored != nil {
			return fault.New(fault.Exists, "PLAN_EXISTS", "there is a plan %s already", name).With("plan", name.String())
		}
		if created, err = fn(); err != nil {
			return err
		}
		return write(b, nil, created)
	})
	return created, err
}

// Plan returns a plan; PLAN_NOT_FOUND.
func (s *Store) Plan(ctx context.Context, name plan.Name) (*plan.Plan, error) {
	p, err := get[plan.Plan](ctx, s.db, place{s.of(name.Partner), planKey(name)})
	if err == nil && p == nil {
		return nil, noPlan(name)
	}
	return p, err
}

// Plans returns plans in the order of their names, nil where there is none.
func (s *Store) Plans(ctx context.Context, names []plan.Name) ([]*plan.Plan, error) {
	return getAll(ctx, s, names, planKey, func(name plan.Name, value []byte) (*plan.Plan, error) {
		return decode[plan.Plan](planKey(name), value)
	})
}

// Standings returns what terms are made of, in the order of the plans' names, nil where there is no such plan.
func (s *Store) Standings(ctx context.Context, names []plan.Name) ([]*plan.Standing, error) {
	if len(names) > fewStandings {
		if err := limit.ScanOf(ctx).Turn(ctx); err != nil {
			return nil, err
		}
	}
	return getAll(ctx, s, names, standingKey, parseStanding)
}

// getAll reads what is under a key of each plan, with parse, in the order of their names.
func getAll[T any](
	ctx context.Context, s *Store, names []plan.Name, key func(plan.Name) store.Key, parse func(plan.Name, []byte) (*T, error),
) ([]*T, error) {
	found := make([]*T, len(names))
	byPartition := map[store.Partition][]int{}
	for i, n := range names {
		byPartition[s.of(n.Partner)] = append(byPartition[s.of(n.Partner)], i)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelGets)
	for p, indexes := range byPartition {
		group.Go(func() error {
			keys := make([]store.Key, len(indexes))
			for i, index := range indexes {
				keys[i] = key(names[index])
			}
			values, err := s.db.Get(ctx, p, keys...)
			for i, value := range values {
				if value == nil {
					continue
				}
				if found[indexes[i]], err = parse(names[indexes[i]], value); err != nil {
					return err
				}
			}
			return err
		})
	}
	return found, group.Wait()
}

// parallelGets is how many partitions are read at once.
const parallelGets = 8

// UpdatePlan changes a plan by fn, which is told the partner's enrollment in the
// plan's program, nil where it has none. The plan, its events, its
// notifications and its place in the indexes are written at once, or nothing
// is. PLAN_NOT_FOUND.
func (s *Store) UpdatePlan(ctx context.Context, name plan.Name, fn func(*plan.Plan, *plan.Enrollment) error) (*plan.Plan, error) {
	var changed *plan.Plan
	err := s.change(ctx, name, func(p *plan.Plan, e *plan.Enrollment, b *store.Batch) error {
		if p == nil {
			return noPlan(name)
		}
		before := places(p)
		if err := fn(p, e); err != nil {
			return err
		}
		changed = p
		return write(b, before, p)
	})
	return changed, err
}

// DeletePlan deletes a plan and its history where fn allows it; PLAN_NOT_FOUND. Rule L4.
func (s *Store) DeletePlan(ctx context.Context, name plan.Name, fn func(*plan.Plan, *plan.Enrollment) error) error {
	return s.change(ctx, name, func(p *plan.Plan, e *plan.Enrollment, b *store.Batch) error {
		if p == nil {
			return noPlan(name)
		}
		if err := fn(p, e); err != nil {
			return err
		}
		b.Delete(planKey(name))
		b.Delete(standingKey(name))
		for number := range p.EventCount {
			b.Delete(eventKey(name, number+1))
		}
		for _, key := range places(p) {
			b.Delete(key)
		}
		return nil
	})
}

// change runs fn on a plan and its partner's enrollment, nil where there is none.
func (s *Store) change(ctx context.Context, name plan.Name, fn func(*plan.Plan, *plan.Enrollment, *store.Batch) error) error {
	keys := []store.Key{planKey(name), enrollmentKey(name.Partner, name.Program)}
	return store.Update(ctx, s.db, store.Read{Partition: s.of(name.Partner), Keys: keys}, func(values [][]byte, b *store.Batch) (err error) {
		var p *plan.Plan
		var e *plan.Enrollment
		if values[0] != nil {
			if p, err = decode[plan.Plan](keys[0], values[0]); err != nil {
				return err
			}
		}
		if values[1] != nil {
			if e, err = decode[plan.Enrollment](keys[1], values[1]); err != nil {
				return err
			}
		}
		return fn(p, e, b)
	})
}

// write puts a plan, what its change adds, and its new places in the indexes.
func write(b *store.Batch, before []store.Key, p *plan.Plan) error {
	data, err := encode(p)
	if err != nil {
		return err
	}
	b.Put(planKey(p.Name), data)
	if err := putStanding(b, p); err != nil {
		return err
	}
	for _, event := range p.Pending.Events {
		if data, err = encode(event); err != nil {
			return err
		}
		b.Put(eventKey(p.Name, event.Number), data)
	}
	for _, notification := range p.Pending.Notifications {
		if data, err = encode(notification); err != nil {
			return err
		}
		event := notification.Event
		at := event.Time.UTC().Format("2006-01-02T15:04:05.000000Z")
		b.Put(store.Key{Collection: outbox, ID: fmt.Sprintf("%s/%s/%s", at, id(p.Name), plan.EventID(event.Number))}, data)
	}
	p.Pending = plan.Pending{}
	after := places(p)
	for i, key := range after {
		if len(before) > 0 && before[i] == key {
			continue
		}
		if len(before) > 0 {
			b.Delete(before[i])
		}
		b.Put(key, nil)
	}
	return nil
}

// places are where a plan stands in the indexes.
func places(p *plan.Plan) []store.Key {
	return []store.Key{
		{Collection: plansByState, ID: string(p.State) + "/" + id(p.Name)},
		{Collection: plansByReviewer, ID: string(p.State) + "/" + url.PathEscape(p.ReviewerEmail) + "/" + id(p.Name)},
	}
}

// Events lists a plan's history, oldest first, and returns the cursor of the
// next page; PLAN_NOT_FOUND. Rule L12.
func (s *Store) Events(ctx context.Context, name plan.Name, page listing.Page) ([]*plan.Event, string, error) {
	if _, err := s.Plan(ctx, name); err != nil {
		return nil, "", err
	}
	return listing.List(ctx, listing.Query[*plan.Event]{
		DB: s.db, Partitions: []store.Partition{s.of(name.Partner)}, Collection: events, Prefix: id(name) + "/", Page: page,
		Read: reader[plan.Event](events),
	})
}

// timeOf is a plan's time of a name in the API; zero for another name.
func timeOf(p *plan.Plan, field string) time.Time {
	return map[string]time.Time{"create_time": p.CreateTime, "update_time": p.UpdateTime, "submit_time": p.SubmitTime}[field]
}
