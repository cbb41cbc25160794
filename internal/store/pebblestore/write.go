package pebblestore

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/incentives-dev/incentives/internal/store"
)

// write writes to a batch of Pebble's what a batch of the store's does, key by key in the partition's order.
func (part *partition) write(built *pebble.Batch, r *reader, writes []store.Write) error {
	part.memory.begin(writes)
	for _, i := range part.order {
		w := &writes[i]
		switch w.Kind {
		case store.WritePut:
			if part.memory.put(w) {
				put(built, r.partition, w.Key, w.Value)
			}
		case store.WriteDelete:
			part.memory.remove(w.Key)
			remove(built, r.partition, w.Key)
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

func remove(built *pebble.Batch, p store.Partition, key store.Key) {
	op := built.DeleteDeferred(keySize(key))
	putKey(op.Key, p, key)
	_ = op.Finish() // fails for indexed batches only
}
