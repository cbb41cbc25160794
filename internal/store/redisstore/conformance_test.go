package redisstore_test

import (
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/redisstore"
	"github.com/incentives-dev/incentives/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func(t *testing.T) func() string{
		"one server":              func(t *testing.T) func() string { return shared.Standalone(t).Place },
		"a Cluster":               func(t *testing.T) func() string { return shared.Cluster(t).Place },
		"a Cluster with replicas": func(t *testing.T) func() string { return withReplicas(shared.Cluster(t).Place) },
		"Sentinels":               func(t *testing.T) func() string { return shared.Watched(t).Place },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := place(t)
			storetest.Run(t, func(*testing.T) storetest.Open {
				url := place()
				return func(partitions int) (store.DB, error) { return open(url, partitions) }
			})
		})
	}
}

// withReplicas has a replica confirm everything.
func withReplicas(place func() string) func() string {
	return func() string { return place() + "&min_replicas=1" }
}

// open opens a store, and returns no DB that is nil inside.
func open(url string, partitions int) (store.DB, error) {
	db, err := redisstore.Open(url, redisstore.Options{Partitions: partitions})
	if err != nil {
		return nil, err
	}
	return db, nil
}
