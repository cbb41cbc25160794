package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
)

func TestRetry(t *testing.T) {
	other := errors.New("something else")
	for _, test := range []struct {
		name      string
		conflicts int
		then      error
		wantCalls int
		want      error
	}{
		{"at once", 0, nil, 1, nil},
		{"fails at once", 0, other, 1, other},
		{"after a conflict", 1, nil, 2, nil},
		{"after many", 99, nil, 100, nil},
		{"fails after a conflict", 3, other, 4, other},
		{"never", 1000, nil, 100, store.ErrConflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				err := store.Retry(t.Context(), func() error {
					calls++
					if calls <= test.conflicts {
						return fmt.Errorf("wrapped: %w", store.ErrConflict)
					}
					return test.then
				})
				if !errors.Is(err, test.want) || calls != test.wantCalls {
					t.Errorf("%d calls and error %v, want %d and %v", calls, err, test.wantCalls, test.want)
				}
			})
		})
	}
}

func TestRetryPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := store.Retry(t.Context(), func() error { return store.ErrConflict }); !errors.Is(err, store.ErrConflict) {
			t.Errorf("got %v, want a conflict", err)
		}
		// 99 random pauses, most of them of 32 ms on average.
		if took := time.Since(began); took < time.Second || took > 99*64*time.Millisecond {
			t.Errorf("100 attempts took %v, want some seconds", took)
		}
	})
}

func TestRetryCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		calls := 0
		err := store.Retry(ctx, func() error {
			calls++
			if calls == 3 {
				cancel()
			}
			return store.ErrConflict
		})
		if !errors.Is(err, context.Canceled) || calls != 3 {
			t.Errorf("%d calls and error %v, want 3 and %v", calls, err, context.Canceled)
		}
	})
}

// open opens a store that lives as long as the test.
func open(t *testing.T) store.DB {
	t.Helper()
	db, err := pebblestore.Open(t.TempDir(), pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestUpdateRunsAgainOnWhatItReads(t *testing.T) {
	db := open(t)
	count, other, beside := store.Key{Collection: "thing", ID: "count"}, store.Key{Collection: "thing", ID: "other"}, store.Key{Collection: "thing", ID: "beside"}
	for _, test := range []struct {
		name     string
		meddle   store.Key // changed by somebody else during the first run
		wantRuns int
	}{
		{"nobody meddles", store.Key{}, 1},
		{"a key that it read and writes", count, 2},
		{"a key that it read only", other, 2},
		{"a key that it did not read", beside, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			runs := 0
			read := store.Read{Partition: 3, Keys: []store.Key{count, other}}
			err := store.Update(t.Context(), db, read, func(values [][]byte, b *store.Batch) error {
				runs++
				if runs == 1 && test.meddle != (store.Key{}) {
					var meddling store.Batch
					meddling.Add(test.meddle, 1)
					if err := db.Commit(t.Context(), 3, &meddling); err != nil {
						return err
					}
				}
				if b.Len() != 0 || len(b.Conditions()) != 0 {
					t.Errorf("run %d was given a batch that is not empty", runs)
				}
				n, _ := strconv.Atoi(string(values[0])) // 0 when it is absent
				b.Put(count, strconv.AppendInt(nil, int64(n)+10, 10))
				return nil
			})
			if err != nil || runs != test.wantRuns {
				t.Errorf("%d runs and error %v, want %d and none", runs, err, test.wantRuns)
			}
		})
	}
	values, err := db.Get(t.Context(), 3, count, other, beside)
	if err != nil || string(values[0]) != "41" || string(values[1]) != "1" || string(values[2]) != "1" {
		t.Errorf("stored are %q (%v), want 41, 1 and 1", values, err)
	}
}

func TestUpdateEnds(t *testing.T) {
	db := open(t)
	a := store.Key{Collection: "thing", ID: "a"}
	refused := errors.New("refused")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name     string
		ctx      context.Context
		read     store.Read
		fn       func(values [][]byte, b *store.Batch) error
		wantRuns int
		want     error
	}{
		{"with the error of the function", t.Context(), store.Read{Keys: []store.Key{a}}, func(_ [][]byte, b *store.Batch) error {
			b.Put(a, nil)
			return refused
		}, 1, refused},
		{"when nothing is to be written", t.Context(), store.Read{Keys: []store.Key{a}}, func([][]byte, *store.Batch) error { return nil }, 1, nil},
		{"before it begins", cancelled, store.Read{Keys: []store.Key{a}}, nil, 0, context.Canceled},
		{"with the error of the read", t.Context(), store.Read{Partition: 64}, nil, 0, store.ErrInvalid},
		{"with the error of the commit", t.Context(), store.Read{}, func(_ [][]byte, b *store.Batch) error {
			b.Put(a, []byte("word"))
			b.Add(a, 1)
			return nil
		}, 1, store.ErrNotNumber},
	} {
		t.Run(test.name, func(t *testing.T) {
			runs := 0
			err := store.Update(test.ctx, db, test.read, func(values [][]byte, b *store.Batch) error {
				runs++
				return test.fn(values, b)
			})
			if !errors.Is(err, test.want) || runs != test.wantRuns {
				t.Errorf("%d runs and error %v, want %d and %v", runs, err, test.wantRuns, test.want)
			}
			if values, err := db.Get(t.Context(), 0, a); err != nil || values[0] != nil {
				t.Errorf("something was stored: %q (%v)", values, err)
			}
		})
	}
}
