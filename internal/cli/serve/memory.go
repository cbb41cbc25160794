package serve

import (
	"os"
	"runtime/debug"
)

const (
	// garbage is how much of what a service has in memory may be garbage, in percent of what is in use. Little is in use, so the
	// collector would else run all the time.
	garbage = 400
	// heap is how many bytes it may come to before more is collected than that. What Pebble keeps is not in it.
	heap = 256 << 20
)

// spareCollector has the garbage collector run less, unless the environment says how much it is to.
func spareCollector() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(garbage)
		debug.SetMemoryLimit(heap)
	}
}
