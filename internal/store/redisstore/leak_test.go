package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/incentives-dev/incentives/internal/store/redisstore"
)

func TestCloseLeavesNothingBehind(t *testing.T) {
	for name, url := range map[string]string{
		"one server": shared.Standalone(t).Place(),
		"a Cluster":  shared.Cluster(t).Place(),
		"Sentinels":  shared.Watched(t).Place(),
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			for range 3 {
				db, err := redisstore.Open(url, redisstore.Options{})
				if err != nil {
					t.Fatal(err)
				}
				wantAll(t, db, nil)
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			// What is refused is not left open, either.
			wantRefused(t, as("redis+sentinel", url)+"&x=y", nil, "unknown option")
			wantRefused(t, strings.Replace(url, "prefix=", "partitions=7&prefix=", 1), nil, "it has 64, and 7 are asked for")
			wantNoLeak(t, before)
		})
	}
}

// wantNoLeak gives go-redis a moment to end what it has begun in the background.
func wantNoLeak(t *testing.T, before goleak.Option) {
	t.Helper()
	limit := time.Now().Add(patience)
	for {
		err := goleak.Find(before) // waits a little, too
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}
