package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/store"
)

const (
	// parallelReads is how many partitions are read at once to answer for all of them.
	parallelReads = 8
	// parallelPartitions is how many partitions a run works at once. More of them make a run on Pebble dearer, since what
	// it writes then lies further apart.
	parallelPartitions = 4
	// fewPlans is how many plans of a run are so few that it mostly waits, for the disk and for plansvc: it works more partitions at once.
	fewPlans              = 10_000
	parallelFewPartitions = 16
	// pageSize is how many plans are settled in one commit: as many as plansvc tells the terms of in one call.
	pageSize = 1000
	// conflictsPerSize is after how many conflicts in a row a page gets smaller,
	// so that a run comes through beside any amount of recording.
	conflictsPerSize = 3
)

// How long a run waits after a conflict (Step), for something that is out (Pause), and for another worker (held).
const (
	firstStep   = time.Millisecond
	longestStep = 64 * time.Millisecond

	firstPause   = 100 * time.Millisecond
	longestPause = 15 * time.Second

	heldPause = 250 * time.Millisecond
)

// A Worker works payout runs to their end. Several of them, also of several
// processes, may work one run at once; they share it out by partitions. Rule R2.
type Worker struct {
	// Name is unique among workers of a store. It is empty where there is only
	// one: then nothing that a dead process held has to time out.
	Name   string
	Ledger *Ledger
	Terms  Terms
	Clock  clock.Clock
	// Wait returns after a duration, or with the context's error when that is done earlier.
	Wait func(context.Context, time.Duration) error
	Log  *slog.Logger
}

// Work works a run that was started, from wherever it was left, until every
// plan is done, and returns it finished. Where plans' terms or the store are
// out, it waits and tries again. It ends early when ctx is done, with the
// context's error; the run goes on when it is worked again. Rules R2, R3.
func (w *Worker) Work(ctx context.Context, name RunName) (Run, error) {
	key, err := w.Ledger.runKey(name)
	if err != nil {
		return Run{}, err
	}
	var run Run
	err = w.patiently(ctx, name, func() (err error) {
		run, err = w.Ledger.Run(ctx, name)
		return err
	})
	// More than once only where somebody has started it again meanwhile.
	for err == nil && run.State == Running {
		if err = w.workAll(ctx, key, run); err != nil {
			break
		}
		err = w.patiently(ctx, name, func() (err error) {
			run, err = w.Ledger.finish(ctx, key, run.Generation, w.Clock())
			return err
		})
	}
	return run, err
}

// workAll works all partitions. Those that another worker is at are left to it,
// and looked at again until they are done.
func (w *Worker) workAll(ctx context.Context, key runKey, run Run) error {
	n := w.Ledger.db.Partitions()
	start := rand.N(n) // another worker begins elsewhere, so they meet late
	windows, err := w.programWindows(ctx, run.RunName)
	if err != nil {
		return err
	}
	left := make([]store.Partition, n)
	for i := range left {
		left[i] = store.Partition((start + i) % n)
	}
	for {
		held, err := w.workSome(ctx, part{Worker: w, key: key, run: run, windows: windows, size: pageSize}, left)
		if err != nil || len(held) == 0 {
			return err
		}
		if err := w.Wait(ctx, heldPause); err != nil {
			return err
		}
		left = held
	}
}

// programWindows asks for the program's. Where they can't be told, they are empty: then runs look at what is shelved, too, and shelve nothing.
func (w *Worker) programWindows(ctx context.Context, name RunName) (windows string, err error) {
	err = w.patiently(ctx, name, func() (err error) {
		windows, err = w.Terms.ProgramWindows(ctx, name.Program)
		return err
	})
	if err != nil && ctx.Err() == nil {
		w.Log.WarnContext(ctx, "the payout run does without the program's windows", "program", name.Program, "payDate", name.PayDate, "error", err)
		return "", nil
	}
	return windows, err
}

// workSome works partitions as one part is to be, and returns those that another worker is at.
func (w *Worker) workSome(ctx context.Context, like part, partitions []store.Partition) (held []store.Partition, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelPartitions)
	if like.run.PlansTotal <= fewPlans {
		group.SetLimit(parallelFewPartitions)
	}
	parts := make([]part, len(partitions))
	for i, p := range partitions {
		parts[i] = like
		parts[i].partition = p
		group.Go(func() error { return parts[i].work(ctx) })
	}
	err = group.Wait()
	for i := range parts {
		if parts[i].held {
			held = append(held, parts[i].partition)
		}
	}
	return held, err
}

// patiently runs fn until its error is not one that goes by itself.
func (w *Worker) patiently(ctx context.Context, name RunName, fn func() error) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := fn()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return err
		}
		w.Log.WarnContext(ctx, "the payout run waits", "program", name.Program, "payDate", name.PayDate, "wait", pause, "error", err)
		if err := w.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// A part is a run's work in one partition.
