package ledger_test

import (
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
)

// A factory opens a new, empty store of the engine under test, with so few
// partitions that tests reach all of them, and closes it when the test is over.
type factory func(t *testing.T) store.DB

// engines are what the ledger has to work on.
var engines = map[string]factory{
	"pebble": openPebble,
}

// few is how many partitions a store under test has.
const few = 4

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
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}
