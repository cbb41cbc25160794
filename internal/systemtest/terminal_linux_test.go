package systemtest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// On a terminal an import shows how far it is, and leaves its result alone
// there; a pipe gets the result and nothing else.
func TestImportShowsItsProgressOnATerminal(t *testing.T) {
	t.Parallel()
	const count = 20_000
	s := serve(t, t.TempDir(), clock)
	plans := partners(s, 2)
	folder := t.TempDir()
	manyLines(t, folder, count)

	ours, theirs := terminal(t)
	cmd := s.command(folder, "earnings", "import", "many.csv")
	cmd.Stdout, cmd.Stderr = theirs, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var shown bytes.Buffer
	_, _ = io.Copy(&shown, ours) // it ends with an error when nobody has the other side open
	if err := cmd.Wait(); err != nil {
		t.Errorf("import: %v", err)
	}
	if !strings.Contains(shown.String(), "recording many.csv") || !strings.Contains(shown.String(), "%") {
		t.Errorf("on a terminal:\n%q\nwant a bar", shown.String())
	}
	if last := onScreen(shown.String()); last != "many.csv: 20,000 recorded, 0 duplicates, 0 rejected." {
		t.Errorf("on the terminal stands in the end\n%q\nwant the result alone", last)
	}
	same(t, "piped", s.do(folder, "earnings", "import", "many.csv"), result{Out: "many.csv: 0 recorded, 20,000 duplicates, 0 rejected.\n"})
	checkMany(s, plans, count)
	s.stop()
}

// onScreen is what a terminal shows in the end of text that begins lines anew.
func onScreen(text string) string {
	var screen []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		var row []rune
		for part := range strings.SplitSeq(strings.TrimSuffix(line, "\n"), "\r") {
			over := []rune(part)
			row = append(over, row[min(len(over), len(row)):]...)
		}
		if shown := strings.TrimSpace(string(row)); shown != "" {
			screen = append(screen, shown)
		}
	}
	return strings.Join(screen, "\n")
}

// terminal opens both sides of a new terminal.
func terminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close() })
	var locked, number int32
	for request, value := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, ours.Fd(), request, uintptr(unsafe.Pointer(value))); failed != 0 {
			t.Fatal(failed)
		}
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}
