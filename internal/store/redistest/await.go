package redistest

import (
	"context"
	"testing"
	"time"
)

// Await tries until there is no error any more, and fails the test when that takes longer than anything should on a busy
// machine. Try's context ends then.
func Await(t testing.TB, what string, try func(ctx context.Context) error) {
	t.Helper()
	limit, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		err := try(limit)
		if err == nil {
			return
		}
		pause, cancel := context.WithTimeout(limit, 20*time.Millisecond)
		<-pause.Done()
		cancel()
		if limit.Err() != nil {
			t.Fatalf("%s: still not so after %s: %v", what, startTime, err)
		}
	}
}
