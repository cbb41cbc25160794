package pebblestore

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/incentives-dev/incentives/internal/store"
)

// format is the version of how this package lays out keys. It goes up with every change of that. What a service writes under them
// is the service's own.
const format = 2

// Pebble takes its memtables, of which there are at most memTables, out of the cache's size, so what is left
// for blocks and filters is between 112 and 144 MiB. The log to replay on opening is as long as the
// memtables that were not yet flushed. Memtables twice as large make what is new a twentieth cheaper to record, and duplicates a tenth dearer,
// as they have no filter; half as large, what is new is a tenth dearer.
const (
	cacheSize    = 160 << 20
	memTableSize = 16 << 20
	memTables    = 3
)

// Keys arrive in no order, so each table that a memtable becomes reaches over all of the store, and each compaction rewrites
// much of it: waiting for more of them, and larger tables, make ingest a tenth cheaper. A Get looks into as many tables more,
// mostly at their filters only.
const (
	tablesToCompact = 8
	tablesToStop    = 20
	tableSize       = 4 << 20
	// With one index a table, and not an index of indexes, a Get has a block less to look into.
	indexBlockSize = 256 << 10
	// A filter that says yes for nothing has a block read from each table that it belongs to. With 10 bits a key, one in a hundred does.
	filterBitsOfAKey = 15
)

// Options say how to open a store. The zero value opens what is there, or creates a store with
// store.DefaultPartitions.
type Options struct {
	// Partitions is how many partitions a new store gets, and that an existing one must have. 0 takes
	// an existing one as it is.
	Partitions int

	// Name is whose store a new one is, and that an existing one which has a name must have; "" is nobody's.
	Name string

	// MustExist has Open fail with store.ErrMissing where there is no store, instead of creating one.
	MustExist bool

	// CacheSize is how many bytes of memory the store takes for what it has written and read; 0 is as many as keep a service fast that
	// looks up what it is to write. Of a store that is mostly read in order, its memtables and a little are enough: 64 MiB.
	CacheSize int64

	// Logger gets what Pebble reports. Nil discards it.
	Logger *slog.Logger

	// FS is the file system; nil is the machine's.
	FS vfs.FS
}

// meta is what a store says of itself, under metaKey.
type meta struct {
	Format     int    `json:"format"`
	Partitions int    `json:"partitions"`
	Name       string `json:"name,omitempty"`
}

// Open opens the store in a folder, and creates both where there is none. Every error is one line that
// names the folder and the cause. It wraps store.ErrInUse when another process has the folder open,
// store.ErrPartitions, store.ErrOther or store.ErrFormat when the store is not what the options and this program
// expect, and the file system's error when the folder can't be made, read or written.
func Open(dir string, o Options) (*DB, error) {
	if o.Partitions < 0 || o.Partitions > store.MaxPartitions {
		return nil, fmt.Errorf("store folder %s: %w: %d asked for, 1 to %d are possible",
			dir, store.ErrInvalid, o.Partitions, store.MaxPartitions)
	}
	p, err := openPebble(dir, o)
	if err != nil {
		return nil, fmt.Errorf("store folder %s: %w", dir, cause(err))
	}
	m, err := loadMeta(p, o)
	if err != nil {
		_ = p.Close() // what went wrong first says more
		return nil, fmt.Errorf("store folder %s: %w", dir, err)
	}
	db := &DB{pebble: p, partitions: make([]partition, m.Partitions), generationSize: generationSize, flushed: inTables()}
	db.versions.Store(1 + rand.Uint64()>>1) // so far from 0, and from the last number, that it comes to neither
	for i := range db.partitions {
		db.partitions[i].version.Store(db.versions.Add(1))
	}
	return db, nil
}

// inTables says that all is in tables, as it is when Pebble has opened a store.
func inTables() <-chan struct{} {
	flushed := make(chan struct{})
	close(flushed)
	return flushed
}

// openPebble opens Pebble, and returns as an error what Pebble panics with.
func openPebble(dir string, o Options) (p *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	cache := pebble.NewCache(cmp.Or(o.CacheSize, cacheSize))
	defer cache.Unref()
	return pebble.Open(dir, pebbleOptions(o, cache))
}

