package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A model is the payment rules for one plan, in cents, in as few lines as they can be said in.
type model struct {
	earned, paid, limit map[payout.Month]int64 // limit: in force; zero before the approval
	payouts             map[payout.PayDate]int64
}

func (m model) payable(at payout.Month) int64 { return min(max(m.earned[at], 0), m.limit[at]) }

func (m model) due(d payout.PayDate) (sum int64) {
	for at := range m.earned {
		if at < d.Month() {
			sum += m.payable(at) - m.paid[at]
		}
	}
	return sum
}

func (m model) pay(d payout.PayDate) {
	m.payouts[d] = m.due(d)
	for at := range m.earned {
		if at < d.Month() {
			m.paid[at] = m.payable(at)
		}
	}
}

const firstMonth, lastMonth = "2025-07", "2026-06"

// A machine is a world whose every move is made in models, too.
type machine struct {
	*world
	models  map[string]model // by plan
	sent    []sent
	current payout.Month
}

// A sent earning is one that was taken.
type sent struct {
	plan, id string
	earned   payout.Month
	cents    int64
}

// Whatever is earned, reversed, approved, raised, run and stopped, in whatever
// order: no month is paid above its limit, nothing is paid twice, and all that
// is payable is paid once everything due is positive. Rules C2, C3, C4, C5, E1, E2, R2.
func TestC2_C3_C4_C5_E1_E2_R2_RandomOrder(t *testing.T) {
	onEach(t, func(t *testing.T, db store.DB) {
		var programs atomic.Int64
		rapid.Check(t, func(r *rapid.T) {
			m := &machine{world: newWorld(r, db, fmt.Sprint("azure-", programs.Add(1))), models: map[string]model{}}
			for _, partner := range []string{"a", "b", "c"} {
				m.models[m.plan(partner, 0)] = model{
					map[payout.Month]int64{}, map[payout.Month]int64{}, map[payout.Month]int64{}, map[payout.PayDate]int64{},
				}
			}
			m.goTo(month(firstMonth) + payout.Month(rapid.IntRange(0, 16).Draw(r, "month to begin with")))
			moves := map[string]func(*rapid.T){
				"earn": m.earnSome, "approve": m.approveOne, "change limit": m.changeLimit, "run": m.runOne,
				"a month goes":        func(*rapid.T) { m.goTo(m.current + 1) },
				"a plan lapses":       m.lapseOne,
				"the program changes": m.changeProgram,
			}
			// Not Repeat, which makes many more moves, and each waits for the disk.
			for range rapid.IntRange(3, 12).Draw(r, "moves") {
				moves[rapid.SampledFrom([]string{
					"earn", "earn", "run", "run", "approve", "change limit", "a month goes", "a month goes", "a plan lapses", "the program changes",
				}).Draw(r, "move")](r)
				m.check()
			}
			m.goTo(max(m.current+1, month(lastMonth)+3))
			m.complete(payout.PayDate(m.current))
			m.check()
			for plan, model := range m.models {
				negative := false
				for at := range model.earned {
					negative = negative || model.payable(at) < model.paid[at]
				}
				for at := range model.earned {
					if _, paid := m.total(plan, at.String()); !negative && paid != model.payable(at) {
						r.Errorf("%s: in the end %s was paid %d, and %d is payable", short(plan), at, paid, model.payable(at))
					}
				}
			}
		})
	})
}

// goTo is when most of a month is over.
func (m *machine) goTo(current payout.Month) {
	m.current, m.now = current, current.Start(losAngeles).AddDate(0, 0, 20)
}

func (m *machine) anyPlan(r *rapid.T) string {
	return rapid.SampledFrom(m.plans.names()).Draw(r, "plan")
}

// lapseOne ends what a plan that is not approved can be approved by.
func (m *machine) lapseOne(r *rapid.T) {
	terms := m.plans.get(m.anyPlan(r))
	terms.Lapsed = !terms.Approved
	m.plans.set(terms)
}

// changeProgram gives partners another month to submit plans again, and to record earnings.
func (m *machine) changeProgram(*rapid.T) {
	m.plans.changeProgram(func(terms *payout.Terms) { terms.Lapsed, terms.LateUntil = false, terms.LateUntil.AddDate(0, 1, 0) })
}

// earnSome records a batch, whose first commit may fail, until it is acknowledged.
// Where the year is closed, the batch was admitted before.
func (m *machine) earnSome(r *rapid.T) {
	var batch []ledger.Entry
	var want []string
	admitted := m.now
	if until := m.plans.get(m.anyPlan(r)).LateUntil; !admitted.Before(until) {
		admitted = until.Add(-1)
	}
	for range rapid.IntRange(1, 4).Draw(r, "earnings") {
		one, last := sent{plan: m.anyPlan(r)}, min(m.current, month(lastMonth))
		one.id = fmt.Sprint(rapid.IntRange(1, 60).Draw(r, "id"))
		one.earned = payout.Month(rapid.IntRange(int(month(firstMonth)), int(last)).Draw(r, "earned"))
		one.cents = rapid.Int64Range(-150_00, 150_00).Filter(func(n int64) bool { return n != 0 }).Draw(r, "cents")
		if len(m.sent) > 0 && rapid.IntRange(0, 3).Draw(r, "again") == 0 {
			one = rapid.SampledFrom(m.sent).Draw(r, "earning")
		}
		entry := m.entry(one.plan, one.id, one.earned.String(), one.cents)
		switch i := slices.IndexFunc(m.sent, func(s sent) bool { return s.plan == one.plan && s.id == one.id }); {
		case i < 0:
			want = append(want, "recorded")
			m.sent = append(m.sent, one)
			m.models[one.plan].earned[one.earned] += one.cents
		case m.sent[i] == one:
			want = append(want, "duplicate")
		default:
			want = append(want, "EARNING_ID_REUSED")
		}
		batch = append(batch, entry)
	}
	lossy := rapid.SampledFrom([]func(call) error{nil, unheard, func(call) error { return store.ErrUnavailable }}).Draw(r, "fails")
	if lossy != nil {
		_ = ledger.New(&tap{DB: m.db, through: func(c call) error {
			if c.operation == commit {
				return lossy(c)
			}
			return c.do()
		}}).Record(r.Context(), admitted, batch) // not acknowledged, so sent again
	}
	for i, word := range said(ledger.New(m.db).Record(r.Context(), admitted, batch)) {
		if word != want[i] && (lossy == nil || word != "duplicate" || want[i] != "recorded") {
			r.Errorf("earning %d is %s, want %s", i, word, want[i])
		}
	}
}

