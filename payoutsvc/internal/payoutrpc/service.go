package payoutrpc

import (
	"log/slog"
	"time"

	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/limit"
	"github.com/incentives-dev/incentives/payoutsvc/internal/ledger"
	"github.com/incentives-dev/incentives/payoutsvc/internal/schedule"
	"github.com/incentives-dev/incentives/payoutsvc/internal/terms"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// A Service is the PayoutService. All of its fields have to be set.
type Service struct {
	payoutv1.UnimplementedPayoutServiceServer

	Ledger *ledger.Ledger
	Terms  *terms.Client
	Runner *schedule.Runner
	Clock  clock.Clock
	Log    *slog.Logger
	// Drain is closed when the server begins to stop: streams come to an end then.
	Drain <-chan struct{}
	// Patience is how long CreatePayoutRun waits for a run to finish.
	Patience time.Duration
	// WatchInterval is how often WatchPayoutRun looks.
	WatchInterval time.Duration

	streams    limit.Places // by caller, and of all of them under ""
	readsAhead limit.Places // of all streams; see StreamEarnings
}
