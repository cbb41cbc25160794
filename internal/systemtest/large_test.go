package systemtest

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

const (
	largeCalls = 30   // at once, nearly as many as one address may have with large bodies
	largeBatch = 4200 // earnings, in some 0.7 MB
)

// Nobody is asked who they are before the gateway has read what they send. Strangers who send much leave the others their rate all the same.
func TestAbuseByStrangersWithLargeBodies(t *testing.T) {
	if !*whole {
		t.Skip("it measures what two processors are enough for only where nothing else runs: with -whole")
	}
	a := startAttacked(t)
	body, err := protojson.Marshal(&payoutv1.BatchRecordEarningsRequest{Earnings: a.batchOf(largeBatch)})
	if err != nil {
		t.Fatal(err)
	}
	body = append(body[:len(body)-1], `,"unknown":1}`...) // what is wrong with it takes longer to say than to read it
	a.besieged(2*honestDeadline, "while strangers sent large bodies", func(ctx context.Context) string {
		var refused atomic.Int64
		var all sync.WaitGroup
		for range largeCalls {
			all.Go(func() {
				for ctx.Err() == nil {
					httpStatus, answer, err := a.http(ctx, http.MethodPost, "/v1/earnings:batchRecord", string(body), "Content-Type", "application/json")
					switch {
					case ctx.Err() != nil:
						return
					case err != nil || httpStatus != http.StatusBadRequest:
						a.Errorf("a stranger's batch: %d %s, %v", httpStatus, answer, err)
						return
					}
					refused.Add(1)
				}
			})
		}
		all.Wait()
		return fmt.Sprintf("%d of %d bytes", refused.Load(), len(body))
	})
	a.stop()
}
