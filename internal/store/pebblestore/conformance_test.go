package pebblestore_test

import (
	"path/filepath"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
	"github.com/incentives-dev/incentives/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Open {
		dir := filepath.Join(t.TempDir(), "made", "by", "open")
		return func(partitions int) (store.DB, error) {
			db, err := pebblestore.Open(dir, pebblestore.Options{Partitions: partitions})
			if err != nil {
				return nil, err
			}
			return db, nil
		}
	})
}
