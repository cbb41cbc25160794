package pebblestore_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/store/pebblestore"
)

// A disk is a file system in memory that knows what was synced. Its log files can be made slow or broken.
type disk struct {
	memory *vfs.MemFS
	fs     vfs.FS
	syncs  atomic.Int64 // of log files

	mu      sync.Mutex
	held    chan struct{} // not nil: syncs of log files wait until it is closed
	onSync  error         // not nil: what syncs of log files fail with
	onWrite error         // not nil: what writes to log files fail with
}

func newDisk() *disk {
	d := &disk{memory: vfs.NewCrashableMem()}
	d.fs = errorfs.Wrap(d.memory, d)
	return d
}

// MaybeError implements errorfs.Injector.
func (d *disk) MaybeError(op errorfs.Op) error {
	if !strings.HasSuffix(op.Path, ".log") {
		return nil
	}
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		d.syncs.Add(1)
		if held := d.holding(); held != nil {
			<-held
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.onSync
	case errorfs.OpFileWrite:
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.onWrite
	default:
		return nil
	}
}

// String implements errorfs.Injector.
func (d *disk) String() string { return "disk" }

func (d *disk) holding() chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.held
}

// hold makes syncs wait until release is called.
func (d *disk) hold() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := make(chan struct{})
	d.held = held
	return sync.OnceFunc(func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.held = nil
		close(held)
	})
}

// breakdown makes syncs and writes fail; nil repairs.
func (d *disk) breakdown(onSync, onWrite error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onSync, d.onWrite = onSync, onWrite
}

// open opens the store on the disk.
func (d *disk) open(t *testing.T) *pebblestore.DB {
	t.Helper()
	return openOn(t, d.fs)
}

// afterCrash opens the store as it would be found if the power failed now.
func (d *disk) afterCrash(t *testing.T, how vfs.CrashCloneCfg) *pebblestore.DB {
	t.Helper()
	return openOn(t, d.memory.CrashClone(how))
}

func openOn(t *testing.T, fs vfs.FS) *pebblestore.DB {
	t.Helper()
	db, err := pebblestore.Open("data", pebblestore.Options{FS: fs})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	// A test that breaks the disk closes the store itself, and closing again does nothing.
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func thing(id string) store.Key { return store.Key{Collection: "thing", ID: id} }

func putOf(key store.Key, value string) *store.Batch {
	var b store.Batch
	b.Put(key, []byte(value))
	return &b
}
