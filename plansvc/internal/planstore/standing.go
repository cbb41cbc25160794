package planstore

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/stored"
	"github.com/incentives-dev/incentives/plansvc/internal/plan"
)

// appendStanding appends the stored form of a standing, but for its plan's name, which its key says. A run reads one for every
// plan, so it is no JSON.
func appendStanding(b []byte, s *plan.Standing) ([]byte, error) {
	b = append(append(b, s.State...), ' ')
	b = append(append(b, s.CurrencyCode...), ' ')
	if t := s.FirstSubmitTime; !t.IsZero() {
		b = stored.AppendTime(b, t)
	}
	for _, limit := range s.Limits {
		minor, fits := limit.Amount.Minor()
		if !fits || limit.Amount.Currency != s.CurrencyCode {
			return nil, fmt.Errorf("%s can't be a limit of %s", limit.Amount, s.Name)
		}
		b = append(append(b, ' '), limit.EffectiveMonth.String()...)
		b = strconv.AppendInt(append(b, ':'), minor, 10)
	}
	return b, nil
}

// parseStanding reads what appendStanding wrote for a plan.
func parseStanding(name plan.Name, value []byte) (*plan.Standing, error) {
	s, err := readStanding(name, string(value))
	if err != nil {
		key := standingKey(name)
		return nil, fmt.Errorf("decode %s %q: %w", key.Collection, key.ID, err)
	}
	return s, nil
}

func readStanding(name plan.Name, value string) (*plan.Standing, error) {
	state, rest, ok := strings.Cut(value, " ")
	currency, rest, too := strings.Cut(rest, " ")
	submitted, limits, limited := strings.Cut(rest, " ")
	if !ok || !too {
		return nil, errors.New("it has too few fields")
	}
	if !plan.State(state).Known() {
		return nil, fmt.Errorf("%q is no state", state)
	}
	if (currency != "" || limited) && !money.Known(currency) {
		return nil, fmt.Errorf("%q is not a currency", currency)
	}
	s := &plan.Standing{Name: name, State: plan.State(state), CurrencyCode: currency}
	var err error
	if submitted != "" {
		if s.FirstSubmitTime, err = stored.ParseTime(submitted); err != nil {
			return nil, err
		}
		if s.FirstSubmitTime.IsZero() {
			return nil, fmt.Errorf("%q stands for no time", submitted)
		}
	}
	for limited {
		var limit string
		limit, limits, limited = strings.Cut(limits, " ")
		month, amount, _ := strings.Cut(limit, ":")
		minor, err := stored.ParseInt(amount)
		if err != nil {
			return nil, err
		}
		effective, err := plan.ParseMonth(month)
		if err != nil {
			return nil, err
		}
		s.Limits = append(s.Limits, plan.Limit{EffectiveMonth: effective, Amount: money.FromMinor(currency, minor)})
	}
	return s, nil
}

func putStanding(b *store.Batch, p *plan.Plan) error {
	value, err := appendStanding(nil, p.Standing())
	if err == nil {
		b.Put(standingKey(p.Name), value)
	}
	return err
}
