package ledger

import (
	"context"
	"time"

	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
)

// An Entry is one earning to record.
type Entry struct {
	Terms   *payout.Terms // of the plan that it was earned in
	Earning payout.Earning
}

// An Outcome says what became of an Entry. Rule E3.
type Outcome struct {
	Earning   payout.Earning // as it is recorded; unset where Err is set
	Duplicate bool           // it had been recorded before with the same content. Rule E1
	Err       error          // why it is not recorded; where the store failed, it may be sent again
}

// Record records earnings, and returns what became of each, in their order,
// when all that was recorded is on stable storage. Rules E1–E3.
//
// Each earning has passed Check and CheckCurrency. An outcome's error is what
// [payout.Terms.Record] and [payout.AddTotal] refuse with, or what the store
// failed with: then it failed for every earning of that partition, and for
// none of another.
func (l *Ledger) Record(ctx context.Context, now time.Time, entries []Entry) []Outcome {
	panic("soon")
}
