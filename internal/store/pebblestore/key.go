package pebblestore

import (
	"bytes"
	"encoding/binary"

	"github.com/incentives-dev/incentives/internal/store"
)

// metaKey holds what the store says of itself. No collection begins as it does.
var metaKey = []byte("\xff\xffmeta")

// A key of Pebble's is the collection, 0, the partition in 2 bytes, and the id. So a collection lies together: where all
// of it comes and goes, as marks do, what is deleted is soon compacted away, and does not lie about among what stays.

// keyHeader is how many bytes a key has besides its collection and its id.
const keyHeader = 3

// appendKey appends the key that Pebble knows a key of a partition by.
func appendKey(dst []byte, p store.Partition, k store.Key) []byte {
	return append(appendStart(dst, p, k.Collection), k.ID...)
}

// appendStart appends the beginning that all keys of a collection in a partition share.
func appendStart(dst []byte, p store.Partition, collection string) []byte {
	dst = append(append(dst, collection...), 0)
	return binary.BigEndian.AppendUint16(dst, uint16(p))
}

// appendEnd appends the first key above those of a collection in a partition.
func appendEnd(dst []byte, p store.Partition, collection string) []byte {
	return appendStart(dst, p+1, collection) // no partition has the highest number
}

// collectionOf returns the collection of a key, unless it is metaKey.
func collectionOf(key []byte) (name string, ok bool) {
	collection, _, ok := bytes.Cut(key, []byte{0})
	return string(collection), ok
}

// keySize returns the length of what appendKey appends.
func keySize(k store.Key) int {
	return len(k.Collection) + keyHeader + len(k.ID)
}

// putKey writes to dst, of keySize bytes, what appendKey appends.
func putKey(dst []byte, p store.Partition, k store.Key) {
	appendKey(dst[:0], p, k)
}
