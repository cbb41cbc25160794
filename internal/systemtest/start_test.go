package systemtest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user without special rights.
const nobody = 65534

// Data that the user may not read or write is told in one line, which names it.
func TestServeSaysThatItsDataMayNotBeRead(t *testing.T) {
	t.Parallel()
	// Below the binary's folder, which everybody may enter.
	folder := filepath.Join(filepath.Dir(binary), "locked")
	data := filepath.Join(folder, "data")
	serve(t, data, clock).stop()
	give(t, folder)
	for _, locked := range []string{"data/plansvc", "data/payoutsvc", "data"} {
		path := filepath.Join(folder, locked)
		chmod(t, path, 0)
		got := finish(t, asNobody(t, "serve", "--data", data, "--log-level", "warn",
			"--listen", "127.0.0.1:0", "--plansvc", "127.0.0.1:0", "--payoutsvc", "127.0.0.1:0"))
		chmod(t, path, 0o700)
		if got.Status != failed || strings.Count(got.Err, "\n") != 1 || !strings.Contains(got.Err, path) || !strings.Contains(got.Err, "permission denied") {
			t.Errorf("%s locked: status %d\n%swant 1, and one line that names it", locked, got.Status, got.Err)
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// asNobody prepares the binary for a user whom a mode can lock out.
func asNobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(within(t), binary, args...)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return cmd
}

// give makes a folder with all in it that user's.
func give(t *testing.T, folder string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
}
