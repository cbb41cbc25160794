package systemtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/incentives-dev/incentives/internal/store/redistest"
	"github.com/incentives-dev/incentives/plansvc/sample"
	payoutv1 "github.com/incentives-dev/incentives/proto/incentives/payout/v1"
)

// Poison is what can't be recorded, by the reason that the dead letters give for it.
var poison = map[string]func(entry map[string]any){
	"FIELD_REQUIRED":         func(e map[string]any) { delete(e, "id") },
	"AMOUNT_MALFORMED":       func(e map[string]any) { e["amount"] = "12,50" },
	"AMOUNT_TOO_PRECISE":     func(e map[string]any) { e["amount"] = "0.001" },
	"CURRENCY_MISMATCH":      func(e map[string]any) { e["currency"] = "EUR" },
	"PLAN_NOT_FOUND":         func(e map[string]any) { e["plan"] = "nobody/azure.coop.fy26" },
	"TIME_MALFORMED":         func(e map[string]any) { e["earn_time"] = "yesterday" },
	"EARN_TIME_OUTSIDE_YEAR": func(e map[string]any) { e["earn_time"] = "2027-01-01T00:00:00Z" },
	"FIELD_UNKNOWN":          func(e map[string]any) { e["plain"] = "contoso" },
	"TEXT_MALFORMED":         func(e map[string]any) { e["description"] = "\xff" },
	"ID_MALFORMED":           func(e map[string]any) { e["id"] = "a b" },
	"EARNING_ID_REUSED":      func(e map[string]any) { e["id"] = "before"; e["amount"] = "2" },
}

// A producer is a client in any language that adds entries to the streams, some of them twice and some that are poison.
type producer struct {
	name     string
	streams  int
	earned   map[int]int64 // by plan, in dollars
	poisoned map[string]int
	entries  []*redis.XAddArgs
}

func newProducer(name string, plans, streams, count int) *producer {
	p := &producer{name: name, streams: streams, earned: map[int]int64{}, poisoned: map[string]int{}}
	reasons := slices.Sorted(maps.Keys(poison))
	for n := range count {
		plan, amount := rand.IntN(plans), rand.Int64N(100)+1
		entry := map[string]any{
			"plan": sample.Name(plan), "id": fmt.Sprintf("%s-%d", name, n), "amount": fmt.Sprint(amount), "currency": "USD",
			"earn_time": "2026-04-30T12:00:00-07:00", "description": "Sale",
		}
		switch {
		case n%50 == 49:
			reason := reasons[n/50%len(reasons)]
			poison[reason](entry)
			p.poisoned[reason]++
		case n%10 == 9: // the same again, into any stream
			p.add(entry)
			fallthrough
		default:
			p.earned[plan] += amount
		}
		p.add(entry)
	}
	return p
}

func (p *producer) add(entry map[string]any) {
	p.entries = append(p.entries, &redis.XAddArgs{Stream: fmt.Sprintf("earnings:{%d}", rand.IntN(p.streams)), Values: entry})
}

// produce adds all entries, many at once.
func (p *producer) produce(t *testing.T, client *redis.Client) error {
	t.Helper()
	for some := range slices.Chunk(p.entries, 200) {
		pipe := client.Pipeline()
		for _, entry := range some {
			pipe.XAdd(t.Context(), entry)
		}
		if _, err := pipe.Exec(t.Context()); err != nil {
			return err
		}
	}
	return nil
}

