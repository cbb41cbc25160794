package ledger

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/store"
)

// A StartRequest says which run to start, and on whose behalf.
type StartRequest struct {
	RunName
	Now       time.Time
	Scheduled bool // by the scheduler: LastScheduled will tell
}

// Start creates a run, or starts it again, on whatever it has not paid. A run
// that is at work is returned as it is. Whether a run for the pay date may start
// is the caller's to ask: [payout.PayDate.CanRun]. Nothing is paid before Work.
// Rule R1.
func (l *Ledger) Start(ctx context.Context, r StartRequest) (Run, error) {
	key, err := l.runKey(r.RunName)
	if err != nil {
		return Run{}, err
	}
	var run Run
	err = store.Retry(ctx, func() (err error) {
		run, err = l.start(ctx, key, r)
		return err
	})
	if err != nil {
		return Run{}, err
	}
	return l.withProgress(ctx, key, run)
}

func (l *Ledger) start(ctx context.Context, key runKey, r StartRequest) (Run, error) {
	values, err := l.db.Get(ctx, key.partition, key.header(), key.schedule())
	if err != nil {
		return Run{}, err
	}
	last, err := parseSchedule(key.schedule(), values[1])
	if err != nil {
		return Run{}, err
	}
	if r.Scheduled && r.PayDate <= last && values[0] != nil {
		run, err := decode[Run](key.header(), values[0])
		if err != nil || !run.StartTime.After(r.Now.Add(clock.Skew)) {
			return run, err // another scheduler was faster
		}
		// It was started by a clock that was ahead, when less had been earned.
	}
	var b store.Batch
	run, err := l.startRun(ctx, &b, started{key: key, request: r, header: values[0]})
	if err != nil {
		return Run{}, err
	}
	if r.Scheduled && r.PayDate > last {
		b.Put(key.schedule(), []byte(r.PayDate.String()))
	}
	if b.Len() == 0 {
		return run, nil
	}
	b.Require(key.header(), values[0])
	b.Require(key.schedule(), values[1])
	return run, l.db.Commit(ctx, key.partition, &b)
}

type started struct {
	key     runKey
	request StartRequest
	header  []byte // as it is stored
}

// startRun returns the run as it is to be, and writes it unless it is at work already.
func (l *Ledger) startRun(ctx context.Context, b *store.Batch, s started) (Run, error) {
	now := s.request.Now.Round(0).UTC()
	run := Run{RunName: s.request.RunName, CreateTime: now}
	if s.header != nil {
		stored, err := decode[Run](s.key.header(), s.header)
		if err != nil || stored.State == Running {
			return stored, err
		}
		run.Generation, run.CreateTime = stored.Generation, stored.CreateTime
	}
	run.State, run.StartTime = Running, now
	run.Generation++
	var err error
	run.PlansTotal, err = l.countAll(ctx, markQuery{program: s.key.program, before: run.PayDate.Month()})
	if err != nil {
		return Run{}, err
	}
	value, err := json.Marshal(run)
	if err != nil {
		return Run{}, err
	}
	b.Put(s.key.header(), value)
	b.Put(s.key.unfinished(), nil)
	return run, nil
}

// countAll returns how many plans of all partitions have marks.
func (l *Ledger) countAll(ctx context.Context, q markQuery) (int64, error) {
	var count atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for p := range l.db.Partitions() {
		group.Go(func() error {
			n, err := l.countMarked(ctx, store.Partition(p), q)
			count.Add(n)
			return err
		})
	}
	err := group.Wait()
	return count.Load(), err
}

// finish makes a run of one generation Succeeded or Failed once every partition
// is done, and returns it as it is then. Otherwise it changes nothing.
func (l *Ledger) finish(ctx context.Context, key runKey, generation int, now time.Time) (Run, error) {
	progress, done, err := l.overall(ctx, key, generation)
	if err != nil {
		return Run{}, err
	}
	var run Run
	read := store.Read{Partition: key.partition, Keys: []store.Key{key.header()}}
	err = store.Update(ctx, l.db, read, func(values [][]byte, b *store.Batch) (err error) {
		run, err = decode[Run](key.header(), values[0])
		if err != nil || !done || run.State != Running || run.Generation != generation {
			return err
		}
		run.State, run.FinishTime = Succeeded, now.Round(0).UTC()
		run.addProgress(progress)
		if run.FailuresCount > 0 {
			run.State = Failed
		}
		value, err := json.Marshal(run)
		if err != nil {
			return err
		}
		b.Put(key.header(), value)
		b.Delete(key.unfinished())
		return nil
	})
	return run, err
}
