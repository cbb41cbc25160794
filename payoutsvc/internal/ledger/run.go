package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/listing"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// A RunState is where a payout run stands.
type RunState string

// The states of a payout run.
const (
	Running   RunState = "RUNNING"   // at work, or to be resumed
	Succeeded RunState = "SUCCEEDED" // every plan is done, and none failed
	Failed    RunState = "FAILED"    // every plan is done, and some failed: see Failures
)

// A RunName says which run: of one program, for one pay date.
type RunName struct {
	Program string         `json:"program"` // programs/{program}
	PayDate payout.PayDate `json:"pay_date"`
}

// A Run pays every plan of one program for one pay date. Rule R1.
type Run struct {
	RunName
	State RunState `json:"state"`
	// Generation is how often it was started, from 1.
	Generation int `json:"generation"`
	// PlansTotal is how many plans have months that may have something due, as
	// counted when it was last started, and more where more have turned up since.
	PlansTotal int64     `json:"plans_total"`
	CreateTime time.Time `json:"create_time"`          // when it was first started
	StartTime  time.Time `json:"start_time"`           // when it was last started
	FinishTime time.Time `json:"finish_time,omitzero"` // zero while it is Running
	Progress
}

// Run returns a run and how far it is, or PAYOUT_RUN_NOT_FOUND. Rule R5.
func (l *Ledger) Run(ctx context.Context, name RunName) (Run, error) {
	key, err := l.runKey(name)
	if err != nil {
		return Run{}, err
	}
	run, err := l.header(ctx, key)
	if err != nil {
		return Run{}, err
	}
	if run == nil {
		return Run{}, fault.New(fault.NotFound, "PAYOUT_RUN_NOT_FOUND", "%s has no payout run for %s", name.Program, name.PayDate).
			With("program", name.Program).With("payDate", name.PayDate.String())
	}
	return l.withProgress(ctx, key, *run)
}

// header returns a run as it is stored, without the progress of one that is Running; nil where there is none.
func (l *Ledger) header(ctx context.Context, key runKey) (*Run, error) {
	values, err := l.db.Get(ctx, key.partition, key.header())
	if err != nil || values[0] == nil {
		return nil, err
	}
	run, err := decode[Run](key.header(), values[0])
	return &run, err
}

// withProgress fills in how far a run is that is Running. A finished one knows.
func (l *Ledger) withProgress(ctx context.Context, key runKey, run Run) (Run, error) {
	if run.State != Running {
		return run, nil
	}
	progress, _, err := l.overall(ctx, key, run.Generation)
	run.addProgress(progress)
	return run, err
}

func (r *Run) addProgress(p Progress) {
	r.Progress = p
	r.PlansTotal = max(r.PlansTotal, p.PlansDone)
}

// A RunsQuery says which program's runs to list.
type RunsQuery struct {
	Program string // programs/{program}
	Page    listing.Page
}

// Runs lists a program's runs by pay date, and returns the cursor that the page
// ended at, "" where the list has ended. See [listing.List].
func (l *Ledger) Runs(ctx context.Context, q RunsQuery) (page []Run, after string, err error) {
	program, err := programID(q.Program)
	if err != nil {
		return nil, "", err
	}
	page, after, err = listing.List(ctx, listing.Query[Run]{
		DB: l.db, Partitions: []store.Partition{l.partitionOf(q.Program)},
		Collection: collectionRuns, Prefix: program + "/", Page: q.Page,
		Read: func(entry store.Entry) (Run, bool, error) {
			run, err := decode[Run](store.Key{Collection: collectionRuns, ID: entry.ID}, entry.Value)
			return run, true, err
		},
	})
	for i := 0; i < len(page) && err == nil; i++ {
		var key runKey
		if key, err = l.runKey(page[i].RunName); err == nil {
			page[i], err = l.withProgress(ctx, key, page[i])
		}
	}
	return page, after, err
}

// Unfinished returns the runs that are to be resumed when the service starts:
// those that are Running. They are in the order of pay dates, as they have to be worked.
// Ids that can't be read hold up no other run: damaged names each.
func (l *Ledger) Unfinished(ctx context.Context) (names []RunName, damaged []error, err error) {
	const atOnce = 1000
	page := listing.Page{Size: atOnce}
	for {
		part, after, err := listing.List(ctx, listing.Query[RunName]{
			DB: l.db, Partitions: listing.All(l.db), Collection: collectionRunsUnfinished, Page: page,
			Read: func(entry store.Entry) (RunName, bool, error) {
				name, err := parseRunID(store.Key{Collection: collectionRunsUnfinished, ID: entry.ID})
				if err != nil {
					damaged = append(damaged, err)
				}
				return name, err == nil, nil
			},
		})
		names = append(names, part...)
		if err != nil || after == "" {
			slices.SortStableFunc(names, func(a, b RunName) int { return cmp.Compare(a.PayDate, b.PayDate) })
			return names, damaged, err
		}
		page.After = after
	}
}

// parseRunID reads a run's name from the id of a key of it.
func parseRunID(key store.Key) (RunName, error) {
	program, date, _ := strings.Cut(key.ID, "/")
	d, err := payout.ParsePayDate(date)
	if err != nil {
		return RunName{}, fmt.Errorf("the id of %s %q is damaged: %w", key.Collection, key.ID, err)
	}
	return RunName{Program: "programs/" + program, PayDate: d}, nil
}

// LastScheduled returns the newest pay date that the scheduler has started a
// program's run for, zero where there is none. See [payout.Missed].
func (l *Ledger) LastScheduled(ctx context.Context, program string) (payout.PayDate, error) {
	key, err := l.runKey(RunName{Program: program})
	if err != nil {
		return 0, err
	}
	values, err := l.db.Get(ctx, key.partition, key.schedule())
	if err != nil {
		return 0, err
	}
	return parseSchedule(key.schedule(), values[0])
}

func parseSchedule(key store.Key, value []byte) (payout.PayDate, error) {
	if value == nil {
		return 0, nil
	}
	d, err := payout.ParsePayDate(string(value))
	if err != nil {
		return 0, damaged(key, err)
	}
	return d, nil
}
