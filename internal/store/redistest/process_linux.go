package redistest

import "syscall"

// endWithParent has a process end when its parent does.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// enough is more than the tests of a package write.
const enough = 1 << 30

// parentFolder is memory where there is plenty, else the system's folder for temporary files. Syncing memory takes no
// time; and it is processes that tests kill, not the machine, so what is lost is the same.
func parentFolder() string {
	const memory = "/dev/shm"
	var found syscall.Statfs_t
	if err := syscall.Statfs(memory, &found); err != nil || found.Bavail*uint64(found.Bsize) < enough {
		return ""
	}
	return memory
}
