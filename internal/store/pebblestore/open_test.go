package pebblestore_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
)

// holdVariable names the folder that a process is to hold, instead of running tests.
const holdVariable = "PEBBLESTORE_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		hold(dir)
		return
	}
	os.Exit(m.Run())
}

// hold opens the store in a folder, says so, and keeps it until its input ends.
func hold(dir string) {
	db, err := pebblestore.Open(dir, pebblestore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// wantOpenError fails unless opening a folder gives one line that names the folder and all of the words.
func wantOpenError(t *testing.T, dir string, o pebblestore.Options, want error, words ...string) {
	t.Helper()
	db, err := pebblestore.Open(dir, o)
	if err == nil {
		_ = db.Close()
		t.Fatalf("opening %s succeeded, want %v", dir, want)
	}
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
	for _, word := range append(words, dir) {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q does not say %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q has several lines", err)
	}
}

func TestOpenWhatIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, file, pebblestore.Options{}, syscall.ENOTDIR, "not a directory")
	wantOpenError(t, filepath.Join(file, "below"), pebblestore.Options{}, syscall.ENOTDIR, "not a directory")
}

func TestOpenWithoutPermission(t *testing.T) {
	for _, kind := range []errorfs.OpKind{errorfs.OpMkdirAll, errorfs.OpOpenDir, errorfs.OpLock, errorfs.OpList, errorfs.OpCreate} {
		denied := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == kind {
				return &fs.PathError{Op: "open", Path: op.Path, Err: syscall.EACCES}
			}
			return nil
		})
		wantOpenError(t, "data", pebblestore.Options{FS: errorfs.Wrap(vfs.NewMem(), denied)}, fs.ErrPermission, "permission denied")
	}
}

func TestOpenOnBrokenDisk(t *testing.T) {
	broken := errors.New("the disk is broken")
	fails := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync {
			return broken
		}
		return nil
	})
	wantOpenError(t, "data", pebblestore.Options{FS: errorfs.Wrap(vfs.NewMem(), fails)}, broken)
}

func TestOpenInUseByAnotherProcess(t *testing.T) {
	dir := t.TempDir()
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), holdVariable+"="+dir)
	input, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "held\n" {
		t.Fatalf("the other process said %q (%v)", line, err)
	}
	wantOpenError(t, dir, pebblestore.Options{}, store.ErrInUse, "in use by another process")
	_ = input.Close()
	if err := holder.Wait(); err != nil {
		t.Fatalf("the other process: %v", err)
	}
	db, err := pebblestore.Open(dir, pebblestore.Options{})
	if err != nil {
		t.Fatalf("opening what is no longer held: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenTwice(t *testing.T) {
	dir := t.TempDir()
	db, err := pebblestore.Open(dir, pebblestore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantOpenError(t, dir, pebblestore.Options{}, store.ErrInUse, "in use by this process")
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenWhatIsNoStoreOfOurs(t *testing.T) {
	const metaKey = "\xff\xffmeta"
	for _, test := range []struct {
		name       string
		key, value string
		partitions int
		want       error
		words      string
	}{
		{"an older format", metaKey, `{"format":1,"partitions":64}`, 0, store.ErrFormat, "version 1"},
		{"a newer format", metaKey, `{"format":3,"partitions":64}`, 0, store.ErrFormat, "version 3"},
		{"a newer format of another shape", metaKey, `{"format":3,"shards":"64"}`, 0, store.ErrFormat, "version 3"},
		{"no description", metaKey, "", 0, store.ErrFormat, "damaged"},
		{"a description without a format", metaKey, `{}`, 0, store.ErrFormat, "damaged"},
		{"a description without partitions", metaKey, `{"format":2}`, 0, store.ErrFormat, "damaged"},
		{"a description with too many partitions", metaKey, `{"format":2,"partitions":65535}`, 0, store.ErrFormat, "damaged"},
		{"data of something else", "key", "value", 0, store.ErrFormat, "something else"},
		{"another number of partitions", metaKey, `{"format":2,"partitions":64}`, 32, store.ErrPartitions, "it has 64, and 32 are asked for"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			makePebble(t, dir, test.key, test.value)
			wantOpenError(t, dir, pebblestore.Options{Partitions: test.partitions}, test.want, test.words)
		})
	}
}

func TestOpenAfterCreationWasCutShort(t *testing.T) {
	dir := t.TempDir()
	makePebble(t, dir, "", "")
	db, err := pebblestore.Open(dir, pebblestore.Options{Partitions: 8})
	if err != nil {
		t.Fatal(err)
	}
	if db.Partitions() != 8 {
		t.Errorf("got %d partitions, want 8", db.Partitions())
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// makePebble makes a folder of Pebble's, with one entry unless the key is "".
func makePebble(t *testing.T, dir, key, value string) {
	t.Helper()
	p, err := pebble.Open(dir, &pebble.Options{Logger: quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		if err := p.Set([]byte(key), []byte(value), pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// quiet is a logger of Pebble's that says nothing.
type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
