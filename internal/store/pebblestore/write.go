package pebblestore

import (
	"bytes"

	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
)

// write writes to a batch of Pebble's what a batch of the store's does, key by key in the partition's order.
func (part *partition) write(built *pebble.Batch, r *reader, writes []store.Write) error {
	part.memory.begin(writes)
	for n := 0; n < len(part.order); n++ {
		w := &writes[part.order[n]]
		switch w.Kind {
		case store.WritePut:
			if part.memory.put(w) {
				put(built, r.partition, w.Key, w.Value)
			}
		case store.WriteDelete:
			end := n + 1
			for end < len(part.order) && removesWith(w, &writes[part.order[end]]) {
				end++
			}
			if err := part.remove(built, r, writes, part.order[n:end]); err != nil {
				return err
			}
			n = end - 1
		case store.WriteAdd:
			if err := part.memory.add(r, w.Key, w.Delta); err != nil {
				return err
			}
		}
	}
	part.memory.finish(built, r.partition)
	return nil
}

func put(built *pebble.Batch, p store.Partition, key store.Key, value []byte) {
	op := built.SetDeferred(keySize(key), len(value))
	putKey(op.Key, p, key)
	copy(op.Value, value)
	_ = op.Finish() // fails for indexed batches only
}

// manyRemoved is from how many keys on that are removed together a look is worth it whether anything lies between them.
const manyRemoved = 64

// removesWith tells whether the next write goes on with what the first removes.
func removesWith(first, next *store.Write) bool {
	return next.Kind == store.WriteDelete && next.Key.Collection == first.Key.Collection
}

// remove removes keys of one collection, which are the writes at places. A run removes marks by the million: where nothing else lies
// between them, one tombstone for all is written and compacted in no time, and a Scan need not walk over one for each.
func (part *partition) remove(built *pebble.Batch, r *reader, writes []store.Write, places []int) error {
	for _, i := range places {
		part.memory.remove(writes[i].Key)
	}
	start := 0
	together := func(end int) {
		removed := places[start:end]
		if len(removed) < manyRemoved {
			for _, i := range removed {
				remove(built, r.partition, writes[i].Key)
			}
		} else {
			first, last := writes[removed[0]].Key, writes[removed[len(removed)-1]].Key
			// It fails for indexed batches only.
			_ = built.DeleteRange(appendKey(nil, r.partition, first), append(appendKey(nil, r.partition, last), 0), nil)
		}
		start = end
	}
	if len(places) >= manyRemoved {
		if err := r.between(writes, places, together); err != nil {
			return err
		}
	}
	together(len(places))
	return nil
}

// between calls found with how many of the keys at places lie before something that is there and none of them. Keys ascend, but for
// those of a batch that has failed and is gone through again, in the order of its writes: what is made of that is thrown away.
func (r *reader) between(writes []store.Write, places []int, found func(before int)) error {
	last := writes[places[len(places)-1]].Key
	it, err := r.pebble.NewIter(&pebble.IterOptions{
		LowerBound: appendKey(nil, r.partition, writes[places[0]].Key),
		UpperBound: appendKey(nil, r.partition, last),
	})
	if err != nil {
		return unavailable(err)
	}
	i := 0
	r.key = appendKey(r.key[:0], r.partition, writes[places[0]].Key)
	for ok := it.First(); ok; {
		for bytes.Compare(r.key, it.Key()) < 0 { // the last one is above all that the iterator sees
			i++
			r.key = appendKey(r.key[:0], r.partition, writes[places[i]].Key)
		}
		if bytes.Equal(r.key, it.Key()) {
			ok = it.Next()
		} else {
			found(i)
			ok = it.SeekGE(r.key) // much may lie between two of them
		}
	}
	if err := it.Close(); err != nil {
		return unavailable(err)
	}
	return nil
}

func remove(built *pebble.Batch, p store.Partition, key store.Key) {
	op := built.DeleteDeferred(keySize(key))
	putKey(op.Key, p, key)
	_ = op.Finish() // fails for indexed batches only
}
