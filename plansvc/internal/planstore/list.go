package planstore

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// Schema is what a list of plans can be filtered by.
func Schema() listing.Schema {
	return listing.Schema{
		"program": {}, "fund_type": {}, "program_year": {}, "display_name": {}, "market": {}, "currency_code": {}, "reviewer_email": {},
		"state": {Values: []string{
			string(plan.Editing), string(plan.Submitted), string(plan.UnderReview), string(plan.Approved), string(plan.ActionRequired), string(plan.Rejected),
		}},
		"create_time": {Time: true}, "update_time": {Time: true}, "submit_time": {Time: true},
	}
}

// Orders are what a list of plans can be ordered by, the default first.
func Orders() []string { return []string{"name", "create_time", "update_time", "submit_time"} }

// A Query is one page of a list of plans.
type Query struct {
	Partner string // "" for all
	Filter  listing.Filter
	Order   listing.Order
	Page    listing.Page
}

// List lists plans, and returns the cursor of the next page. A plan that is there
// and matches from the first page to the last is listed exactly once, but for one
// whose place moves meanwhile: by update_time or submit_time, what is changed
// between two pages can be listed again, or in a descending order not at all.
//
// By name it costs what the page holds: a partner's plans lie together, and a
// filter that demands a state, or a state and a reviewer, is answered from an
// index. By a time it reads all the plans that the partner or the index
// selects, since any of them can be the first, and keeps one page of them. How
// many it looks at is bounded by its caller's rate and its deadline: internal/limit.
func (s *Store) List(ctx context.Context, q Query) ([]*plan.Plan, string, error) {
	if q.Order.Field == "name" && !q.Order.Desc {
		return s.byName(ctx, q, q.Page)
	}
	return s.ordered(ctx, q)
}

// byName lists a page by name, from the collection or the index that selects the least.
func (s *Store) byName(ctx context.Context, q Query, page listing.Page) ([]*plan.Plan, string, error) {
	state, byState := q.Filter.Equals("state")
	if q.Partner != "" || !byState {
		l := listing.Query[*plan.Plan]{DB: s.db, Collection: plans, Page: page}
		l.Partitions, l.Prefix = s.scope(q.Partner)
		l.Read = func(e store.Entry) (*plan.Plan, bool, error) {
			p, err := decode[plan.Plan](store.Key{Collection: plans, ID: e.ID}, e.Value)
			return p, err == nil && q.Filter.Match(valuesOf(p)), err
		}
		return listing.List(ctx, l)
	}
	collection, prefix := plansByState, state+"/"
	if reviewer, ok := q.Filter.Equals("reviewer_email"); ok {
		collection, prefix = plansByReviewer, prefix+url.PathEscape(reviewer)+"/"
	}
	return s.byIndex(ctx, q, page, collection, prefix)
}

func (s *Store) byIndex(ctx context.Context, q Query, page listing.Page, collection, prefix string) ([]*plan.Plan, string, error) {
	l := listing.Query[plan.Name]{DB: s.db, Partitions: listing.All(s.db), Collection: collection, Prefix: prefix, Page: page}
	l.Read = func(e store.Entry) (plan.Name, bool, error) {
		partner, planID, _ := strings.Cut(strings.TrimPrefix(e.ID, prefix), "/")
		name, err := plan.NameOf(partner, planID)
		return name, true, err
	}
	if page.After != "" {
		l.Page.After = prefix + page.After
	}
	found, after, err := listing.ByIndex(ctx, l, func(names []plan.Name) ([]listing.Found[*plan.Plan], error) {
		found, err := getAll(ctx, s, names, planKey, func(name plan.Name, value []byte) (*listing.Found[*plan.Plan], error) {
			p, err := decode[plan.Plan](planKey(name), value)
			return &listing.Found[*plan.Plan]{Item: p, Bytes: len(value), Keep: err == nil && q.Filter.Match(valuesOf(p))}, err
		})
		all := make([]listing.Found[*plan.Plan], len(found))
		for i, f := range found {
			if f != nil {
				all[i] = *f
			}
		}
		return all, err
	})
	return found, strings.TrimPrefix(after, prefix), err
}

// ordered lists a page by another order: of all that follow the cursor, the first.
func (s *Store) ordered(ctx context.Context, q Query) ([]*plan.Plan, string, error) {
	var first []*plan.Plan
	for scan := (listing.Page{Size: scanSize}); ; {
		candidates, after, err := s.byName(ctx, q, scan)
		if err != nil {
			return nil, "", err
		}
		for _, p := range candidates {
			if q.Page.After == "" || compareKeys(orderKey(p, q.Order), q.Page.After, q.Order) > 0 {
				first = append(first, p)
			}
		}
		slices.SortFunc(first, func(a, b *plan.Plan) int { return compareKeys(orderKey(a, q.Order), orderKey(b, q.Order), q.Order) })
		first = first[:min(len(first), q.Page.Size+1)]
		if scan.After = after; after == "" {
			break
		}
	}
	if len(first) <= q.Page.Size {
		return first, "", nil
	}
	first = first[:q.Page.Size]
	return first, orderKey(first[len(first)-1], q.Order), nil
}

// scanSize is how many plans are read at once to be put in order.
const scanSize = 1000

// orderKey places a plan: its time, with leading zeros, then its name.
func orderKey(p *plan.Plan, o listing.Order) string {
	return timeOf(p, o.Field).UTC().Format("2006-01-02T15:04:05.000000000Z") + "/" + id(p.Name)
}

// compareKeys compares places: times in the order's direction, names forward.
func compareKeys(a, b string, o listing.Order) int {
	timeA, nameA, _ := strings.Cut(a, "/")
	timeB, nameB, _ := strings.Cut(b, "/")
	byTime, byName := strings.Compare(timeA, timeB), strings.Compare(nameA, nameB)
	if o.Desc {
		byTime = -byTime
		if o.Field == "name" {
			byName = -byName
		}
	}
	if byTime != 0 {
		return byTime
	}
	return byName
}

// valuesOf is what a filter sees of a plan.
func valuesOf(p *plan.Plan) listing.Values {
	return func(field string) any {
		switch field {
		case "program":
			return "programs/" + p.Name.Program
		case "fund_type":
			return p.Name.FundType
		case "program_year":
			return p.Name.ProgramYear
		case "display_name":
			return p.DisplayName
		case "market":
			return p.Market
		case "currency_code":
			return p.CurrencyCode
		case "reviewer_email":
			return p.ReviewerEmail
		case "state":
			return string(p.State)
		}
		return timeOf(p, field)
	}
}
