//go:build !linux

package redistest

import "syscall"

// endWithParent is nothing that this system can do.
func endWithParent() *syscall.SysProcAttr { return nil }

// parentFolder is the system's folder for temporary files.
func parentFolder() string { return "" }
