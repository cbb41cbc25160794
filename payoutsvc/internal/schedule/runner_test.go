package schedule_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/schedule"
)

// After a crash the run that it cut short comes first, whatever is due by now, so
// that each payout has the pay date that it would have had.
func TestR1_ResumesWhatWasLeftFirst(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		b.earn(t, plan, "2026-04")
		b.earn(t, plan, "2026-05")
		may, june := runOf(t, "azure", "2026-05-15"), runOf(t, "azure", "2026-06-15")
		b.begin(t, may)
		r := schedule.NewRunner(b.worker)
		r.Start(june) // the scheduler was faster than the store
		run(t, r)
		synctest.Wait()
		b.checkState(t, may, ledger.Succeeded)
		b.checkState(t, june, ledger.Succeeded)
		b.checkPaid(t, plan, "2026-05-15: 2026-04", "2026-06-15: 2026-05")
		if last, err := b.LastScheduled(t.Context(), "programs/azure"); err != nil || last != june.PayDate {
			t.Errorf("the newest run of the scheduler is %s, %v, want %s", last, err, june.PayDate)
		}
	})
}

// What another process of the same store has started, and maybe died over, is worked within seconds.
func TestR2_TakesPartInWhatOthersHaveStarted(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		b.worker.Name = "one of several"
		run(t, schedule.NewRunner(b.worker))
		synctest.Wait()
		for _, month := range []string{"2026-03", "2026-04"} {
			b.earn(t, plan, month)
		}
		for _, date := range []string{"2026-05-15", "2026-04-15"} {
			b.begin(t, runOf(t, "azure", date))
		}
		<-time.After(10 * time.Second)
		synctest.Wait()
		b.checkPaid(t, plan, "2026-04-15: 2026-03", "2026-05-15: 2026-04")
	})
}

func TestR1_ResumesOldestFirst(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		for _, month := range []string{"2026-03", "2026-04", "2026-05"} {
			b.earn(t, plan, month)
		}
		for _, date := range []string{"2026-06-15", "2026-04-15", "2026-05-15"} {
			b.begin(t, runOf(t, "azure", date))
		}
		run(t, schedule.NewRunner(b.worker))
		synctest.Wait()
		b.checkPaid(t, plan, "2026-04-15: 2026-03", "2026-05-15: 2026-04", "2026-06-15: 2026-05")
	})
}

// The runs of one program are worked one after the other, and those of four programs at once.
func TestRunner_OneRunOfAProgramAtATime(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		release := b.hold()
		r := schedule.NewRunner(b.worker)
		run(t, r)
		programs := []string{"a", "b", "c", "d", "e", "f"}
		var jobs []<-chan struct{}
		for _, program := range programs {
			for _, partner := range []string{"p", "q", "r"} { // of more than one partition
				b.earn(t, "partners/"+partner+"/plans/"+program+".coop.fy26", "2026-04")
				b.earn(t, "partners/"+partner+"/plans/"+program+".coop.fy26", "2026-05")
			}
			for _, date := range []string{"2026-05-15", "2026-06-15"} {
				jobs = append(jobs, r.Resume(b.begin(t, runOf(t, program, date))))
			}
		}
		synctest.Wait()
		if got := b.atWork(); got != 4 {
			t.Errorf("%d programs are paid at once, want 4", got)
		}
		release()
		for i, job := range jobs {
			if !closed(job) {
				t.Errorf("job %d is not over when all is done", i)
			}
		}
		for _, program := range programs {
			b.checkState(t, runOf(t, program, "2026-06-15"), ledger.Succeeded)
			b.checkPaid(t, "partners/p/plans/"+program+".coop.fy26", "2026-05-15: 2026-04", "2026-06-15: 2026-05")
			if got := b.most["programs/"+program]; got > 2 { // a run works its two partitions at once
				t.Errorf("programs/%s asked for terms %d times at once, want those of one run", program, got)
			}
		}
	})
}

