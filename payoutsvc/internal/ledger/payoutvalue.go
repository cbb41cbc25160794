package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/money"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/stored"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// usualPayout is how many bytes a payout of one or two months takes, or a little more.
const usualPayout = 192

// appendPayout appends the stored form of a payout of a plan with an id, {mpn_id}/{plan}. It fails where an amount is no int64
// of minor units.
func appendPayout(b []byte, plan string, p *payout.Payout) ([]byte, error) {
	program, err := programID(p.Program)
	if err != nil {
		return nil, err
	}
	b = slices.Grow(b, usualPayout)
	b = append(append(b, p.State...), ' ')
	b = append(p.PayDate.Append(b), ' ')
	b = append(append(b, plan...), ' ')
	b = append(append(b, program...), ' ')
	b = append(append(b, p.Amount.Currency...), ' ')
	if b, err = appendAmount(b, p.Amount); err != nil {
		return nil, err
	}
	b = append(stored.AppendTime(append(b, ' '), p.CreateTime), ' ')
	b = append(stored.AppendTime(b, p.UpdateTime), ' ')
	for i, line := range p.Lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = line.Month.Append(b)
		for _, amount := range [...]money.Money{line.Earned, line.Limit, line.Amount} {
			if b, err = appendAmount(append(b, ':'), amount); err != nil {
				return nil, err
			}
		}
	}
	b = append(b, ' ')
	b = append(strconv.AppendInt(b, int64(len(p.Reference)), 10), ' ')
	return append(append(b, p.Reference...), p.FailureReason...), nil
}

func appendAmount(b []byte, m money.Money) ([]byte, error) {
	minor, fits := m.Minor()
	if !fits {
		return nil, fault.New(fault.State, "PAYOUT_TOO_LARGE", "%s can't be held in a payout", m)
	}
	return strconv.AppendInt(b, minor, 10), nil
}

// parsePayout reads what appendPayout wrote under a key.
func parsePayout(key store.Key, value []byte) (payout.Payout, error) {
	p, err := readPayout(string(value))
	if err != nil {
		return payout.Payout{}, damaged(key, err)
	}
	return p, nil
}

func readPayout(value string) (p payout.Payout, err error) {
	const fields = 11
	part := strings.SplitN(value, " ", fields)
	if len(part) < fields {
		return p, errors.New("it has too few fields")
	}
	p.State, p.Plan, p.Program = payout.State(part[0]), planName(part[2]), "programs/"+part[3]
	if p.State != payout.Scheduled && p.State != payout.Paid && p.State != payout.Failed {
		return p, fmt.Errorf("%q is no state", part[0])
	}
	if _, _, err := splitPlan(p.Plan); err != nil {
		return p, err
	}
	if _, err := programID(p.Program); err != nil {
		return p, err
	}
	if p.PayDate, err = payout.ParsePayDate(part[1]); err != nil {
		return p, err
	}
	if !money.Known(part[4]) {
		return p, fmt.Errorf("%q is not a currency", part[4])
	}
	if p.Amount, err = readAmount(part[4], part[5]); err != nil {
		return p, err
	}
	if p.CreateTime, err = stored.ParseTime(part[6]); err != nil {
		return p, err
	}
	if p.UpdateTime, err = stored.ParseTime(part[7]); err != nil {
		return p, err
	}
	for line := range strings.SplitSeq(part[8], ",") {
		read, err := readLine(part[4], line)
		if err != nil {
			return p, err
		}
		p.Lines = append(p.Lines, read)
	}
	n, err := stored.ParseInt(part[9])
	if err == nil && (n < 0 || n > int64(len(part[10]))) {
		err = fmt.Errorf("%d is not the length of its reference", n)
	}
	if err == nil {
		p.Reference, p.FailureReason = part[10][:n], part[10][n:]
	}
	return p, err
}

// readLine reads {yyyy-mm}:{earned}:{limit}:{amount}.
func readLine(currency, text string) (line payout.Line, err error) {
	const fields = 4
	part := strings.Split(text, ":")
	if len(part) != fields {
		return line, fmt.Errorf("%q is no line", text)
	}
	if line.Month, err = payout.ParseMonth(part[0]); err != nil {
		return line, err
	}
	for i, amount := range [...]*money.Money{&line.Earned, &line.Limit, &line.Amount} {
		if *amount, err = readAmount(currency, part[i+1]); err != nil {
			return line, err
		}
	}
	return line, nil
}

func readAmount(currency, text string) (money.Money, error) {
	minor, err := stored.ParseInt(text)
	return money.FromMinor(currency, minor), err
}
