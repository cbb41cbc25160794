package terms

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/type/date"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

// Unreadable is the reason of an error that means: plansvc says what this
// payoutsvc does not know. It goes by when both are of one version again.
const Unreadable = "TERMS_UNREADABLE"

// answer is what plansvc said of one plan.
func (c *Client) answer(wire *planv1.PlanTerms) ledger.PlanTerms {
	terms, err := c.terms(wire)
	if err != nil {
		return ledger.PlanTerms{Err: fault.New(fault.Unavailable, Unreadable, "the terms of %s cannot be understood: %v", wire.GetPlan(), err).
			With("plan", wire.GetPlan())}
	}
	return ledger.PlanTerms{Terms: terms}
}

// terms reads PlanTerms. An error means that plansvc says what this payoutsvc
// does not know, such as a time zone that is missing on this machine.
func (c *Client) terms(wire *planv1.PlanTerms) (payout.Terms, error) {
	zone, err := c.zone(wire.GetTimeZone())
	if err != nil {
		return payout.Terms{}, err
	}
	terms, err := c.year(wire, zone)
	if err != nil {
		return payout.Terms{}, err
	}
	terms.Plan, terms.Program, terms.Currency = wire.GetPlan(), wire.GetProgram(), wire.GetCurrencyCode()
	terms.Submitted, terms.Approved = wire.GetFirstSubmitTime() != nil, wire.GetState() == planv1.Plan_APPROVED
	terms.Lapsed = wire.GetLapsed()
	// A draft may have no currency yet.
	if terms.Submitted && !money.Known(terms.Currency) {
		return payout.Terms{}, fmt.Errorf("its currency %q is not known", terms.Currency)
	}
	terms.Limits, err = limits(wire.GetLimits(), terms.Currency)
	return terms, err
}

// A yearKey is what the moments of a program year follow from.
type yearKey struct {
	zone        string
	first, last [3]int32 // year, month and day
	lateDays    int32
	resubmitIn  int32 // days
}

// year returns what of a plan's terms follows from its program year, which is worked out once: many plans share one.
func (c *Client) year(wire *planv1.PlanTerms, zone *time.Location) (payout.Terms, error) {
	start, end := wire.GetStartDate(), wire.GetEndDate()
	key := yearKey{
		zone:  wire.GetTimeZone(),
		first: [3]int32{start.GetYear(), start.GetMonth(), start.GetDay()}, last: [3]int32{end.GetYear(), end.GetMonth(), end.GetDay()},
		lateDays: wire.GetLateEarningDays(), resubmitIn: wire.GetResubmissionDays(),
	}
	if terms, ok := c.years.Get(key); ok {
		return terms, nil
	}
	first, last := day(start, zone), day(end, zone)
	if first.IsZero() || last.Before(first) {
		return payout.Terms{}, fmt.Errorf("its program year has no days")
	}
	terms := payout.Terms{Zone: zone, Windows: windows(key.resubmitIn, key.lateDays)}
	terms.YearTerms(first, last, int(key.lateDays))
	c.years.Add(key, terms)
	return terms, nil
}

// limits reads the approved limits, oldest first, each in the plan's currency.
func limits(wire []*planv1.Plan_Limit, currency string) ([]payout.Limit, error) {
	var limits []payout.Limit
	for i, l := range wire {
		var v fault.Violations
		limit := payout.Limit{Amount: money.FromWire(&v, "limit", l.GetAmount())}
		if err := v.Err(); err != nil {
			return nil, err
		}
		if limit.Amount.Currency != currency || limit.Amount.Sign() < 0 {
			return nil, fmt.Errorf("its limit %s is not an amount of %s to be paid", limit.Amount, currency)
		}
		if err := limit.Effective.UnmarshalText([]byte(l.GetEffectiveMonth())); err != nil {
			return nil, err
		}
		if i > 0 && limit.Effective < limits[i-1].Effective {
			return nil, fmt.Errorf("its limits are not in order")
		}
		limits = append(limits, limit)
	}
	return limits, nil
}

// day is noon of a date, a moment that every day has in every time zone; zero where d is not a full date.
func day(d *date.Date, zone *time.Location) time.Time {
	if d.GetYear() == 0 || d.GetMonth() == 0 || d.GetDay() == 0 {
		return time.Time{}
	}
	return time.Date(int(d.GetYear()), time.Month(d.GetMonth()), int(d.GetDay()), 12, 0, 0, 0, zone)
}

// zone is the time zone with an IANA name, read once.
func (c *Client) zone(name string) (*time.Location, error) {
	if zone, ok := c.zones.Get(name); ok {
		return zone, nil
	}
	// LoadLocation knows names that are no time zone, but this machine's own.
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q is not a time zone", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the time zone %q is not known on this machine", name)
	}
	c.zones.Add(name, zone)
	return zone, nil
}
