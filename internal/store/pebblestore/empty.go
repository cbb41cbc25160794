package pebblestore

import (
	"slices"
	"strings"

	"github.com/incentives-dev/incentives/internal/store"
)

// rememberedEmpties is how many keys with an empty value a partition remembers, in some 150 bytes each.
const rememberedEmpties = 1024

// empties knows of some keys that they hold an empty value. Whoever marks something as there mostly marks what is marked
// already, and that need not be written again: it would cost as much as all the rest of what is written with it.
type empties struct {
	collections []string               // that ever had an empty value
	known       map[store.Key]struct{} // as of the last batch handed to Pebble
	changed     map[store.Key]bool     // by the batch at hand: whether the key holds an empty value then
}

// begin prepares for a batch.
func (e *empties) begin() { clear(e.changed) } // of a batch that failed

// put takes note of a Put, and tells whether it has to be written.
func (e *empties) put(w *store.Write) bool {
	if len(w.Value) > 0 {
		e.remove(w.Key)
		return true
	}
	if is, ok := e.changed[w.Key]; ok && is {
		return false
	} else if _, known := e.known[w.Key]; known && !ok {
		return false
	}
	if !slices.Contains(e.collections, w.Key.Collection) {
		e.collections = append(e.collections, strings.Clone(w.Key.Collection))
	}
	if e.changed == nil {
		e.known, e.changed = map[store.Key]struct{}{}, map[store.Key]bool{}
	}
	e.changed[w.Key] = true
	return true
}

// remove takes note that a key holds something else, or nothing.
func (e *empties) remove(key store.Key) {
	if slices.Contains(e.collections, key.Collection) {
		e.changed[key] = false
	}
}

// remember takes note that the batch was handed to Pebble.
func (e *empties) remember() {
	for key, is := range e.changed {
		if !is {
			delete(e.known, key)
			continue
		}
		if len(e.known) >= rememberedEmpties {
			for one := range e.known { // whichever comes first
				delete(e.known, one)
				break
			}
		}
		// The caller's strings may be parts of much longer ones.
		collection := e.collections[slices.Index(e.collections, key.Collection)]
		e.known[store.Key{Collection: collection, ID: strings.Clone(key.ID)}] = struct{}{}
	}
	if len(e.changed) > rememberedEmpties {
		e.changed = map[store.Key]bool{} // clearing would keep its size for ever
	}
	clear(e.changed) // it holds on to the caller's memory
}
