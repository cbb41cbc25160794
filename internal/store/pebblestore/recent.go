package pebblestore

import (
	"github.com/bits-and-blooms/bloom/v3"

	"github.com/incentives-dev/incentives/internal/store"
)

// Most keys that a commit looks for are absent: new earnings. The filters of Pebble's tables answer for them, but its memtables have
// none, and to look into those took longer than all tables together. So a partition has filters of its own, of the keys that may be
// there, and where those say no, only the tables are asked.
//
// It has two: one of this generation and one of the last. A generation ends, at the earliest, when all that is older than it is in
// tables, for which Pebble is asked to write its memtables as the generation begins. So what both filters lack is in tables,
// or nowhere.
//
// The collections that a memory remembers are none of these: their keys are written again and again, and seldom looked for.
const (
	// generationSize is how many bytes a generation writes at the least.
	generationSize = 4 * memTableSize
	// filterBits are the bits of a generation's filters, of all partitions together: some 50 a key. Where there are more keys, they say
	// yes more often, and are right all the same.
	filterBits = 1 << 24
	// filterHashes is how many bits a key sets. Each may be a miss of the processor's cache.
	filterHashes = 2
)

// A recent holds the filters of a partition.
type recent struct {
	generation  uint64
	now, before *bloom.BloomFilter
	key         []byte // kept for its memory
}

// age takes a partition of some into a generation.
func (r *recent) age(generation uint64, partitions int) {
	if r.now == nil {
		size := uint(max(filterBits/partitions, 1024))
		r.now, r.before = bloom.New(size, filterHashes), bloom.New(size, filterHashes)
	}
	switch generation - r.generation {
	case 0:
		return
	case 1:
		r.now, r.before = r.before, r.now
	default:
		r.before.ClearAll()
	}
	r.now.ClearAll()
	r.generation = generation
}

// wrote takes note of what a batch wrote.
func (part *partition) wrote(p store.Partition, writes []store.Write) {
	for i := range writes {
		if key := writes[i].Key; part.memory.collection(key.Collection) == nil {
			r := &part.recent
			r.key = appendKey(r.key[:0], p, key)
			r.now.Add(r.key)
		}
	}
}

// mayBeRecent tells whether a key, which is encoded as given, may have been written lately. False is certain: it is in tables, or nowhere.
func (part *partition) mayBeRecent(key store.Key, encoded []byte) bool {
	if part.memory.collection(key.Collection) != nil {
		return true
	}
	at := bloom.Locations(encoded, filterHashes) // both are of one size
	return part.recent.now.TestLocations(at) || part.recent.before.TestLocations(at)
}

// age begins a new generation, where this one is large enough and what is older is in tables. A batch of n bytes is about to be
// handed to Pebble, and none is on its way: what the old generation's filters got until now, Pebble now begins to write to tables.
func (db *DB) age(n int) error {
	db.written += n
	if db.written < db.generationSize {
		return nil
	}
	select {
	case <-db.flushed:
	default:
		return nil
	}
	flushed, err := db.pebble.AsyncFlush()
	if err != nil {
		return err
	}
	db.flushed, db.written = flushed, 0
	db.generation.Add(1)
	return nil
}
