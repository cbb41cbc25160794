package schedule

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
)

const (
	// parallel is how many programs are paid at once: runs, each of another one.
	parallel = 4
	// retryAfter is how long to wait after an error.
	retryAfter = time.Second
	// lookAfter is how often to look after runs that other processes have started:
	// how late, with a ledger's lease, one is replaced that has died.
	lookAfter = 2 * time.Second
)

// A Runner works payout runs to their end, one at a time for each program. What
// it is told before Run begins then; make it with NewRunner.
type Runner struct {
	worker *ledger.Worker
	slots  chan struct{} // one for each run that is being worked

	mu     sync.Mutex
	queues map[string][]*job // by program; there is one, maybe empty, while a goroutine serves it
	// begin has a goroutine serve a program. Nil before Run, and when it is over.
	begin func(program string)
	over  bool
}

// A job is to work one run.
type job struct {
	name      ledger.RunName
	scheduled bool          // the scheduler wants it started first
	done      chan struct{} // closed when the run is finished, or the Runner is over
}

// NewRunner returns a Runner that works runs with a worker.
func NewRunner(worker *ledger.Worker) *Runner {
	return &Runner{worker: worker, slots: make(chan struct{}, parallel), queues: map[string][]*job{}}
}

// Resume has a run worked that was started. What it returns is closed when the
// run is finished, or left to be resumed when the service starts again.
func (r *Runner) Resume(name ledger.RunName) <-chan struct{} { return r.submit(name, false) }

// Start has a run started on behalf of the scheduler, and worked, after all runs
// of its program that were handed in before.
func (r *Runner) Start(name ledger.RunName) { r.submit(name, true) }

func (r *Runner) submit(name ledger.RunName, scheduled bool) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	queue, served := r.queues[name.Program]
	// A job that has begun is not counted: since then the run may have been started again.
	for _, waiting := range queue {
		if waiting.name == name {
			waiting.scheduled = waiting.scheduled || scheduled
			return waiting.done
		}
	}
	j := &job{name: name, scheduled: scheduled, done: make(chan struct{})}
	if r.over {
		close(j.done)
		return j.done
	}
	r.queues[name.Program] = append(queue, j)
	if !served && r.begin != nil {
		r.begin(name.Program)
	}
	return j.done
}

// Run resumes what was left unfinished, and works until ctx is done. It returns
// when nothing is being worked any more: runs stop between two pages of plans.
func (r *Runner) Run(ctx context.Context) {
	unfinished := r.unfinished(ctx)
	var working sync.WaitGroup
	r.open(unfinished, func(program string) { working.Go(func() { r.serve(ctx, program) }) })
	if r.worker.Name != "" {
		r.help(ctx)
	}
	<-ctx.Done()
	r.close()
	working.Wait()
}

// help takes part in runs that other processes of the same store have started,
// also when these have died, until ctx is done.
func (r *Runner) help(ctx context.Context) {
	for r.worker.Wait(ctx, lookAfter) == nil {
		names, _, err := r.worker.Ledger.Unfinished(ctx)
		if err != nil {
			continue // it is the store's, and others complain
		}
		for _, name := range names {
			if !r.serves(name.Program) {
				r.Resume(name)
			}
		}
	}
}

// serves tells whether a program has its turn, or waits for it: then its other runs come later.
func (r *Runner) serves(program string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, served := r.queues[program]
	return served
}

// open begins with the runs that an earlier process left, oldest first, and goes
// on with what was submitted meanwhile: those were started later.
func (r *Runner) open(unfinished []ledger.RunName, begin func(program string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range slices.Backward(unfinished) {
		queue := r.queues[name.Program]
		j := &job{name: name, done: make(chan struct{})}
		if i := slices.IndexFunc(queue, func(waiting *job) bool { return waiting.name == name }); i >= 0 {
			j = queue[i]
			queue = slices.Delete(queue, i, i+1)
		}
		r.queues[name.Program] = slices.Insert(queue, 0, j)
	}
	r.begin = begin
	for program := range r.queues {
		begin(program)
	}
}

// close lets go of whoever waits for what will not be done.
func (r *Runner) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	for program, queue := range r.queues {
		for _, j := range queue {
			close(j.done)
		}
		r.queues[program] = nil
	}
}

// unfinished returns the runs that an earlier process left, oldest first.
func (r *Runner) unfinished(ctx context.Context) []ledger.RunName {
	var names []ledger.RunName
	r.retry(ctx, "unfinished payout runs can't be read", func() (err error) {
		var damaged []error
		names, damaged, err = r.worker.Ledger.Unfinished(ctx)
		for _, each := range damaged {
			r.worker.Log.ErrorContext(ctx, "an unfinished payout run can't be read; start it again for its pay date", "error", each)
		}
		return err
	})
	return names
}

// serve works the jobs of a program until there is none. It gives other programs
// their turn between two of them.
func (r *Runner) serve(ctx context.Context, program string) {
	for j := r.next(program); j != nil; j = r.next(program) {
		select {
		case r.slots <- struct{}{}:
			r.work(ctx, j)
			<-r.slots
		case <-ctx.Done():
		}
		close(j.done)
	}
}

// next takes the program's next job; nil ends its serving.
func (r *Runner) next(program string) *job {
	r.mu.Lock()
	defer r.mu.Unlock()
	queue := r.queues[program]
	if len(queue) == 0 {
		delete(r.queues, program)
		return nil
	}
	r.queues[program] = queue[1:]
	return queue[0]
}

// work works a run until it is finished, or ctx is done. An error is no reason
// to give up: what is due stays due.
func (r *Runner) work(ctx context.Context, j *job) {
	log := r.worker.Log.With("program", j.name.Program, "pay_date", j.name.PayDate.String())
	if j.scheduled {
		r.retry(ctx, "a payout run can't be started", func() error {
			_, err := r.worker.Ledger.Start(ctx, ledger.StartRequest{RunName: j.name, Now: r.worker.Clock(), Scheduled: true})
			return err
		})
	}
	r.retry(ctx, "a payout run can't be worked", func() error {
		run, err := r.worker.Work(ctx, j.name)
		if err == nil {
			log.InfoContext(ctx, "payout run finished", "state", run.State, "payouts", run.PayoutsCount, "failures", run.FailuresCount)
		}
		return err
	})
}

// retry tries until there is no error, or ctx is done.
func (r *Runner) retry(ctx context.Context, message string, try func() error) {
	for ctx.Err() == nil {
		err := try()
		if err == nil || ctx.Err() != nil {
			return
		}
		r.worker.Log.ErrorContext(ctx, message, "error", err)
		if r.worker.Wait(ctx, retryAfter) != nil {
			return
		}
	}
}