// Programs with many runs to catch up on keep no other from being paid.
func TestRunner_ProgramsTakeTurns(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		r := schedule.NewRunner(b.worker)
		for _, program := range []string{"a", "b", "c", "d"} {
			b.earn(t, "partners/contoso/plans/"+program+".coop.fy26", "2026-01")
			for d := payDate(t, "2026-02-15"); d <= payDate(t, "2027-12-15"); d++ {
				r.Start(ledger.RunName{Program: "programs/" + program, PayDate: d})
			}
		}
		b.setGate(func(ctx context.Context, program string) error { // each of these runs takes a minute, and leaves its plan unpaid
			if program == "programs/small" {
				return nil
			}
			if err := b.worker.Wait(ctx, time.Minute); err != nil {
				return err
			}
			return errors.New("it can't be computed")
		})
		run(t, r)
		synctest.Wait()
		b.earn(t, "partners/contoso/plans/small.coop.fy26", "2026-04")
		asked := time.Now()
		<-r.Resume(b.begin(t, runOf(t, "small", "2026-05-15")))
		if took := time.Since(asked); took > 2*time.Minute {
			t.Errorf("a program's only run was over after %s, want it to wait for no more than a run of another, one minute", took)
		}
		b.checkState(t, runOf(t, "small", "2026-05-15"), ledger.Succeeded)
	})
}

// A run that is at work may be started again at any moment: then it is worked again.
func TestR1_StartedAgainWhileAtWork(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		b.earn(t, plan, "2026-04")
		release := b.hold()
		r := schedule.NewRunner(b.worker)
		run(t, r)
		name := runOf(t, "azure", "2026-05-15")
		first := r.Resume(b.begin(t, name))
		synctest.Wait() // it has begun
		again, andAgain := r.Resume(b.begin(t, name)), r.Resume(b.begin(t, name))
		if first == again {
			t.Error("who starts a run again while it is at work waits for that work alone, want for what comes after it")
		}
		if again != andAgain {
			t.Error("a run that waits to be worked again is to be worked twice, want once")
		}
		if closed(first) || closed(again) {
			t.Fatal("a run is over that still asks for terms")
		}
		release()
		for i, job := range []<-chan struct{}{first, again, andAgain} {
			if !closed(job) {
				t.Errorf("job %d is not over when all is done", i)
			}
		}
		b.checkState(t, name, ledger.Succeeded)
		b.checkPaid(t, plan, "2026-05-15: 2026-04")
	})
}

// A run that failed and is started again has its failures tried again, also while another run is at work.
func TestR1_StartedAgainAfterFailures(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		b.earn(t, plan, "2026-04")
		b.setGate(func(context.Context, string) error { return errors.New("it can't be computed") })
		r := schedule.NewRunner(b.worker)
		run(t, r)
		name := runOf(t, "azure", "2026-05-15")
		<-r.Resume(b.begin(t, name))
		b.checkState(t, name, ledger.Failed)
		b.setGate(nil)
		<-r.Resume(b.begin(t, name))
		b.checkState(t, name, ledger.Succeeded)
		b.checkPaid(t, plan, "2026-05-15: 2026-04")
	})
}

