package terms

import (
	"context"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/incentives-dev/incentives/internal/auth"
	"github.com/incentives-dev/incentives/internal/clock"
	"github.com/incentives-dev/incentives/internal/fault"
	"github.com/incentives-dev/incentives/internal/rpc"
	"github.com/incentives-dev/incentives/payoutsvc/internal/payout"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
)

const (
	// callSize is how many plans or programs one call asks for.
	callSize = 1000
	// callTime is how long one call may take, so that a plansvc that hangs is one that is out.
	callTime = 10 * time.Second

	// remembered is for how many plans terms are kept, at about 500 bytes a plan; fresh is for how long.
	remembered = 50_000
	fresh      = time.Minute

	// zones is how many time zones are kept; there are about 600.
	zones = 1000
	// years is how many program years are kept.
	years = 1000
)

// A Client asks one plansvc. It may be used by any number of goroutines.
type Client struct {
	plansvc   planv1.PlanServiceClient
	clock     clock.Clock
	recording *lru.Cache[string, memory]
	zones     *lru.Cache[string, *time.Location]
	years     *lru.Cache[yearKey, payout.Terms]
}

// A memory is what plansvc said of a plan, and until when it is believed.
type memory struct {
	terms *payout.Terms
	until time.Time
}

// New returns a Client that calls plansvc.
func New(plansvc planv1.PlanServiceClient, now clock.Clock) (*Client, error) {
	recording, err := lru.New[string, memory](remembered)
	if err != nil {
		return nil, err
	}
	known, err := lru.New[string, *time.Location](zones)
	if err != nil {
		return nil, err
	}
	past, err := lru.New[yearKey, payout.Terms](years)
	if err != nil {
		return nil, err
	}
	return &Client{plansvc: plansvc, clock: now, recording: recording, zones: known, years: past}, nil
}

// call makes one call to plansvc in bounded time, and says what its errors
// mean to a caller of payoutsvc: what plansvc does not have is NotFound, its
// absence is Unavailable, and so is its refusal to talk to this service, which somebody
// will repair: no plan's payout may fail for that. Anything else is a defect, whose kind is hidden.
func call[Response any](ctx context.Context, fn func(context.Context) (Response, error)) (Response, error) {
	bounded, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	response, err := fn(bounded)
	if err == nil {
		return response, nil
	}
	err = rpc.FromStatus(err)
	switch kind := fault.KindOf(err); {
	case ctx.Err() != nil:
		err = ctx.Err()
	case bounded.Err() != nil || kind == fault.Unavailable || kind == fault.Limit:
		err = fault.New(fault.Unavailable, "PLANSVC_UNAVAILABLE", "the plan service cannot be reached now: try again")
	case kind == fault.Unauthenticated || kind == fault.Denied || fault.ReasonOf(err) == auth.Unseen:
		err = fault.New(fault.Unavailable, "PLANSVC_REFUSES", "the plan service does not admit this payout service: its certificate, token or role is wrong")
	case kind != fault.NotFound:
		err = errors.New(fmt.Sprint("plansvc: ", err))
	}
	return response, err
}