// E1, E2, E3: producers add earnings to streams, with duplicates and poison among them, while consumers are killed and
// others started: each earning is counted once, the poison is in the dead letters with its reason, and nothing is left.
func TestE2_AConsumerOfStreamsIsKilled(t *testing.T) {
	endures(t)
	t.Parallel()
	const producers, count, plans, streams = 4, 100_000, 100, 16
	server := redistest.Standalone(t, redistest.Options{})
	seed(t, server.URL(), plans)
	f := muster(t, 2, server.URL(), clock, "--streams", server.URL())
	for i := range plans {
		f.earnBefore(sample.Name(i))
	}
	client := server.Client(t)
	all := make([]*producer, producers)
	var group errgroup.Group
	for i := range all {
		all[i] = newProducer(fmt.Sprint("producer", i), plans, streams, count/producers)
		group.Go(func() error { return all[i].produce(t, client) })
	}
	for range 3 {
		f.awaitPending(client, streams)
		f.members[0].kill()
		f.members = f.members[1:]
		f.join()
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	f.awaitDrained(client, streams)

	earned, poisoned := map[int]int64{}, map[string]int{}
	for _, p := range all {
		for plan, amount := range p.earned {
			earned[plan] += amount
		}
		for reason, n := range p.poisoned {
			poisoned[reason] += n
		}
	}
	for i := range plans {
		statement, err := f.members[0].GetStatement(within(t), &payoutv1.GetStatementRequest{Name: sample.Name(i) + "/statements/2026-04"})
		if err != nil {
			t.Fatal(err)
		}
		if got := statement.GetEarned(); got.GetUnits() != earned[i]+1 || got.GetNanos() != 0 {
			t.Errorf("%s has earned %v, want USD %d", sample.Name(i), got, earned[i]+1)
		}
	}
	letters, err := client.XRange(t.Context(), "earnings:dead", "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	dead := map[string]int{}
	for _, letter := range letters {
		dead[fmt.Sprint(letter.Values["dead.reason"])]++
	}
	if diff := cmp.Diff(poisoned, dead); diff != "" {
		t.Errorf("dead letters by reason (-want +got):\n%s", diff)
	}
	f.stop()
}

// earnBefore records an earning of a dollar whose id some poison has, too.
func (f *fleet) earnBefore(plan string) {
	f.Helper()
	_, err := f.members[0].RecordEarning(within(f.T), &payoutv1.RecordEarningRequest{
		Parent: plan, EarningId: "before", Earning: dollar("", clock.AddDate(0, 0, -20)),
	})
	if err != nil {
		f.Fatal(err)
	}
}

// awaitPending waits until a consumer has something in hand.
func (f *fleet) awaitPending(client *redis.Client, streams int) {
	f.Helper()
	await(f.T, "something is in hand", func() bool { return f.left(client, streams).pending > 0 })
}

// awaitDrained waits until nothing is left to do.
func (f *fleet) awaitDrained(client *redis.Client, streams int) {
	f.Helper()
	for limit := time.Now().Add(5 * patience); f.left(client, streams) != (left{}); {
		if time.Now().After(limit) {
			f.Fatalf("after %s there is %+v", 5*patience, f.left(client, streams))
		}
		<-time.After(100 * time.Millisecond)
	}
}

// What is left of the streams: not read, and read but not acknowledged.
type left struct{ unread, pending int64 }

func (f *fleet) left(client *redis.Client, streams int) left {
	f.Helper()
	var all left
	for i := range streams {
		groups, err := client.XInfoGroups(f.Context(), fmt.Sprintf("earnings:{%d}", i)).Result()
		if err != nil || len(groups) != 1 {
			f.Fatalf("stream %d has groups %v, %v", i, groups, err)
		}
		all.unread += groups[0].Lag
		all.pending += groups[0].Pending
	}
	return all
}

// Installations that share a Redis have streams of their own, by the prefix of the URL; and what is in more streams than
// are read is said at start.
func TestStreamsOfAPrefix(t *testing.T) {
	t.Parallel()
	server := redistest.Standalone(t, redistest.Options{})
	seed(t, server.URL(), 1)
	client := server.Client(t)
	entry := newProducer("p", 1, 1, 1).entries[0]
	for _, stream := range []string{"earnings:{0}", "acme:earnings:{0}", "acme:earnings:{7}"} {
		if err := client.XAdd(t.Context(), &redis.XAddArgs{Stream: stream, Values: entry.Values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	f := muster(t, 1, server.URL(), clock, "--streams", server.URL()+"?prefix=acme", "--stream-count", "5")
	await(t, "the entry of the prefix is recorded", func() bool {
		groups, err := client.XInfoGroups(t.Context(), "acme:earnings:{0}").Result()
		return err == nil && len(groups) == 1 && groups[0].Lag == 0 && groups[0].Pending == 0
	})
	if groups, err := client.XInfoGroups(t.Context(), "earnings:{0}").Result(); err != nil || len(groups) > 0 {
		t.Errorf("the stream of another installation has groups %v, %v; want none", groups, err)
	}
	f.stop()
	if said := f.members[0].log.String(); !strings.Contains(said, "acme:earnings:{7}") {
		t.Errorf("it does not say that a stream is not read:\n%s", said)
	}
}
