package serve

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

const (
	// floor is how many bytes the heap may come to before it is collected, however little of it is in use: that is mostly little, and
	// the collector would run all the time. With more, a service whose store is large comes above 512 MiB.
	floor = 160 << 20
	// least is how much may be garbage all the same, in percent of what is in use.
	least = 100
)

// spareCollector has the garbage collector run less while little is in use, unless the environment says how much it is to.
func spareCollector() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		afterCollection()
	}
}

// afterCollection sets when the next collection comes, and is called again after it.
func afterCollection() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	debug.SetGCPercent(garbage(live[0].Value.Uint64()))
	runtime.AddCleanup(new([16]byte), func(struct{}) { afterCollection() }, struct{}{})
}

// garbage is how much of a heap may be garbage, in percent of what is in use.
func garbage(live uint64) int {
	if live >= floor {
		return least
	}
	return max(least, int(100*(floor-live)/max(live, 8<<20)))
}
