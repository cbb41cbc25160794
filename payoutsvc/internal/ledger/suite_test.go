package ledger_test

import (
	"os"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
	"github.com/incentives-dev/incentives/internal/store/redistest"
)

// A factory opens a new, empty store of the engine under test, with so few
// partitions that tests reach all of them, and closes it when the test is over.
type factory func(t *testing.T) store.DB

// engines are what the ledger has to work on.
var engines = map[string]factory{
	"pebble": openPebble,
	"redis":  openRedis,
}

// few is how many partitions a store under test has.
const few = 3

// elsewhere is a partner in another partition than contoso.
var elsewhere = func() string {
	partner := "fabrikam"
	for store.PartitionOf(partner, few) == store.PartitionOf("contoso", few) {
		partner += "x"
	}
	return partner
}()

// servers are the Redis servers of all tests.
var servers redistest.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	servers.Close()
	os.Exit(code)
}

// onEach runs a test on a fresh store of every engine.
func onEach(t *testing.T, test func(t *testing.T, db store.DB)) {
	t.Parallel()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func openPebble(t *testing.T) store.DB {
	t.Helper()
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{Partitions: few})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, db)
	return db
}

func openRedis(t *testing.T) store.DB {
	t.Helper()
	db, err := redisstore.Open(servers.Standalone(t).Place(), redisstore.Options{Partitions: few})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, db)
	return db
}

// closeAfter closes a store when the test is over.
func closeAfter(t testing.TB, db store.DB) {
	t.Helper()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}
