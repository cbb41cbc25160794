package payout

import "github.com/incentives-dev/incentives/internal/money"

// Totals are what one month of a plan has earned, and what payouts hold for it.
type Totals struct {
	Month  Month
	Earned money.Money
	Paid   money.Money
}

// A Statement says where one earned month of a plan stands.
type Statement struct {
	Month    Month
	Earned   money.Money
	Limit    money.Money // in force in the month
	Payable  money.Money // min(max(Earned, 0), Limit). Rule C2
	Withheld money.Money // max(Earned, 0) − Payable: over the limit, not carried over. Rule C2
	Paid     money.Money
	Due      money.Money // Payable − Paid, negative where more was paid. Rule C4
}

// Statement works out where a month stands under t. Nothing is rounded. Rules C2, C4, C6.
func (t *Terms) Statement(totals Totals) Statement {
	earned, limit := totals.Earned, t.Limit(totals.Month)
	counted := earned
	if earned.Sign() < 0 {
		counted = money.Zero(t.Currency)
	}
	payable := counted
	if limit.Cmp(counted) < 0 {
		payable = limit
	}
	return Statement{
		Month:    totals.Month,
		Earned:   earned,
		Limit:    limit,
		Payable:  payable,
		Withheld: counted.Sub(payable),
		Paid:     totals.Paid,
		Due:      payable.Sub(totals.Paid),
	}
}