// When the service stops, callers that wait are let go, and what is left is resumed by the next process.
func TestR1_StopsAndIsResumed(t *testing.T) {
	dir := t.TempDir()
	may, april := runOf(t, "azure", "2026-05-15"), runOf(t, "azure", "2026-04-15")
	synctest.Test(t, func(t *testing.T) {
		b := newBank(t, dir, bare)
		b.earn(t, plan, "2026-04")
		b.earn(t, plan, "2026-03")
		b.hold()
		r := schedule.NewRunner(b.worker)
		stop := run(t, r)
		atWork, waiting := r.Resume(b.begin(t, april)), r.Resume(b.begin(t, may))
		synctest.Wait()
		stop()
		for name, job := range map[string]<-chan struct{}{"at work": atWork, "waiting": waiting, "submitted late": r.Resume(may)} {
			if !closed(job) {
				t.Errorf("who waits for a run that was %s is not let go", name)
			}
		}
		b.checkState(t, april, ledger.Running)
		b.checkState(t, may, ledger.Running)
		b.checkPaid(t, plan)
		if got := b.log.Count("level=ERROR"); got > 0 {
			t.Errorf("stopping logged %d errors, want none:\n%s", got, b.log.String())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		b := newBank(t, dir, bare)
		run(t, schedule.NewRunner(b.worker))
		synctest.Wait()
		b.checkState(t, april, ledger.Succeeded)
		b.checkState(t, may, ledger.Succeeded)
		b.checkPaid(t, plan, "2026-04-15: 2026-03", "2026-05-15: 2026-04")
	})
}

// A run that is submitted before Run begins then.
func TestRunner_SubmittedBeforeItRuns(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		b.earn(t, plan, "2026-04")
		r := schedule.NewRunner(b.worker)
		name := b.begin(t, runOf(t, "azure", "2026-05-15"))
		job := r.Resume(name)
		if job != r.Resume(name) {
			t.Error("a run that waits is to be worked twice, want once")
		}
		if closed(job) {
			t.Error("a run is over before anybody has worked it")
		}
		run(t, r)
		if !closed(job) {
			t.Error("a run that was submitted before Run is not worked")
		}
		b.checkPaid(t, plan, "2026-05-15: 2026-04")
	})
}

// No error is a reason to give up: what is due stays due.
func TestR1_TriesAgainAfterErrors(t *testing.T) {
	for _, test := range []struct {
		name      string
		submitted bool // before the errors begin, else what was left is to be read
	}{
		{"starting and working", true}, {"reading what was left", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				db := &shaky{}
				b := newBank(t, dir, func(sound store.DB) store.DB { db.DB = sound; return db })
				b.earn(t, plan, "2026-04")
				name := runOf(t, "azure", "2026-05-15")
				r := schedule.NewRunner(b.worker)
				if test.submitted {
					run(t, r)
					synctest.Wait()
					db.failures.Store(30)
					r.Start(name)
				} else {
					b.begin(t, name)
					db.failures.Store(30)
					run(t, r)
				}
				<-time.After(time.Minute)
				b.checkState(t, name, ledger.Succeeded)
				b.checkPaid(t, plan, "2026-05-15: 2026-04")
				if got := b.log.Count("input/output error"); got == 0 || got > 30 {
					t.Errorf("%d errors were logged, want the store's", got)
				}
			})
		})
	}
}

// While plansvc is out a run waits, and is over soon after.
func TestR1_PlansvcIsOutDuringARun(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		b.earn(t, plan, "2026-04")
		var out atomic.Bool
		out.Store(true)
		b.setGate(func(context.Context, string) error {
			if out.Load() {
				return fault.New(fault.Unavailable, "PLANSVC_UNAVAILABLE", "the plan service cannot be reached now")
			}
			return nil
		})
		r := schedule.NewRunner(b.worker)
		run(t, r)
		name := runOf(t, "azure", "2026-05-15")
		r.Start(name)
		<-time.After(10 * time.Minute)
		b.checkState(t, name, ledger.Running)
		out.Store(false)
		<-time.After(time.Minute)
		b.checkState(t, name, ledger.Succeeded)
		b.checkPaid(t, plan, "2026-05-15: 2026-04")
	})
}

// The scheduler may want what an operator has started a moment ago.
func TestR1_ScheduledOnTopOfAnOperatorsStart(t *testing.T) {
	in(t, func(t *testing.T, b *bank) {
		b.earn(t, plan, "2026-04")
		name := runOf(t, "azure", "2026-05-15")
		r := schedule.NewRunner(b.worker)
		job := r.Resume(b.begin(t, name))
		r.Start(name)
		run(t, r)
		<-job
		b.checkState(t, name, ledger.Succeeded)
		if last, err := b.LastScheduled(t.Context(), name.Program); err != nil || last != name.PayDate {
			t.Errorf("the newest run of the scheduler is %s, %v, want %s", last, err, name.PayDate)
		}
	})
}