type part struct {
	*Worker
	key       runKey
	run       Run
	windows   string // of the program; empty where they can't be told
	partition store.Partition
	size      int         // of the next page
	held      bool        // another worker is at it
	batch     store.Batch // of the page at hand; kept for its memory
}

// work works the part to its end, or until another worker turns out to be at it.
func (p *part) work(ctx context.Context) error {
	defer func() { p.batch = store.Batch{} }()
	for done := false; !done; {
		err := p.patiently(ctx, p.run.RunName, func() (err error) {
			done, err = p.settleNextDespiteConflicts(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settleNextDespiteConflicts is settleNext, tried again where others change what it has read: with fewer plans, in the end.
func (p *part) settleNextDespiteConflicts(ctx context.Context) (last bool, err error) {
	longest := firstStep
	for conflicts := 1; ; conflicts++ {
		last, err = p.settleNext(ctx)
		if err == nil {
			p.size = min(2*p.size, pageSize)
		}
		if !errors.Is(err, store.ErrConflict) {
			return last, err
		}
		if conflicts%conflictsPerSize == 0 {
			p.size = max(1, p.size/2)
		}
		if err := p.Wait(ctx, rand.N(longest)); err != nil {
			return false, err
		}
		longest = min(2*longest, longestStep)
	}
}

// settleNext settles the next page of plans, and commits what that writes together
// with how far the run has come. It tells whether it was the last page. Rule R2.
func (p *part) settleNext(ctx context.Context) (last bool, err error) {
	l := p.Ledger
	version := l.db.Version(p.partition)
	values, err := l.db.Get(ctx, p.partition, p.key.progress(), p.key.shelfWindows())
	if err != nil {
		return false, err
	}
	stored, filledBy := values[0], values[1]
	progress, err := parsePartProgress(p.key.progress(), stored, p.run.Generation)
	if err != nil {
		return false, err
	}
	if progress.Done || progress.Generation > p.run.Generation {
		return true, nil
	}
	now := p.Clock()
	if progress.isHeld(p.Name, now) {
		p.held = true
		return true, nil
	}
	if p.hasStaleShelf(filledBy) {
		return false, p.emptyShelf(ctx, filledBy, stored, progress)
	}
	query := markQuery{program: p.key.program, before: p.run.PayDate.Month(), after: progress.Cursor, limit: p.size, shelved: p.windows == ""}
	plans, err := l.nextMarked(ctx, p.partition, query)
	if err != nil {
		return false, err
	}
	b := &p.batch
	b.Reset()
	b.Require(p.key.progress(), stored)
	if len(plans) > 0 {
		results, err := l.settlePage(ctx, p.Terms, page{partition: p.partition, date: p.run.PayDate, plans: plans, now: now})
		if err != nil {
			return false, err
		}
		if err := p.checkPage(ctx, query, version, plans, results); err != nil {
			return false, err
		}
		for i := range results {
			progress.count(&results[i])
			results[i].write(b, p.key.program)
		}
		if p.canShelve(filledBy) {
			p.shelve(b, filledBy, results)
		}
		progress.Cursor = plans[len(plans)-1].plan
	}
	progress.Done = len(plans) < p.size
	progress.hold(p.Name, p.Clock())
	value, err := json.Marshal(progress)
	if err != nil {
		return false, err
	}
	b.Put(p.key.progress(), value)
	b.SetReadVersion(version)
	return progress.Done, l.db.Commit(ctx, p.partition, b)
}

// checkPage returns ErrConflict where a page is not what it would be now, so that it is read again.
//
// Totals are read of the months that had marks before. An earning that was recorded
// for another month since is not in them, and one that came after it may be: a
// reversal that was acknowledged before an earning would be left out, and the
// earning paid (rule C3). So the marks have to be the same once the totals are read.
func (p *part) checkPage(ctx context.Context, query markQuery, version uint64, plans []marked, results []planResult) error {
	isOfOthers := func(r planResult) bool { return p.windows != "" && r.windows != "" && r.windows != p.windows }
	if i := slices.IndexFunc(results, isOfOthers); i >= 0 {
		now, err := p.programWindows(ctx, p.run.RunName)
		if err != nil {
			return err
		}
		p.windows = ""
		if now == results[i].windows { // else they change again, or are not of one version of plansvc
			p.windows = now
		}
		return store.ErrConflict
	}
	if version != 0 && p.Ledger.db.Version(p.partition) == version {
		return nil // nothing was written
	}
	again, err := p.Ledger.nextMarked(ctx, p.partition, query)
	if err == nil && !slices.EqualFunc(plans, again, marked.equal) {
		err = store.ErrConflict
	}
	return err
}
