package redisstore_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/incentives-dev/incentives/internal/store/redistest"
)

func portOf(s *redistest.Server) string {
	_, port, _ := strings.Cut(s.Addr, ":")
	return port
}

// TestE2_AMasterOfTheClusterIsKilled writes to two stores at once: what the one acknowledged with min_replicas is there
// afterwards, and the other one goes on without the master that was killed.
func TestE2_AMasterOfTheClusterIsKilled(t *testing.T) {
	t.Parallel()
	const rounds, writers = 3, 4
	c := redistest.NewCluster(t, redistest.Options{})
	quick := startLoad(t, mustOpen(t, c.URL()+"?prefix=quick"), writers)
	sure := startLoad(t, mustOpen(t, c.URL()+"?prefix=sure&min_replicas=1"), writers)
	for range rounds {
		quick.awaitAll()
		sure.awaitAll()
		master := c.MasterOf(t, "sure:{0}")
		master.Kill(t)
		quick.awaitAll()
		master.Restart(t)
		c.AwaitReady(t)
	}
	quick.awaitAll()
	sure.awaitAll()
	if lost := sure.stop(); lost > 0 {
		t.Errorf("with min_replicas=1 %d acknowledged writes are lost", lost)
	}
	quick.stop() // may lose what the replica had not got yet
}

// TestOpenInACluster opens a store in a Cluster of which a replica can lose something, and one that has lost a master,
// whose place nobody has taken yet.
func TestOpenInACluster(t *testing.T) {
	t.Parallel()
	c := redistest.NewCluster(t, redistest.Options{})
	url := c.Place()
	_, prefix, _ := strings.Cut(url, "prefix=")
	db := mustOpen(t, url)
	wantWorks(t, db)

	master := c.MasterOf(t, prefix+":{1}")
	replica := c.ReplicaOf(t, master)
	set(t, replica, "appendfsync", "everysec")
	refused := openLogged(t, url, 0).err
	for limit := time.Now().Add(patience); refused == nil && time.Now().Before(limit); { // the nodes may not have heard of it yet
		refused = openLogged(t, url, 0).err
	}
	if words := replica.Addr + " has appendfsync everysec"; refused == nil || !strings.Contains(refused.Error(), words) {
		t.Errorf("a replica that can lose something: got error %v, want %q", refused, words)
	}
	set(t, replica, "appendfsync", "always")

	// One that has neither the store's description nor what is looked at afterwards.
	needed := []*redistest.Server{c.MasterOf(t, prefix+":store"), master}
	for i := 0; ; i++ {
		if other := c.MasterOf(t, strconv.Itoa(i)); !slices.Contains(needed, other) {
			other.Kill(t)
			break
		}
	}
	wantWorks(t, mustOpen(t, url))
	wantWorks(t, db)
}

// TestOpenWithoutAReplica opens a store whose replica, which might take the master's place, does not answer.
func TestOpenWithoutAReplica(t *testing.T) {
	t.Parallel()
	w := redistest.NewWatched(t, redistest.Options{})
	w.Replica.Pause(t)
	wantOpened(t, w.Place(), "can't be asked how durable it is")
}

func TestTheMasterThatSentinelsWatchIsKilled(t *testing.T) {
	t.Parallel()
	w := redistest.NewWatched(t, redistest.Options{})
	l := startLoad(t, mustOpen(t, w.Place()), 4)
	l.awaitAll()
	w.Master.Kill(t)
	l.awaitAll()
	l.stop() // may lose what the replica had not got yet
	wantOpened(t, w.Place(), "")
}
