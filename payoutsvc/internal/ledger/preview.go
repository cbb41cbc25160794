package ledger

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A PreviewQuery says which run to preview.
type PreviewQuery struct {
	RunName
	Plan string // the one plan to preview, partners/{mpn_id}/plans/{plan}; empty for every plan of the program
	Now  time.Time
	Page listing.Page // of so many plans to look at: a page can have fewer payouts
}

// A Preview is a page of what a run would do.
type Preview struct {
	Payouts  []payout.Payout
	Failures []Failure
	After    string // the cursor that the page ended at, "" where the preview has ended
}

// Preview computes what a run would pay if it were started now, and writes
// nothing. The plans come partition by partition, as a run takes them, and the
// caller is charged for them as for what lists look at. It fails where the terms
// of plans can't be had at all. Rule R4.
func (l *Ledger) Preview(ctx context.Context, terms Terms, q PreviewQuery) (Preview, error) {
	program, err := programID(q.Program)
	if err != nil {
		return Preview{}, err
	}
	v := previewing{ledger: l, terms: terms, now: q.Now, date: q.PayDate, left: q.Page.Size}
	v.marks = markQuery{program: program, before: q.PayDate.Month(), shelved: true}
	if q.Plan != "" {
		return v.one(ctx, q.Plan)
	}
	if err := v.resume(q.Page.After); err != nil {
		return Preview{}, err
	}
	for int(v.partition) < l.db.Partitions() && v.left > 0 {
		if err := v.step(ctx); err != nil {
			return Preview{}, err
		}
	}
	if int(v.partition) < l.db.Partitions() {
		v.result.After = fmt.Sprintf("%d/%s", v.partition, v.marks.after)
	}
	return v.result, nil
}

// A previewing is one call of Preview.
type previewing struct {
	ledger    *Ledger
	terms     Terms
	now       time.Time
	date      payout.PayDate
	partition store.Partition // that it is in
	marks     markQuery       // after the plans that it has looked at
	left      int             // how many plans it may still look at
	result    Preview
}

// resume goes to where the page before ended.
func (v *previewing) resume(after string) error {
	if after == "" {
		return nil
	}
	number, plan, _ := strings.Cut(after, "/")
	p, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		var violations fault.Violations
		violations.Add("page_token", "PAGE_TOKEN_INVALID", "is not the next_page_token of a preview")
		return violations.Err()
	}
	v.partition, v.marks.after = store.Partition(p), plan
	return nil
}

// one looks at one plan.
func (v *previewing) one(ctx context.Context, plan string) (Preview, error) {
	at, err := v.ledger.planKey(plan)
	if err != nil {
		return Preview{}, err
	}
	v.partition = at.partition
	plans, err := v.ledger.markedOne(ctx, at, v.marks)
	if err != nil {
		return Preview{}, err
	}
	err = v.look(ctx, plans)
	return v.result, err
}

// step looks at the next plans of the partition, and goes on to the next one after the last.
func (v *previewing) step(ctx context.Context) error {
	v.marks.limit = min(v.left, pageSize)
	scan := limit.ScanOf(ctx)
	if err := scan.Look(ctx); err != nil { // a partition that has nothing is read, too
		return err
	}
	if err := scan.Reserve(ctx, v.marks.limit); err != nil {
		return err
	}
	plans, err := v.ledger.nextMarked(ctx, v.partition, v.marks)
	if err != nil {
		return err
	}
	if err := v.look(ctx, plans); err != nil {
		return err
	}
	if len(plans) < v.marks.limit {
		v.partition++
		v.marks.after = ""
		return nil
	}
	v.marks.after = plans[len(plans)-1].plan
	return nil
}

func (v *previewing) look(ctx context.Context, plans []marked) error {
	if len(plans) == 0 {
		return nil
	}
	v.left -= len(plans)
	for range plans {
		if err := limit.ScanOf(ctx).Look(ctx); err != nil {
			return err
		}
	}
	results, err := v.ledger.settlePage(ctx, v.terms, page{partition: v.partition, date: v.date, plans: plans, now: v.now})
	if err != nil {
		return err
	}
	for i := range results {
		if p := results[i].Payout; p != nil {
			v.result.Payouts = append(v.result.Payouts, *p)
		}
		if f := results[i].failure; f != nil {
			v.result.Failures = append(v.result.Failures, *f)
		}
	}
	return nil
}
