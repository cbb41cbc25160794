package pebblestore

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
)

// rememberedCounters is how many counters a partition remembers the values of. Some 100 bytes each.
const rememberedCounters = 2048

// counters applies the Adds of a partition's batches. To add to a counter it must be known, so the values of
// those added to before are remembered: reading them back would cost as much as all the rest of a commit.
type counters struct {
	collections []string             // those that were ever added to
	known       map[store.Key]*int64 // as of the last batch handed to Pebble

	// changed holds the keys in collections that the batch at hand has written so far.
	changed map[store.Key]tally
}

// A tally is what a batch has made of a key so far.
type tally struct {
	value []byte // if put; nil if deleted
	n     int64  // if added
	added bool   // by the last write to the key
}

// begin prepares for a batch.
func (c *counters) begin(writes []store.Write) {
	clear(c.changed)
	for i := range writes {
		if writes[i].Kind == store.WriteAdd && !c.counts(writes[i].Key) {
			c.collections = append(c.collections, strings.Clone(writes[i].Key.Collection))
		}
	}
	if c.known == nil && len(c.collections) > 0 {
		c.known, c.changed = map[store.Key]*int64{}, map[store.Key]tally{}
	}
}

// counts says whether a key may be a counter.
func (c *counters) counts(key store.Key) bool {
	return slices.Contains(c.collections, key.Collection)
}

// set takes note that the batch puts, or with a nil value deletes, a key.
func (c *counters) set(key store.Key, value []byte) {
	if c.counts(key) {
		c.changed[key] = tally{value: value}
	}
}

// add adds to a key, reading it if need be.
func (c *counters) add(r *reader, key store.Key, delta int64) error {
	n, err := c.current(r, key)
	if err != nil {
		return err
	}
	if delta > 0 && n > math.MaxInt64-delta || delta < 0 && n < math.MinInt64-delta {
		return store.ErrOverflow
	}
	c.changed[key] = tally{n: n + delta, added: true}
	return nil
}

func (c *counters) current(r *reader, key store.Key) (int64, error) {
	if t, ok := c.changed[key]; ok {
		if t.added {
			return t.n, nil
		}
		return number(t.value)
	}
	if n := c.known[key]; n != nil {
		return *n, nil
	}
	value, err := r.get(key)
	if err != nil {
		return 0, err
	}
	return number(value)
}

// finish writes what the Adds amount to. It must come after all else that the batch writes.
func (c *counters) finish(built *pebble.Batch, p store.Partition) {
	var digits [20]byte
	for key, t := range c.changed {
		if t.added {
			put(built, p, key, strconv.AppendInt(digits[:0], t.n, 10))
		}
	}
}

// remember takes note that the batch was handed to Pebble.
func (c *counters) remember() {
	for key, t := range c.changed {
		known := c.known[key]
		switch {
		case !t.added:
			delete(c.known, key)
		case known != nil:
			*known = t.n
		default:
			c.learn(key, t.n)
		}
	}
}

func (c *counters) learn(key store.Key, n int64) {
	if len(c.known) >= rememberedCounters {
		for any := range c.known {
			delete(c.known, any)
			break
		}
	}
	// The caller's strings may be parts of much longer ones.
	key = store.Key{Collection: strings.Clone(key.Collection), ID: strings.Clone(key.ID)}
	c.known[key] = &n
}

// number returns what a counter's value stands for; that of an absent one is nil.
func number(value []byte) (int64, error) {
	if value == nil {
		return 0, nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != string(value) { // "+1", "007", "-0"
		return 0, store.ErrNotNumber
	}
	return n, nil
}
