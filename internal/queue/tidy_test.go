package queue_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/incentives-dev/incentives/internal/queue"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// single starts a server that can trim entries one by one: Redis trims nodes of the streams' trees as a whole.
func single(t *testing.T) redis.UniversalClient {
	t.Helper()
	return dial(t, redistest.Standalone(t, redistest.Options{Lines: []string{"stream-node-max-entries 1"}}).URL())
}

// A desk is one stream, looked after by hand.
type desk struct {
	t      testing.TB
	client redis.UniversalClient
	key    string
	keeper *queue.Consumer
}

func newDesk(t *testing.T, client redis.UniversalClient) *desk {
	t.Helper()
	q := newQueue(client, 1)
	d := &desk{t: t, client: client, key: streamKey(q, 0), keeper: consumer(q, "keeper", nil)}
	d.group(group, "0")
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) group(name, start string) {
	d.t.Helper()
	d.must(d.client.XGroupCreateMkStream(context.Background(), d.key, name, start).Err())
}

func (d *desk) add(id string) string {
	d.t.Helper()
	id, err := d.client.XAdd(context.Background(), &redis.XAddArgs{Stream: d.key, ID: id, Values: []any{"x", ""}}).Result()
	d.must(err)
	return id
}

// read hands the next n entries to a consumer of a group, and returns their ids.
func (d *desk) read(group, consumer string, n int) []string {
	d.t.Helper()
	streams, err := d.client.XReadGroup(context.Background(), &redis.XReadGroupArgs{
		Group: group, Consumer: consumer, Streams: []string{d.key, ">"}, Count: int64(n), Block: -1,
	}).Result()
	if err == redis.Nil { //nolint:errorlint // it is returned as it is
		return nil
	}
	d.must(err)
	var ids []string
	for _, m := range streams[0].Messages {
		ids = append(ids, m.ID)
	}
	return ids
}

func (d *desk) ack(group string, ids ...string) {
	d.t.Helper()
	d.must(d.client.XAck(context.Background(), d.key, group, ids...).Err())
}

func (d *desk) tidy() {
	d.t.Helper()
	d.must(d.keeper.Tidy(context.Background(), d.key))
}

func (d *desk) ids() []string {
	d.t.Helper()
	messages, err := d.client.XRange(context.Background(), d.key, "-", "+").Result()
	d.must(err)
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	return ids
}

