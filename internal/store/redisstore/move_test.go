package redisstore_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// TestE2_ASlotIsMoved moves a partition to another master and back, key by key, while it is written to.
func TestE2_ASlotIsMoved(t *testing.T) {
	t.Parallel()
	c := redistest.NewCluster(t, redistest.Options{})
	l := startLoad(t, mustOpen(t, c.URL()+"?prefix=moved"), 2)
	l.awaitAll()
	const key = "moved:{0}"
	from := c.MasterOf(t, key)
	var to *redistest.Server
	for i := 0; to == nil || to == from; i++ {
		to = c.MasterOf(t, strconv.Itoa(i))
	}
	moveSlot(t, c, key, from, to)
	l.awaitAll()
	moveSlot(t, c, key, to, from)
	l.awaitAll()
	if lost := l.stop(); lost > 0 {
		t.Errorf("%d acknowledged writes are lost", lost)
	}
}

// moveSlot moves the slot of a key, as redis-cli does it.
func moveSlot(t *testing.T, c *redistest.Cluster, key string, from, to *redistest.Server) {
	t.Helper()
	ctx, source, target := t.Context(), from.Client(t), to.Client(t)
	id := func(client *redis.Client) string {
		id, err := client.Do(ctx, "cluster", "myid").Text()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	setSlot := func(client *redis.Client, state string, node *redis.Client) {
		slot := client.ClusterKeySlot(ctx, key).Val()
		if err := client.Do(ctx, "cluster", "setslot", slot, state, id(node)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	setSlot(target, "importing", source)
	setSlot(source, "migrating", target)
	slot := int(source.ClusterKeySlot(ctx, key).Val())
	for {
		keys := source.ClusterGetKeysInSlot(ctx, slot, 1).Val()
		if len(keys) == 0 {
			break
		}
		if err := source.Migrate(ctx, "127.0.0.1", portOf(to), keys[0], 0, patience).Err(); err != nil {
			t.Fatal(err)
		}
	}
	masters := []*redis.Client{target, source}
	for i := 0; len(masters) < 3; i++ {
		third := c.MasterOf(t, strconv.Itoa(i))
		if !slices.Contains([]*redistest.Server{from, to}, third) {
			masters = append(masters, third.Client(t))
		}
	}
	for _, master := range masters {
		setSlot(master, "node", target)
	}
}