func (m *machine) approveOne(r *rapid.T) {
	terms := m.plans.get(m.anyPlan(r))
	if terms.Approved || terms.Lapsed {
		return
	}
	terms.Approved = true
	m.setLimit(r, terms, month(firstMonth))
}

// changeLimit changes the limit of months that have not begun. Rule L11.
func (m *machine) changeLimit(r *rapid.T) {
	if terms := m.plans.get(m.anyPlan(r)); terms.Approved && m.current < month(lastMonth) {
		m.setLimit(r, terms, m.current+1)
	}
}

func (m *machine) setLimit(r *rapid.T, terms payout.Terms, from payout.Month) {
	cents := rapid.Int64Range(1, 200_00).Draw(r, "limit")
	terms.Limits = append(slices.Clone(terms.Limits), payout.Limit{Effective: from, Amount: usd(cents)})
	m.plans.set(terms)
	for at := from; at <= month(lastMonth); at++ {
		m.models[terms.Plan].limit[at] = cents
	}
}

// runOne runs one pay date, and may have an accident; then it is resumed, or left as it is.
func (m *machine) runOne(r *rapid.T) {
	d := payout.PayDate(m.current - payout.Month(rapid.IntRange(0, 2).Draw(r, "months ago")))
	one := rapid.SampledFrom(accidents).Draw(r, "accident")
	k := rapid.IntRange(0, 50).Draw(r, "at call") // 0 is never
	ctx, end := context.WithCancel(r.Context())
	defer end()
	_ = m.attempt(ctx, &tap{DB: m.db, through: func(c call) error {
		if nth := c.nthOfAll; one.at == "" && nth == k || c.operation == one.at && c.nth == k {
			return one.happen(c, end)
		}
		return c.do()
	}}, d.String(), one.survived)
	m.follow(d)
	if rapid.Bool().Draw(r, "resumed") {
		m.complete(d)
	}
}

// complete runs a pay date to its end, and once more where something has come up
// behind a run that was stopped.
func (m *machine) complete(d payout.PayDate) {
	for range 2 {
		m.run(d.String())
		m.follow(d)
		if m.unpaid(d) == "" {
			return
		}
	}
	m.Errorf("%s has something due, and no payout on %s", short(m.unpaid(d)), d)
}

// unpaid is a plan with something due and no payout on a pay date, "" where there is none.
func (m *machine) unpaid(d payout.PayDate) string {
	for plan, model := range m.models {
		if _, paid := model.payouts[d]; !paid && model.due(d) > 0 {
			return plan
		}
	}
	return ""
}

// follow pays in the models what was paid. Nothing else has happened since the run began, so each amount is known.
func (m *machine) follow(d payout.PayDate) {
	for plan, model := range m.models {
		p, err := m.ledger.Payout(m.Context(), plan, d)
		before, paid := model.payouts[d]
		switch {
		case fault.ReasonOf(err) == "PAYOUT_NOT_FOUND" && !paid:
			continue
		case err != nil:
			m.Fatalf("the payout of %s on %s: %v", short(plan), d, err)
		case !paid:
			before = model.due(d)
			model.pay(d)
		}
		if !p.Amount.Equal(usd(before)) || before <= 0 {
			m.Errorf("%s is paid %s on %s, and the model pays %s", short(plan), p.Amount, d, usd(before))
		}
	}
}

// check holds the books against the models.
func (m *machine) check() {
	marks := append(m.marks(), m.shelved()...)
	for plan, model := range m.models {
		held := map[payout.Month]int64{}
		for _, p := range m.payoutsOf(plan) {
			for _, line := range p.Lines {
				cents, _ := line.Amount.Minor()
				held[line.Month] += cents
			}
		}
		terms := m.plans.get(plan)
		totals, err := m.ledger.AllTotals(m.Context(), &terms)
		if err != nil {
			m.Fatalf("totals of %s: %v", short(plan), err)
		}
		earned := map[payout.Month]int64{}
		for _, total := range totals {
			at := total.Month
			earned[at], _ = total.Earned.Minor()
			paid, _ := total.Paid.Minor()
			if paid != model.paid[at] || paid != held[at] || paid > model.limit[at] || paid < 0 {
				m.Errorf("%s of %s was paid %d; its payouts hold %d, the model has paid %d, the limit is %d",
					at, short(plan), paid, held[at], model.paid[at], model.limit[at])
			}
			mark := fmt.Sprintf("mark %s of %s", at, short(plan))
			if (!terms.Approved || paid != model.payable(at)) && !slices.Contains(marks, mark) {
				m.Errorf("%s of %s has something due, or to be approved, and no mark", at, short(plan))
			}
		}
		if diff := cmp.Diff(model.earned, earned); diff != "" {
			m.Errorf("%s earned (-want +got):\n%s", short(plan), diff)
		}
	}
}