// One group has acknowledged all; what is needed by the others stays.
func TestTrimming(t *testing.T) {
	t.Parallel()
	client := single(t)
	// In the order of ids, which is not that of their texts.
	ids := []string{"9-0", "9-9", "9-10", "10-0", "10-18446744073709551615", "99-1", "100-0", "9007199254740993-1", "9007199254740994-0", "18446744073709551614-7"}
	for i, next := range ids {
		for _, test := range []struct {
			name  string
			other func(d *desk)
		}{
			{"another group was handed those before, and has acknowledged them", func(d *desk) {
				if i > 0 {
					d.ack("other", d.read("other", "slow", i)...)
				}
			}},
			{"another group has one pending", func(d *desk) {
				all := d.read("other", "slow", len(ids))
				d.ack("other", slices.Concat(all[:i], all[i+1:])...)
			}},
			{"another group has two pending, of two consumers", func(d *desk) {
				all := append(d.read("other", "slow", i+1), d.read("other", "quick", len(ids))...)
				d.ack("other", slices.Concat(all[:i], all[min(i+1, len(all)-1):len(all)-1])...)
			}},
		} {
			t.Run(fmt.Sprintf("%s, %s is next", test.name, next), func(t *testing.T) {
				d := newDesk(t, client)
				d.group("other", "0")
				d.group("new ones only", "$")
				for _, id := range ids {
					d.add(id)
				}
				d.ack("new ones only", d.read("new ones only", "quick", len(ids))...)
				d.ack(group, d.read(group, "quick", len(ids))...)
				test.other(d)
				d.tidy()
				got := d.ids()
				// The last entry that a group was handed need not stay, and does.
				if i > 0 && len(got) > 0 && got[0] == ids[i-1] {
					got = got[1:]
				}
				if diff := cmp.Diff(ids[i:], got); diff != "" {
					t.Errorf("left are (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// However groups read, acknowledge, die and come, each gets all that was added since it was made.
func TestTrimmingTakesNothingThatIsNeeded(t *testing.T) {
	t.Parallel()
	client := single(t)
	rapid.Check(t, func(r *rapid.T) {
		d := newDesk(t, client)
		groups := []string{group}
		needs := map[string]map[string]bool{group: {}} // ids, by group
		added := 0
		pick := func() string { return rapid.SampledFrom(groups).Draw(r, "group") }
		r.Repeat(map[string]func(*rapid.T){
			"add": func(*rapid.T) {
				for range rapid.IntRange(1, 5).Draw(r, "entries") {
					added++
					id := d.add(fmt.Sprintf("%d-%d", 8+added/3, added%3))
					for _, needed := range needs {
						needed[id] = true
					}
				}
			},
			"make a group": func(r *rapid.T) {
				if len(groups) == 4 {
					r.Skip("there are enough")
				}
				name := fmt.Sprint("group", len(groups))
				d.group(name, "0")
				needs[name] = map[string]bool{}
				for _, id := range d.ids() {
					needs[name][id] = true
				}
				groups = append(groups, name)
			},
			"read": func(*rapid.T) {
				d.read(pick(), rapid.SampledFrom([]string{"a", "b"}).Draw(r, "consumer"), rapid.IntRange(1, 4).Draw(r, "entries"))
			},
			"read and acknowledge": func(*rapid.T) {
				name := pick()
				for _, id := range d.read(name, "a", rapid.IntRange(1, 6).Draw(r, "entries")) {
					d.ack(name, id)
					delete(needs[name], id)
				}
			},
			"acknowledge what was claimed": func(*rapid.T) {
				name := pick()
				messages, _, err := client.XAutoClaim(context.Background(), &redis.XAutoClaimArgs{
					Stream: d.key, Group: name, Consumer: "b", Start: "0", Count: int64(rapid.IntRange(1, 6).Draw(r, "entries")),
				}).Result()
				d.must(err)
				for _, m := range messages {
					d.ack(name, m.ID)
					delete(needs[name], m.ID)
				}
			},
			"tidy": func(*rapid.T) { d.tidy() },
			"": func(r *rapid.T) {
				there := d.ids()
				for name, needed := range needs {
					for id := range needed {
						if !slices.Contains(there, id) {
							r.Fatalf("%s, which the group %s needs, is gone; left are %v", id, name, there)
						}
					}
				}
			},
		})
		d.tidy()
		oldest := slices.IndexFunc(d.ids(), func(id string) bool {
			return slices.ContainsFunc(groups, func(name string) bool { return needs[name][id] })
		})
		if oldest > 1 || oldest < 0 && len(d.ids()) > 1 {
			r.Fatalf("%v are left, the first that a group needs at place %d: want the others gone but for one", d.ids(), oldest)
		}
	})
}

func TestAStreamDoesNotGrow(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		q := newQueue(client, 1)
		d := &diary{}
		start(t, consumer(q, "one", d.handle))
		ctx := context.Background()
		const n = 25_000 // more than Redis trims at once if it is not told to
		for range n / 1000 {
			pipe := client.Pipeline()
			for range 1000 {
				pipe.XAdd(ctx, &redis.XAddArgs{Stream: streamKey(q, 0), Values: []any{"x", ""}})
			}
			if _, err := pipe.Exec(ctx); err != nil {
				t.Fatal(err)
			}
		}
		d.awaitSeen(t, n)
		awaitFinished(t, q)
		// Of the last ones a node of 100 may stay.
		redistest.Await(t, "what is done is trimmed", func(context.Context) error {
			if length, err := client.XLen(ctx, streamKey(q, 0)).Result(); err != nil || length > 100 {
				return fmt.Errorf("%d entries are left (%w)", length, err)
			}
			return nil
		})
	})
}

func TestAStreamIsTrimmedAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, dial(t, shared.Standalone(t).URL()))
	pipe := d.client.Pipeline()
	for range 25_000 {
		pipe.XAdd(context.Background(), &redis.XAddArgs{Stream: d.key, Values: []any{"x", ""}})
	}
	_, err := pipe.Exec(context.Background())
	d.must(err)
	d.must(d.client.XGroupSetID(context.Background(), d.key, group, "$").Err())
	d.tidy()
	if got := len(d.ids()); got > 100 {
		t.Errorf("%d entries of 25,000 that are done are left, want a node of 100 at most", got)
	}
}

func TestConsumersThatAreGoneAreForgotten(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, client redis.UniversalClient) {
		d := newDesk(t, client)
		d.group("other", "0")
		ctx := context.Background()
		for range 3 {
			d.add("*")
		}
		d.ack(group, d.read(group, "gone", 1)...)
		d.read(group, "died", 1)
		d.ack(group, d.read(group, d.keeper.Name, 1)...)
		d.ack("other", d.read("other", "gone", 3)...)
		names := func(group string) []string {
			consumers, err := client.XInfoConsumers(ctx, d.key, group).Result()
			d.must(err)
			var names []string
			for _, c := range consumers {
				names = append(names, c.Name)
			}
			slices.Sort(names)
			return names
		}
		d.tidy()
		if diff := cmp.Diff([]string{"died", "gone", "keeper"}, names(group)); diff != "" {
			t.Errorf("consumers that were active a moment ago (-want +got):\n%s", diff)
		}
		redistest.Await(t, "the consumer that is gone is forgotten", func(context.Context) error {
			d.tidy()
			if slices.Contains(names(group), "gone") {
				return errNotYet
			}
			return nil
		})
		if diff := cmp.Diff([]string{"died", "keeper"}, names(group)); diff != "" {
			t.Errorf("consumers: the one that has an entry and this one stay (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"gone"}, names("other")); diff != "" {
			t.Errorf("consumers of another group are not ours (-want +got):\n%s", diff)
		}
	})
}

// meddler does something after each command of a tidy consumer, and before the next one.
type meddler struct{ meddle func() }

func (m meddler) before(_ redis.Cmder) error {
	m.meddle()
	return nil
}

// Between two commands of whoever tidies, a consumer that was long silent may be handed an entry, and a group be made.
func TestTidyingLosesNothingThatHappensMeanwhile(t *testing.T) {
	t.Parallel()
	client := single(t)
	d := newDesk(t, client)
	for range 20 {
		d.add("*")
	}
	d.ack(group, d.read(group, "silent", 10)...)
	groups := map[string][]string{} // and what each can read
	var handed []string
	d.keeper.Client = hooked(t, client, meddler{func() {
		handed = append(handed, d.read(group, "silent", 1)...)
		name := fmt.Sprint("group", len(groups))
		groups[name] = d.ids()
		d.group(name, "0")
	}})
	for range 3 {
		redistest.Await(t, "the consumer is long silent", func(context.Context) error { // by the clock of Redis
			consumers, err := client.XInfoConsumers(context.Background(), d.key, group).Result()
			d.must(err)
			if at := slices.IndexFunc(consumers, func(c redis.XInfoConsumer) bool { return c.Name == "silent" }); at >= 0 && consumers[at].Idle < 150e6 {
				return errNotYet
			}
			return nil
		})
		d.tidy()
	}
	waiting, err := pending(d.keeper.Queue)
	d.must(err)
	for _, id := range handed {
		if !slices.ContainsFunc(waiting, func(source string) bool { return strings.HasSuffix(source, " "+id) }) {
			t.Errorf("%s was handed out while the stream was tidied, and is not pending: nobody will claim it", id)
		}
	}
	if len(handed) == 0 || len(groups) == 0 {
		t.Fatal("nothing happened meanwhile")
	}
	for name, want := range groups {
		if diff := cmp.Diff(want, d.read(name, "x", 100)); diff != "" {
			t.Errorf("a group that was made while the stream was tidied is handed (-want +got):\n%s", diff)
		}
	}
}
