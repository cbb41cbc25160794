package systemtest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
	planv1 "github.com/incentives-dev/incentives/proto/incentives/plan/v1"
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

// grow makes the draft as large as the rules allow: 2.4 MB.
func (a *attacked) grow() {
	a.Helper()
	const days, campaigns, activities = `"startDate":{"year":2026,"month":1,"day":1},"endDate":{"year":2026,"month":12,"day":31}`, 50, 10
	text := func(letters int) string { return strings.Repeat("𐍈", letters) } // of four bytes each
	for i := range campaigns {
		campaign := fmt.Sprintf("%s/campaigns?campaignId=c%d", a.draft, i)
		a.must(a.ann, http.MethodPost, campaign, `{"displayName":"Large","objective":"`+text(2000)+`",`+days+`}`)
		for range activities {
			a.must(a.ann, http.MethodPost, fmt.Sprintf("%s/campaigns/c%d/activities", a.draft, i), `{"displayName":"Webinar","activityType":"event",
				"regionCodes":["US"],"description":"`+text(1000)+`","plannedCost":{"currencyCode":"USD","units":"1"},`+days+`}`)
		}
	}
}

// Whoever reads a plan that is as large as the rules allow, as often as one caller may, leaves the others their rate.
func TestAbuseByReadersOfALargePlan(t *testing.T) {
	if !*whole {
		t.Skip("it measures what two processors are enough for only where nothing else runs: with -whole")
	}
	a := startAttacked(t)
	a.grow()
	a.besieged(2*honestDeadline, "while one caller read a large plan all the time", func(ctx context.Context) string {
		token, plans := a.long("avid", "INCENTIVES_ADMIN", "contoso"), planv1.NewPlanServiceClient(dial(a.T, a.plansvc))
		var read atomic.Int64
		var all sync.WaitGroup
		for range searchCalls {
			all.Go(func() {
				for ctx.Err() == nil {
					_, err := plans.GetPlan(bearing(ctx, token), &planv1.GetPlanRequest{Name: strings.TrimPrefix(a.draft, "/v1/")})
					switch {
					case err == nil:
						read.Add(1)
					case ctx.Err() == nil && status.Code(err) != codes.ResourceExhausted:
						t.Errorf("who reads much: %v", err)
						return
					}
				}
			})
		}
		all.Wait()
		return fmt.Sprintf("%d times", read.Load())
	})
	a.stop()
}
