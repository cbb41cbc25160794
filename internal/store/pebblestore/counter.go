package pebblestore

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
)

// rememberedCounters is how many counters a partition remembers the values of, in some 150 bytes each.
const rememberedCounters = 1024

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
	last  store.WriteKind
	value []byte // that was put
	n     int64  // that was added up to
}

// finish writes what was added: once, at the end, however often a counter was added to. A Put or Delete after the last Add
// to a key is later than it, and has taken its place in changed.
func (c *counters) finish(built *pebble.Batch, p store.Partition) {
	var digits [20]byte
	for key, t := range c.changed {
		if t.last == store.WriteAdd {
			put(built, p, key, strconv.AppendInt(digits[:0], t.n, 10))
		}
	}
}

// begin prepares for a batch.
func (c *counters) begin(writes []store.Write) {
	clear(c.changed) // of a batch that failed
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

// set takes note of a Put or Delete.
func (c *counters) set(w *store.Write) {
	if c.counts(w.Key) {
		c.changed[w.Key] = tally{last: w.Kind, value: w.Value}
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
	c.changed[key] = tally{last: store.WriteAdd, n: n + delta}
	return nil
}

// current returns what the next Add to a key adds to.
func (c *counters) current(r *reader, key store.Key) (int64, error) {
	if t, ok := c.changed[key]; ok {
		switch t.last {
		case store.WriteAdd:
			return t.n, nil
		case store.WritePut:
			return number(t.value)
		default:
			return 0, nil
		}
	}
	if n := c.known[key]; n != nil {
		return *n, nil
	}
	value, err := r.get(key)
	if err != nil || value == nil {
		return 0, err
	}
	return number(value)
}

// remember takes note that the batch was handed to Pebble.
func (c *counters) remember() {
	for key, t := range c.changed {
		known := c.known[key]
		switch {
		case t.last != store.WriteAdd:
			delete(c.known, key)
		case known != nil:
			*known = t.n
		default:
			c.learn(key, t.n)
		}
	}
	if len(c.changed) > rememberedCounters {
		c.changed = map[store.Key]tally{} // clearing would keep its size for ever
	}
	clear(c.changed) // it holds on to the caller's memory
}

func (c *counters) learn(key store.Key, n int64) {
	if len(c.known) >= rememberedCounters {
		for one := range c.known { // whichever comes first
			delete(c.known, one)
			break
		}
	}
	// The caller's strings may be parts of much longer ones.
	collection := c.collections[slices.Index(c.collections, key.Collection)]
	c.known[store.Key{Collection: collection, ID: strings.Clone(key.ID)}] = &n
}

// number returns what the value of a counter stands for.
func number(value []byte) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != string(value) { // "+1", "007", "-0"
		return 0, store.ErrNotNumber
	}
	return n, nil
}
