package serve

import (
	"os"
	"runtime/debug"
)

// ballast is memory that nobody writes to, so that no machine gives any for it: the garbage collector counts it as in use, and runs when
// as much again is garbage. Little else is in use, and the collector would run all the time for it. Unlike a higher GOGC, it does
// not multiply what is in use when that is much.
var ballast []byte //nolint:unused // that it is there is its use

// spareCollector has the garbage collector run less, unless the environment says how much it is to.
func spareCollector() {
	const size = 128 << 20
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		ballast = make([]byte, size)
		debug.SetGCPercent(100)
	}
}
