//go:build !unix

package redistest

import "syscall"

// Signals that this system does not have: sending them fails.
const (
	pausing  = syscall.Signal(-1)
	resuming = syscall.Signal(-1)
)
