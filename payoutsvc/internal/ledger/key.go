package ledger

import (
	"fmt"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// The collections; doc.go says what is in them.
const (
	collectionEarnings       = "earnings"
	collectionEarned         = "earned"
	collectionPaid           = "paid"
	collectionUnsettled      = "unsettled"
	collectionShelved        = "shelved"
	collectionShelfWindows   = "shelf"
	collectionPayouts        = "payouts"
	collectionPayoutsByState = "payouts_by_state"
	collectionRuns           = "runs"
	collectionRunProgress    = "run_progress"
	collectionRunsUnfinished = "runs_unfinished"
	collectionRunSchedule    = "run_schedule"
)

// splitPlan returns the ids in a plan's name, partners/{mpn_id}/plans/{plan}.
func splitPlan(name string) (mpn, plan string, err error) {
	rest, ok := strings.CutPrefix(name, "partners/")
	mpn, plan, cut := strings.Cut(rest, "/plans/")
	if !ok || !cut || mpn == "" || plan == "" || strings.Contains(mpn, "/") || strings.Contains(plan, "/") {
		return "", "", fmt.Errorf("%q is not the name of a plan", name)
	}
	return mpn, plan, nil
}

// planName is the name of the plan with an id of the form {mpn_id}/{plan}.
func planName(id string) string {
	mpn, plan, _ := strings.Cut(id, "/")
	return "partners/" + mpn + "/plans/" + plan
}

// programID returns the id in a program's name, programs/{program}.
func programID(name string) (string, error) {
	id, ok := strings.CutPrefix(name, "programs/")
	if !ok || id == "" || strings.Contains(id, "/") {
		return "", fmt.Errorf("%q is not the name of a program", name)
	}
	return id, nil
}

// A planKey is where a plan's data is.
type planKey struct {
	partition store.Partition
	id        string // {mpn_id}/{plan}
}

func (l *Ledger) planKey(name string) (planKey, error) {
	mpn, plan, err := splitPlan(name)
	if err != nil {
		return planKey{}, err
	}
	return planKey{partition: l.partitionOf(mpn), id: mpn + "/" + plan}, nil
}

func earningKey(plan, earning string) store.Key {
	return store.Key{Collection: collectionEarnings, ID: plan + "/" + earning}
}

func earnedKey(plan string, m payout.Month) store.Key {
	return store.Key{Collection: collectionEarned, ID: plan + "/" + m.String()}
}

func paidKey(plan string, m payout.Month) store.Key {
	return store.Key{Collection: collectionPaid, ID: plan + "/" + m.String()}
}

func markKey(program string, m payout.Month, plan string) store.Key {
	return store.Key{Collection: collectionUnsettled, ID: markPrefix(program, m) + plan}
}

// markPrefix is what the ids of a program's marks of one month begin with.
func markPrefix(program string, m payout.Month) string { return program + "/" + m.String() + "/" }

func payoutKey(plan string, d payout.PayDate) store.Key {
	return store.Key{Collection: collectionPayouts, ID: plan + "/" + d.String()}
}

func stateKey(state payout.State, d payout.PayDate, plan string) store.Key {
	return store.Key{Collection: collectionPayoutsByState, ID: statePrefix(state, d) + plan}
}

// statePrefix is what the ids of payouts of one state and pay date begin with.
func statePrefix(state payout.State, d payout.PayDate) string {
	return string(state) + "/" + d.String() + "/"
}

// A runKey is where a run's data is.
type runKey struct {
	partition store.Partition // of its header
	program   string          // {program}
	id        string          // {program}/{pay date}
}

func (l *Ledger) runKey(name RunName) (runKey, error) {
	program, err := programID(name.Program)
	if err != nil {
		return runKey{}, err
	}
	return runKey{partition: l.partitionOf(name.Program), program: program, id: program + "/" + name.PayDate.String()}, nil
}

func (k runKey) header() store.Key   { return store.Key{Collection: collectionRuns, ID: k.id} }
func (k runKey) progress() store.Key { return store.Key{Collection: collectionRunProgress, ID: k.id} }

func (k runKey) shelfWindows() store.Key {
	return store.Key{Collection: collectionShelfWindows, ID: k.program}
}

func (k runKey) unfinished() store.Key {
	return store.Key{Collection: collectionRunsUnfinished, ID: k.id}
}

func (k runKey) schedule() store.Key {
	return store.Key{Collection: collectionRunSchedule, ID: k.program}
}