func pebbleOptions(o Options, cache *pebble.Cache) *pebble.Options {
	log := logger{o.Logger}
	if o.Logger == nil {
		log = logger{slog.New(slog.DiscardHandler)}
	}
	p := &pebble.Options{
		Cache:                       cache,
		EventListener:               &pebble.EventListener{DataCorruption: log.corrupted},
		ErrorIfNotExists:            o.MustExist,
		FS:                          o.FS,
		FormatMajorVersion:          pebble.FormatNewest,
		L0CompactionThreshold:       tablesToCompact,
		L0StopWritesThreshold:       tablesToStop,
		Logger:                      log,
		MemTableSize:                memTableSize,
		MemTableStopWritesThreshold: memTables,
	}
	p.Experimental.SpanPolicyFunc = oneCollection
	for i := range p.Levels {
		p.TargetFileSizes[i] = tableSize
		p.Levels[i].IndexBlockSize = indexBlockSize
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(filterBitsOfAKey)
	}
	return p
}

// oneCollection has every table end with the collection that it begins with, so that what is written to some of them leaves
// the tables of the others alone.
func oneCollection(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	name, ok := collectionOf(start)
	if !ok {
		return pebble.SpanPolicy{}, nil, nil
	}
	return pebble.SpanPolicy{}, append([]byte(name), 1), nil
}

// loadMeta returns what the store says of itself, once it is checked, and writes it if the store is new.
func loadMeta(p *pebble.DB, o Options) (meta, error) {
	value, closer, err := p.Get(metaKey)
	if errors.Is(err, pebble.ErrNotFound) {
		return createMeta(p, o)
	}
	if err != nil {
		return meta{}, err
	}
	var m meta
	err = json.Unmarshal(value, &m)
	_ = closer.Close()                      // gives memory back
	if m.Format > 0 && m.Format != format { // whatever else it says
		return meta{}, fmt.Errorf("%w: it has version %d, and this program knows %d", store.ErrFormat, m.Format, format)
	}
	if err != nil || m.Format < 1 || m.Partitions < 1 || m.Partitions > store.MaxPartitions {
		return meta{}, fmt.Errorf("%w: its description is damaged", store.ErrFormat)
	}
	if o.Partitions != 0 && o.Partitions != m.Partitions {
		return meta{}, fmt.Errorf("%w: it has %d, and %d are asked for", store.ErrPartitions, m.Partitions, o.Partitions)
	}
	if m.Name != "" && o.Name != "" && m.Name != o.Name {
		return meta{}, fmt.Errorf("%w: it is of %s, and asked for is that of %s", store.ErrOther, m.Name, o.Name)
	}
	return m, nil
}

// createMeta writes the description of a new store. A creation that was cut short before it is done again.
func createMeta(p *pebble.DB, o Options) (meta, error) {
	it, err := p.NewIter(nil)
	if err != nil {
		return meta{}, err
	}
	used := it.First()
	if err := it.Close(); err != nil {
		return meta{}, err
	}
	if used {
		return meta{}, fmt.Errorf("%w: it holds data of something else", store.ErrFormat)
	}
	m := meta{Format: format, Partitions: cmp.Or(o.Partitions, store.DefaultPartitions), Name: o.Name}
	value, err := json.Marshal(m)
	if err != nil {
		return meta{}, err
	}
	return m, p.Set(metaKey, value, pebble.Sync)
}

// cause makes a clear error of one that Pebble returned on opening.
func cause(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return store.ErrMissing
	case errors.As(err, &path):
		return path
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EACCES): // of fcntl, so without a path
		return fmt.Errorf("%w by another process", store.ErrInUse)
	case strings.Contains(err.Error(), "lock held by current process"):
		return fmt.Errorf("%w by this process already", store.ErrInUse)
	case strings.Contains(err.Error(), "format major version"):
		return fmt.Errorf("%w: %w", store.ErrFormat, err)
	}
	return err
}
