//go:build unix

package redistest

import "syscall"

const (
	pausing  = syscall.SIGSTOP
	resuming = syscall.SIGCONT
)
