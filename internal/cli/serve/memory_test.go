package serve

import "testing"

// The heap comes to 160 MiB before it is collected, or to twice what is in use.
func TestGarbage(t *testing.T) {
	for live, want := range map[uint64]int{0: 2000, 8 << 20: 1900, 40 << 20: 300, 80 << 20: 100, 150 << 20: 100, 500 << 20: 100} {
		if got := garbage(live); got != want {
			t.Errorf("with %d MiB in use there may be %d %% of garbage, want %d", live>>20, got, want)
		}
	}
}
