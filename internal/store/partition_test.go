package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/incentives-dev/incentives/internal/store"
)

// TestPartitionOfNeverChanges pins partitions that data of theirs may already lie in.
func TestPartitionOfNeverChanges(t *testing.T) {
	for _, test := range []struct {
		key  string
		n    int
		want store.Partition
	}{
		// The published XXH64 of "" is 0xEF46DB3751D8E999, of "a" 0xD24EC4F1A98C6E5B, of "abc" 0x44BC2CF5AD770999.
		{"", 64, 0x99 % 64},
		{"a", 64, 0x5b % 64},
		{"abc", 64, 0x99 % 64},
		{"abc", 1 << 14, 0x0999},
		{"abc", 1, 0},
		{"abc", 3, 0x44BC2CF5AD770999 % 3},
	} {
		if got := store.PartitionOf(test.key, test.n); got != test.want {
			t.Errorf("PartitionOf(%q, %d) = %d, want %d", test.key, test.n, got, test.want)
		}
	}
}

func TestPartitionOfSpreadsEvenly(t *testing.T) {
	const n, partners = 64, 64_000
	counts := make([]int, n)
	for i := range partners {
		counts[store.PartitionOf(fmt.Sprintf("%07d", i), n)]++
	}
	for p, count := range counts {
		if mean := partners / n; count < mean*8/10 || count > mean*12/10 {
			t.Errorf("partition %d gets %d of %d partners, want about %d", p, count, partners, mean)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		p    store.Partition
		n    int
		want error
	}{
		{0, 1, nil}, {1, 1, store.ErrInvalid}, {63, 64, nil}, {64, 64, store.ErrInvalid}, {1<<16 - 1, store.MaxPartitions, store.ErrInvalid},
	} {
		if err := test.p.Check(test.n); !errors.Is(err, test.want) {
			t.Errorf("partition %d of %d: got %v, want %v", test.p, test.n, err, test.want)
		}
	}
	for name, want := range map[string]error{
		"plan": nil, "plan_event": nil, "_": nil, "az": nil,
		"": store.ErrInvalid, "Plan": store.ErrInvalid, "plan2": store.ErrInvalid, " ": store.ErrInvalid, "plan`": store.ErrInvalid,
		"plan{": store.ErrInvalid, "plan\x00": store.ErrInvalid, "plän": store.ErrInvalid,
	} {
		if err := store.CheckCollection(name); !errors.Is(err, want) {
			t.Errorf("collection %q: got %v, want %v", name, err, want)
		}
	}
}
