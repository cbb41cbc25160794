package pebblestore

import (
	"math"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
	"github.com/incentives-dev/incentives/internal/stored"
)

// remembered is how many keys of a collection a partition remembers, in some 150 bytes each.
const remembered = 512

// A memory knows what some keys of a partition hold, those that are written again and again: counters, and keys with an empty
// value. To add to a counter, what it holds must be known, and reading it back would cost as much as all the rest of a commit.
// Whoever marks something with an empty value mostly marks what is marked already, and that need not be written again.
type memory struct {
	collections []*collection // that ever had such a key
	touched     []*cell       // by the batch at hand
}

type collection struct {
	name    string
	counted bool             // it ever had a counter
	cells   map[string]*cell // by id
}

// A cell is a key that is remembered.
type cell struct {
	key     store.Key
	known   holding // as of the last batch handed to Pebble
	now     holding // as the batch at hand leaves it so far
	touched bool    // by that
}

// A holding is what a key holds.
type holding struct {
	kind  kind
	n     int64  // of a counter
	value []byte // of something, valid for as long as the batch is at hand
}

type kind uint8

const (
	unknown kind = iota
	nothing
	empty
	counter
	something // else
)

// begin prepares for a batch.
func (m *memory) begin(writes []store.Write) {
	m.forget() // of a batch that failed
	for i := range writes {
		w := &writes[i]
		adds := w.Kind == store.WriteAdd
		if !adds && (w.Kind != store.WritePut || len(w.Value) > 0) {
			continue
		}
		in := m.collection(w.Key.Collection)
		if in == nil {
			in = &collection{name: strings.Clone(w.Key.Collection), cells: map[string]*cell{}}
			m.collections = append(m.collections, in)
		}
		in.counted = in.counted || adds
	}
}

// forget leaves what the batch at hand did, and the cells of which nothing is known.
func (m *memory) forget() {
	for _, c := range m.touched {
		c.now, c.touched = holding{}, false // it held on to the caller's memory
		if c.known.kind == unknown {
			delete(m.collection(c.key.Collection).cells, c.key.ID)
		}
	}
	clear(m.touched)
	m.touched = m.touched[:0]
}

func (m *memory) collection(name string) *collection {
	for _, c := range m.collections {
		if c.name == name {
			return c
		}
	}
	return nil
}

// touch returns the cell of a key that is about to be written, nil where it is in a collection of which nothing is remembered.
func (m *memory) touch(key store.Key) *cell {
	in := m.collection(key.Collection)
	if in == nil {
		return nil
	}
	c := in.cells[key.ID]
	if c == nil {
		if len(in.cells) >= remembered && len(m.touched) < remembered {
			in.shrink()
		}
		// The caller's string may be part of a much longer one.
		c = &cell{key: store.Key{Collection: in.name, ID: strings.Clone(key.ID)}}
		in.cells[c.key.ID] = c
	}
	if !c.touched {
		c.touched, c.now = true, c.known
		m.touched = append(m.touched, c)
	}
	return c
}

// shrink makes room for one more.
func (c *collection) shrink() {
	if !c.counted {
		clear(c.cells) // one by one costs more than to write again what was marked
		return
	}
	for id, one := range c.cells { // whichever comes first
		if !one.touched {
			delete(c.cells, id)
			return
		}
	}
}

// put takes note of a Put, and tells whether it has to be written.
func (m *memory) put(w *store.Write) bool {
	c := m.touch(w.Key)
	switch {
	case c == nil:
	case len(w.Value) > 0:
		c.now = holding{kind: something, value: w.Value}
	case c.now.kind == empty:
		return false
	default:
		c.now = holding{kind: empty}
	}
	return true
}

// remove takes note of a Delete.
func (m *memory) remove(key store.Key) {
	// Where nothing is counted, nobody asks for what is gone.
	if in := m.collection(key.Collection); in == nil || !in.counted && in.cells[key.ID] == nil {
		return
	}
	m.touch(key).now = holding{kind: nothing}
}

// add adds to a key, reading it if need be.
func (m *memory) add(r *reader, key store.Key, delta int64) error {
	c := m.touch(key)
	n, err := c.number(r)
	if err != nil {
		return err
	}
	if delta > 0 && n > math.MaxInt64-delta || delta < 0 && n < math.MinInt64-delta {
		return store.ErrOverflow
	}
	c.now = holding{kind: counter, n: n + delta}
	return nil
}

// number returns what the next Add to the key adds to.
func (c *cell) number(r *reader) (int64, error) {
	switch c.now.kind {
	case counter:
		return c.now.n, nil
	case nothing:
		return 0, nil
	case something, empty:
		return number(c.now.value)
	default:
		value, err := r.get(c.key)
		if err != nil || value == nil {
			return 0, err
		}
		return number(value)
	}
}

// number returns what the value of a counter stands for.
func number(value []byte) (int64, error) {
	n, err := stored.ParseInt(string(value))
	if err != nil {
		return 0, store.ErrNotNumber
	}
	return n, nil
}

// finish writes what was added: once, at the end, however often a counter was added to. A Put or Delete after the last Add
// to a key is later than it, and has taken its place.
func (m *memory) finish(built *pebble.Batch, p store.Partition) {
	var digits [20]byte
	for _, c := range m.touched {
		if c.now.kind == counter {
			put(built, p, c.key, strconv.AppendInt(digits[:0], c.now.n, 10))
		}
	}
}

// remember takes note that the batch was handed to Pebble.
func (m *memory) remember() {
	for _, c := range m.touched {
		c.known = c.now
		if c.now.kind == something {
			c.known = holding{} // what, only the caller's memory says
		}
	}
	large := len(m.touched) > remembered
	m.forget()
	if !large {
		return
	}
	m.touched = nil // it would keep its size for ever, and so would the maps
	for _, c := range m.collections {
		if len(c.cells) > remembered {
			c.cells = map[string]*cell{}
		}
	}
}
